"""The wire: what the plugin holds as its WebSocket, and what everything of ours hangs on.

The plugin's engine touches the network in four places: ``http_session.ws_connect``, and
``send_str``, ``receive`` and ``close`` on what that returned. ``WireSession`` is the first,
``Wire`` the other three, so every event in both directions passes through here:

    plugin ─► complete ─► arbiter ─► dialect ─► guard ─► socket ─► service
           ◄─ echo ◄─ arbiter ◄─ conversation ◄─ dialect ◄─────────┘

The conversation is told of every event that leaves and of every one that comes; arbiter and
guard ask it. It, the arbiter and the echo read GA, the guard the service's own spelling.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Collection
from typing import Any

import aiohttp
from livekit.agents import APIConnectionError

from agent.errors import ServiceError, Violation
from agent.realtime import standing
from agent.realtime.arbiter import Arbiter
from agent.realtime.complete import SOME_MODEL, complete
from agent.realtime.conversation import Conversation
from agent.realtime.dialects import Event, to_ga, to_service
from agent.realtime.echo import Echo
from agent.realtime.endpoint import Endpoint
from agent.realtime.guard import Guard, appended_bytes, error_event, parse, serialise
from agent.realtime.parameters import SessionParameters
from agent.realtime.service_socket import Closed, ServiceSocket
from agent.realtime.sound import BYTES_PER_MS, PCM
from agent.realtime.watch import Notice, Watch
from agent.voice.gate import Gate

logger = logging.getLogger("agent.realtime")

CONNECT_SECONDS = 10.0

_FATAL_STATUS = {400, 401, 403, 404}
"""HTTP status of a handshake that will be refused again however often it is tried."""


class WireSession:
    """Stands in for the ``aiohttp.ClientSession`` that the plugin connects with.

    ``opening``, where given, is a connection that was begun before the plugin asked; the first
    ``ws_connect`` takes it over.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        parameters: SessionParameters,
        *,
        opening: asyncio.Task[ServiceSocket] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._parameters = parameters
        self._guard = Guard(endpoint.dialect, endpoint.context)
        self._opening = opening
        self._on_notice = on_notice
        self._gate = gate
        self._wire: Wire | None = None

    def hear(self, speaking: bool) -> None:
        """The caller has begun to speak, or has ended: with a ``gate``, audio leaves or not."""
        if self._wire is not None:
            self._wire.hear(speaking)

    def judge(self, event: Event) -> list[Violation]:
        """What ``event``, in GA, would be refused for if it were to leave now."""
        if self._wire is not None:
            return self._wire.judge(event)
        return self._guard.check(to_service(event, self._endpoint.dialect))

    def unheard(self, heard: Collection[str]) -> list[str]:
        """Ids of the agent's items, as far as they are complete, that are not among ``heard``."""
        return self._wire.unheard(heard) if self._wire is not None else []

    async def ws_connect(self, url: str, *, headers: Any = None) -> Wire:
        """A wire to the service. Where the plugin would connect, and with which key, is not
        looked at: the endpoint says both. Raises ``APIConnectionError``, which says whether the
        plugin may try again."""
        opening, self._opening = self._opening, None
        try:
            socket = await (opening or open_socket(self._endpoint))
        except ServiceError as error:
            logger.error("%s", error)
            retryable = error.status not in _FATAL_STATUS
            raise APIConnectionError(str(error), retryable=retryable) from error
        logger.info("connected to the Realtime service at %s", self._endpoint.host)
        self._wire = Wire(
            socket,
            self._endpoint,
            self._parameters,
            self._guard,
            on_notice=self._on_notice,
            gate=self._gate,
        )
        return self._wire

    async def aclose(self) -> None:
        """Let go of a connection that nobody took over."""
        if self._opening is not None:
            self._opening.cancel()
            for result in await asyncio.gather(self._opening, return_exceptions=True):
                if isinstance(result, ServiceSocket):
                    await result.close()


async def open_socket(endpoint: Endpoint) -> ServiceSocket:
    return await ServiceSocket.open(endpoint, timeout_seconds=CONNECT_SECONDS)


class Wire:
    """One connection, in GA towards the plugin and in the service's dialect towards it."""

    def __init__(
        self,
        socket: ServiceSocket,
        endpoint: Endpoint,
        parameters: SessionParameters,
        guard: Guard,
        *,
        on_notice: Callable[[Notice], None] | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._socket = socket
        self._endpoint = endpoint
        self._dialect = endpoint.dialect
        self._session = parameters.as_session()
        self._model = str(parameters["model"] or SOME_MODEL)
        self._guard = guard
        self._conversation = Conversation()
        self._arbiter = Arbiter(self._conversation)
        self._echo = Echo()
        self._watch = Watch(text_only=parameters["output_modalities"] == ["text"])
        self._on_notice = on_notice
        self._gate = gate
        self._configured = False
        self._numbers = itertools.count(1)

    async def send_str(self, text: str) -> None:
        """Take an event of the plugin. One that breaks a rule is answered here and not sent."""
        size = appended_bytes(text)
        if size is not None:
            if self._gate is None:
                self._send_audio(text, size)
            else:
                for piece in self._gate.take((text, size), size / BYTES_PER_MS[PCM]):
                    self._send_audio(*piece)
            return
        event = parse(text)
        if isinstance(event, Violation):
            self._refuse({}, event)
            return
        if self._gate is not None and event.get("type") == "input_audio_buffer.clear":
            self._gate.forget()
        if event.get("event_id") is None:
            # So that the service's answer can be told to belong to it.
            event["event_id"] = f"event_wire_{next(self._numbers)}"
        if event.get("type") == "session.update" and isinstance(event.get("session"), dict):
            first, self._configured = not self._configured, True
            event = complete(event, self._session, self._dialect, first=first, model=self._model)
        settled = standing.settled(self._conversation, event)
        if settled is None:
            logger.debug("left out, there is nothing to do: %s", event["type"])
        elif self._arbiter.admits(settled):
            self._leave(settled)

    def hear(self, speaking: bool) -> None:
        """The caller has begun to speak, or has ended."""
        if self._gate is not None:
            for piece in self._gate.open() if speaking else self._gate.close():
                self._send_audio(*piece)

    async def receive(self) -> aiohttp.WSMessage:
        """The next event for the plugin: the service's, or a refusal of ours."""
        while True:
            frame = await self._socket.receive()
            if isinstance(frame, Closed):
                logger.warning("%s closed the connection (%s)", self._endpoint.host, frame.code)
                return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, frame.code, frame.reason)
            text = self._take(frame)
            if text is not None:
                return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, None)

    async def close(self) -> None:
        await self._socket.close()
        if self._watch.leaked_audio_ms:
            logger.warning("in all: %s", Notice("audio_leaked", self._watch.leaked()))
        logger.info("closed the connection to %s", self._endpoint.host)

    def _send_audio(self, text: str, size: int) -> None:
        self._conversation.audio_sent(size)
        self._socket.send(text)

    def unheard(self, heard: Collection[str]) -> list[str]:
        return self._conversation.unheard(heard)

    def judge(self, event: Event) -> list[Violation]:
        """What ``event``, in GA, would be refused for if it were to leave now."""
        event = standing.settled(self._conversation, event) or event
        said = to_service(event, self._dialect)
        return self._guard.check(said) or standing.violations(self._conversation, event)

    def _leave(self, event: Event) -> None:
        """The last look, and out. An event that waited is judged as things stand now."""
        violations = self.judge(event)
        text = violations[0] if violations else serialise(to_service(event, self._dialect))
        if isinstance(text, Violation):
            self._refuse(event, text)
        else:
            self._conversation.sent(event)
            self._socket.send(text)

    def _refuse(self, event: Event, violation: Violation) -> None:
        logger.error("not sent: %s", violation.message)
        self._socket.deliver(json.dumps(error_event(violation, event)))

    def _take(self, frame: str) -> str | None:
        """A frame of the service, or of ours, as the plugin should have it; ``None``: not."""
        event = parse(frame)
        if isinstance(event, Violation):
            logger.warning("%s sent what is no event: %.200s", self._endpoint.host, frame)
            return None
        if self._dialect.flat:
            event = to_ga(event, self._dialect)
            frame = json.dumps(event)
        if self._arbiter.swallows(event):
            logger.debug("a race was lost, nothing to do: %s", event["error"].get("message"))
            return None
        if event.get("type") == "session.updated":
            self._compare(event.get("session"))
        self._conversation.received(event)
        for notice in self._watch.notices(event):
            self._tell(notice)
        while (waiting := self._arbiter.next()) is not None:
            self._leave(waiting)
        return frame if self._watch.lets_through(event) else None

    def _tell(self, notice: Notice) -> None:
        logger.log(notice.level, "%s: %s", self._endpoint.host, notice)
        if self._on_notice is not None:
            self._on_notice(notice)

    def _compare(self, got: Any) -> None:
        asked = self._conversation.asked()
        if asked is not None and isinstance(got, dict):
            for difference in self._echo.differences(asked, got):
                detail = {"setting": difference.path, "asked": difference.asked}
                self._tell(Notice("setting_differs", {**detail, "got": difference.got}))
