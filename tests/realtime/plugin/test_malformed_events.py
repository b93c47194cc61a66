"""A call survives malformed events: ten thousand, each wrong in another way."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from typing import Any, Self

import pytest

from agent.local.standin import StandIn, StandInOptions
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.model import realtime_model
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.plugin_client import SCRIPT, Event, connected, endpoint, greeted
from tests.kit.plugin_session import PluginSession

SESSIONS = 100
EVENTS = 100
AT_ONCE = 25
JUNK: list[Any] = [None, True, 0, -1, 2**63, 1e308, "", "x", "é" * 300, [], [[]], {}, {"a": {}}]

NO_EVENTS = ["", "{", "[]", "null", "nonsense", '{"type": "a.b"}', '{"no": "type"}']


async def real_events() -> list[Event]:
    """The server events of an ordinary conversation."""
    async with connected() as (client, _):
        await greeted(client)
        return list(client.events)


def malformed(chance: random.Random, events: list[Event]) -> str:
    """One of ``events`` as a frame, with a random defect or out of order."""
    event: Any = copy.deepcopy(chance.choice(events))
    kind = chance.random()
    if kind < 0.1:
        return chance.choice(NO_EVENTS)
    if kind < 0.2:
        return json.dumps({"type": event["type"]})
    if kind < 0.3:
        return json.dumps(event)  # right, but not now
    place = event
    while True:
        key = chance.choice(list(place))
        inner = place[key]
        if isinstance(inner, dict) and inner and chance.random() < 0.7:
            place = inner
            continue
        break
    if chance.random() < 0.4:
        del place[key]
    else:
        place[key] = chance.choice(JUNK)
    return json.dumps(event)


class Call:
    """One session of the real plugin, to which malformed events are sent."""

    def __init__(self, stand_in: StandIn, number: int) -> None:
        self._stand_in = stand_in
        self._number = number
        parameters = with_defaults({"turn_detection.type": None}, OPENAI_GA)
        http_session = PluginHTTPSession(
            [ServiceTarget(endpoint(OPENAI_GA, stand_in.url), parameters)]
        )
        self._plugin = PluginSession(realtime_model(parameters, http_session).session())

    async def start(self) -> Self:
        await self._plugin.session.generate_reply()
        self._seen = list(self._stand_in.record.sessions.values())[-1]
        return self

    async def survive(self, events: list[Event]) -> str:
        """Send malformed events, then ask for an answer. Why none came; empty if one did."""
        chance = random.Random(self._number)
        try:
            for _ in range(EVENTS):
                self._seen.session.emit_raw(malformed(chance, events))
                if chance.random() < 0.1:
                    await asyncio.sleep(0)
            await self._plugin.session.generate_reply()
            texts = await self._plugin.texts(10)
            async with asyncio.timeout(10):
                # Stray sound may have been taken for the beginning of the answer.
                while not texts[-1].strip():
                    await asyncio.sleep(0.05)
                    texts = await self._plugin.texts(10)
        except Exception as error:
            return f"session {self._number}: no answer ({error!r})"
        finally:
            await self._plugin.close()
        if self._plugin.fatal:
            return f"session {self._number}: {self._plugin.errors}"
        return ""


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_call_after_malformed_events_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.realtime.plugin.client_events.STALL_SECONDS", 0.5)
    events = await real_events()
    failures: list[str] = []
    async with StandIn(StandInOptions(script=SCRIPT, pace=100)) as stand_in:
        for first in range(0, SESSIONS, AT_ONCE):
            numbers = range(first, first + AT_ONCE)
            calls = [await Call(stand_in, number).start() for number in numbers]
            failures += await asyncio.gather(*(call.survive(events) for call in calls))
    assert [each for each in failures if each] == []
