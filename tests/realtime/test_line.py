"""The line holds: a connection is lost, refused or expires, and the engine sees one all the same.

Real sockets, the stand-in as the service; upstream's defects are named where one is answered.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents import APIConnectionError

from agent.local.audio import SERVICE_RATE, silence
from agent.local.speech import speech
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.local.standin.record import Seen
from agent.realtime.dialects import AZURE_PREVIEW, OPENAI_GA, Dialect
from agent.realtime.parameters import with_defaults
from agent.realtime.watch import Notice
from agent.realtime.way import Way
from agent.realtime.wire_session import WireSession
from tests.realtime.recording_service import RecordingService
from tests.realtime.wired import SCRIPT, Client, endpoint

SPEECH = speech.say("hello")


class Line:
    """A client on a wire to a stand-in, and what the operator is told."""

    def __init__(self, stand_in: StandIn, dialect: Dialect, given: dict[str, Any]) -> None:
        given = {"turn_detection.type": None, **given}
        self.stand_in = stand_in
        self.notices: list[Notice] = []
        way = Way(endpoint(dialect, stand_in.url), with_defaults(given, dialect))
        self.session = WireSession([way], on_notice=self.notices.append)
        self.client: Client

    @property
    def seen(self) -> list[Seen]:
        """All connections so far, the oldest first."""
        return list(self.stand_in.record.sessions.values())

    async def start(self, **session: Any) -> None:
        self.client = Client(await self.session.ws_connect(""))
        await self.client.send(
            "session.update", event_id="first", session={"type": "realtime", **session}
        )
        await self.client.until("session.updated")

    async def hang_up(self, code: int = 1001) -> None:
        self.seen[-1].session.hang_up(code, "")

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the stand-in tells nobody
                await asyncio.sleep(0.01)

    async def reconnected(self, connections: int = 2) -> Seen:
        """The newest connection, once it has been told everything."""
        await self.until(lambda: self.told().count("reconnected") >= connections - 1)
        return self.seen[-1]

    async def greet(self) -> str:
        await self.client.send("response.create", event_id="greet")
        done = await self.client.until("response.done")
        item_id: str = done["response"]["output"][0]["id"]
        return item_id

    async def speak(self) -> None:
        await self.client.append(SPEECH)
        await self.client.send("input_audio_buffer.commit", event_id="commit")

    def told(self) -> list[str]:
        """What the operator is told, by name."""
        return [notice.name for notice in self.notices]

    def texts(self) -> list[str]:
        """What the newest connection holds of the conversation."""
        return [_text(item) for item in self.seen[-1].as_dict()["items"]]


def _text(item: dict[str, Any]) -> str:
    parts = item.get("content") or []
    said = (part.get("text") or part.get("transcript") or part["type"] for part in parts)
    return "".join(said)


@asynccontextmanager
async def line(
    *faults: str,
    dialect: Dialect = OPENAI_GA,
    start: bool = True,
    pace: float = 50,
    given: dict[str, Any] | None = None,
) -> AsyncIterator[Line]:
    options = StandInOptions(
        script=SCRIPT, pace=pace, dialects=(dialect.name,), faults=tuple(map(parse_fault, faults))
    )
    async with StandIn(options) as stand_in:
        made = Line(stand_in, dialect, given or {})
        if start:
            await made.start(instructions="Be kind.")
        yield made
        if start:
            await made.client.close()


@pytest.mark.parametrize("dialect", [OPENAI_GA, AZURE_PREVIEW], ids=lambda each: each.name)
async def test_a_lost_connection_is_replaced_and_told_what_was_said(dialect: Dialect) -> None:
    given = {"voice": "ash", "transcription.model": "whisper-1"}
    async with line(dialect=dialect, given=given) as made:
        await made.greet()
        await made.speak()
        await made.client.until("conversation.item.input_audio_transcription.completed")
        await made.hang_up()
        seen = await made.reconnected()
        config = seen.as_dict()["session"]
        assert config["instructions"] == "Be kind."
        assert config["audio"]["output"]["voice"] == "ash"
        assert made.texts() == [SCRIPT.greeting, "hello"]
        before = len(made.client.events)
        await made.client.send("response.create", event_id="next")
        done = await made.client.until("response.done", count=2)
        assert done["response"]["status"] == "completed"
        # Nothing of what was told again is news to the engine.
        kinds = [event["type"] for event in made.client.events[before:]]
        assert kinds.count("conversation.item.added") == 1
        assert seen.errors == []


async def test_d5_the_next_connection_is_told_what_was_heard_and_no_more() -> None:
    async with line() as made:
        item = await made.greet()
        made.session.played(item, "Hello there,")
        await made.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600
        )
        await made.client.until("conversation.item.truncated")
        await made.hang_up()
        await made.reconnected()
        assert made.texts() == ["Hello there,"]


async def test_what_was_played_is_told_by_its_time_where_nobody_knows_the_words() -> None:
    async with line() as made:
        item = await made.greet()
        await made.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=1000
        )
        await made.hang_up()
        await made.reconnected()
        (heard,) = made.texts()
        assert SCRIPT.greeting.startswith(heard)
        assert 5 < len(heard) < len(SCRIPT.greeting) / 2


async def test_an_interruption_of_what_another_connection_said() -> None:
    """It is a text there, which cannot be truncated."""
    async with line() as made:
        item = await made.greet()
        await made.hang_up()
        seen = await made.reconnected()
        made.session.played(item, "Hello there,")
        await made.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600
        )
        await made.until(lambda: made.texts() == ["Hello there,"])
        assert seen.errors == []
        assert not [e for e in made.client.events if e["type"] == "conversation.item.deleted"]


async def test_a_turn_without_a_transcript_is_told_as_sound() -> None:
    async with line(given={"transcription.model": None}) as made:
        await made.speak()
        await made.client.until("input_audio_buffer.committed")
        await made.hang_up()
        await made.reconnected()
        assert made.texts() == ["input_audio"]


async def test_d4_what_nobody_waits_for_any_more_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.memory.STALE_SECONDS", 0.3)
    async with line() as made:
        made.stand_in.faults["http-503"] = parse_fault("http-503")
        await made.hang_up()
        await asyncio.sleep(0.05)
        await made.client.send("response.create", event_id="stale")
        for _ in range(80):
            await made.client.append(silence(0.1, SERVICE_RATE))
        await asyncio.sleep(0.6)
        made.stand_in.faults.clear()
        seen = await made.reconnected()
        await made.client.send("response.create", event_id="fresh")
        await made.client.until("response.done")
        assert seen.received["response.create"] == 1
        assert seen.received["input_audio_buffer.append"] <= 300  # SENTENCE_MS


async def test_a_request_made_while_there_is_no_connection_is_answered() -> None:
    async with line() as made:
        await made.hang_up()
        await made.client.send("response.create", event_id="now")
        done = await made.client.until("response.done")
        assert done["response"]["status"] == "completed"


async def test_a_sentence_that_was_not_committed_goes_along() -> None:
    async with line() as made:
        await made.client.append(SPEECH[: len(SPEECH) // 2])
        await made.hang_up()
        await asyncio.sleep(0.02)
        await made.client.append(SPEECH[len(SPEECH) // 2 :])
        await made.client.send("input_audio_buffer.commit", event_id="commit")
        await made.client.send("response.create", event_id="answer")
        heard = await made.client.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "hello"
        await made.client.until("response.done")


async def test_a_reply_of_which_nothing_came_is_asked_for_again_once() -> None:
    async with line("close-mid-reply=0", pace=5) as made:
        await made.client.send(
            "response.create", event_id="greet", response={"metadata": {"client_event_id": "greet"}}
        )
        lost = await made.client.until("response.done")
        assert lost["response"]["status"] == "cancelled"
        made.stand_in.faults.clear()
        done = await made.client.until("response.done", count=2)
        assert done["response"]["status"] == "completed"
        assert [n.detail for n in made.notices if n.name == "reply_lost"] == [{"asked_again": True}]


async def test_a_reply_that_is_lost_twice_is_not_asked_for_a_third_time() -> None:
    async with line("close-mid-reply=0", pace=5) as made:
        await made.client.send("response.create", event_id="greet")
        seen = await made.reconnected(3)
        await asyncio.sleep(0.3)
        assert seen.received["response.create"] == 0
        assert len(made.seen) == 3


async def test_a_reply_that_was_heard_in_part_is_not_begun_again() -> None:
    async with line("close-mid-reply=3", pace=5) as made:
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.done")
        made.stand_in.faults.clear()
        seen = await made.reconnected()
        (heard,) = made.texts()
        assert SCRIPT.greeting.startswith(heard)
        await asyncio.sleep(0.3)
        assert seen.received["response.create"] == 0


async def test_d19_the_caller_is_not_taken_to_be_speaking_for_ever() -> None:
    async with line(given={"turn_detection.type": "server_vad"}) as made:
        await made.client.append(SPEECH)
        await made.client.until("input_audio_buffer.speech_started")
        await made.hang_up()
        await made.client.until("input_audio_buffer.speech_stopped")
        await made.reconnected()
        await made.client.append(silence(1.5, SERVICE_RATE))
        done = await made.client.until("response.done")
        assert done["response"]["status"] == "completed"
        assert made.texts()[0] == "hello"


async def test_a_running_tool_answers_once_on_the_next_connection() -> None:
    async with line() as made:
        item = {"type": "message", "role": "user"}
        content = [{"type": "input_text", "text": "book a table"}]
        await made.client.send("conversation.item.create", item={**item, "content": content})
        await made.client.send("response.create", event_id="ask")
        called = await made.client.until(
            lambda event: (
                event["type"] == "response.output_item.done"
                and event["item"]["type"] == "function_call"
            )
        )
        await made.client.until("response.done")
        await made.hang_up()
        seen = await made.reconnected()
        output = {"type": "function_call_output", "call_id": called["item"]["call_id"]}
        await made.client.send("conversation.item.create", item={**output, "output": "done"})
        await made.client.send("response.create", event_id="then")
        await made.client.until("response.done", count=2)
        assert seen.errors == []
        assert made.texts()[-1] == "It is booked."
        kinds = [item["type"] for item in seen.as_dict()["items"]]
        assert kinds.count("function_call") == kinds.count("function_call_output") == 1


async def test_d7_a_connection_that_is_open_but_dead_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.service_socket.HEARTBEAT_SECONDS", 0.4)
    async with line("half-open=300") as made:
        made.stand_in.faults.clear()
        began = time.monotonic()
        await made.reconnected()
        assert time.monotonic() - began < 3


async def test_d8_there_is_one_budget_for_the_whole_call() -> None:
    """Upstream counts from the beginning with every handshake that succeeds."""
    async with line("close-after-accept=0", start=False) as made:
        wire = await made.session.ws_connect("")
        await wire.send_str(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
        async with asyncio.timeout(20):
            while (await wire.receive()).data is not None:
                pass
        assert 3 <= len(made.seen) <= 21
        assert made.notices[-1].name == "connection_lost"
        with pytest.raises(APIConnectionError) as caught:
            await made.session.ws_connect("")
        assert not caught.value.retryable
        await wire.close()


async def test_a_service_that_comes_back_is_found() -> None:
    async with RecordingService(status=503) as service:
        way = Way(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        session = WireSession([way])
        connecting = asyncio.create_task(session.ws_connect(""))
        await asyncio.sleep(0.3)
        service.refuse(None)
        wire = await connecting
        assert len(service.headers) >= 3
        await wire.close()


async def test_settings_that_were_refused_once_are_asked_for_again() -> None:
    async with line("refuse-first-update", start=False) as made:
        await made.start(instructions="Be kind.")
        assert made.seen[-1].as_dict()["session"]["instructions"] == "Be kind."
        assert made.client.errors() == []
        made.seen[-1].session.hang_up(1001, "")
        seen = await made.reconnected()
        assert seen.as_dict()["session"]["instructions"] == "Be kind."
        await made.client.close()


async def test_d2_d3_a_session_is_moved_before_it_expires_in_a_quiet_moment() -> None:
    async with line("expire=4", pace=2) as made:
        made.stand_in.faults.clear()
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.output_audio.delta")
        await made.client.until("response.done")
        ended = time.monotonic()
        assert len(made.seen) == 1, "it was moved inside a reply"
        await made.until(lambda: len(made.seen) == 2 and made.seen[0].closed)
        assert time.monotonic() - ended < 3
        assert made.texts() == [SCRIPT.greeting]
        await made.client.send("response.create", event_id="next")
        await made.client.until("response.done", count=2)
        assert made.client.errors() == []
        assert "connection_lost" not in made.told()


async def test_a_hard_limit_moves_it_within_a_reply() -> None:
    async with line("expire=2", pace=0.5) as made:
        made.stand_in.faults.clear()
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.output_audio.delta")
        lost = await made.client.until("response.done")
        assert lost["response"]["status"] == "cancelled"
        await made.until(lambda: made.seen[0].closed)
        assert made.client.errors() == []
        await made.client.send("response.create", event_id="next")
        await made.until(lambda: made.seen[-1].received["response.create"] == 1)


async def test_a_session_is_moved_on_demand_with_the_sentence_that_is_being_said() -> None:
    async with line() as made:
        made.session.roll_over()
        await made.until(lambda: len(made.seen) == 2 and made.seen[0].closed)
        await made.client.append(SPEECH)
        made.session.roll_over()
        await asyncio.sleep(0.5)
        assert not made.seen[1].closed, "it was moved inside the caller's sentence"
        await made.client.send("input_audio_buffer.commit", event_id="commit")
        await made.until(lambda: made.seen[1].closed)
        assert made.texts() == ["hello"]
