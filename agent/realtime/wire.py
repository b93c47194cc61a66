"""The wire: what the plugin holds as its WebSocket, and what everything of ours hangs on.

The plugin's engine touches the network in four places: ``http_session.ws_connect``, and
``send_str``, ``receive`` and ``close`` on what that returned. ``WireSession`` is the first,
``Wire`` the other three, so every event in both directions passes through here:

    plugin ─► complete ─► dialect ─► guard ─► socket ─► service
           ◄─ dialect ◄──────────────────────────────◄─
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import aiohttp
from livekit.agents import APIConnectionError

from agent.errors import ServiceError, Violation
from agent.realtime.complete import complete
from agent.realtime.dialects import Event, to_ga, to_service
from agent.realtime.endpoint import Endpoint
from agent.realtime.guard import check, error_event
from agent.realtime.parameters import SessionParameters
from agent.realtime.service_socket import Closed, ServiceSocket

logger = logging.getLogger("agent.realtime")

CONNECT_SECONDS = 10.0

_FATAL_STATUS = {400, 401, 403, 404}
"""HTTP status of a handshake that will be refused again however often it is tried."""

# The two events that carry audio make up nearly all the traffic. They are known by how they
# begin, and are not parsed where nothing needs it.
_AUDIO_OUT = '{"audio": "'
_AUDIO_IN = ('{"type": "response.output_audio.delta"', '{"type":"response.output_audio.delta"')


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
    ) -> None:
        self._endpoint = endpoint
        self._session = parameters.as_session()
        self._opening = opening

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
        return Wire(socket, self._endpoint, self._session)

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

    def __init__(self, socket: ServiceSocket, endpoint: Endpoint, session: dict[str, Any]) -> None:
        self._socket = socket
        self._endpoint = endpoint
        self._dialect = endpoint.dialect
        self._session = session
        self._configured = False

    async def send_str(self, text: str) -> None:
        """Take an event of the plugin. One that breaks a rule is answered here and not sent."""
        if text.startswith(_AUDIO_OUT):
            self._socket.send(text)
            return
        event: Event = json.loads(text)
        if event.get("type") == "session.update":
            event = complete(event, self._session, self._dialect, first=not self._configured)
            self._configured = True
        event = to_service(event, self._dialect)
        violations = check(event, self._dialect)
        if violations:
            self._refuse(event, violations[0])
        else:
            self._socket.send(json.dumps(event))

    async def receive(self) -> aiohttp.WSMessage:
        """The next event for the plugin: the service's, or a refusal of ours."""
        frame = await self._socket.receive()
        if isinstance(frame, Closed):
            logger.warning("%s closed the connection (%s)", self._endpoint.host, frame.code)
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, frame.code, frame.reason)
        return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, self._as_ga(frame), None)

    async def close(self) -> None:
        await self._socket.close()
        logger.info("closed the connection to %s", self._endpoint.host)

    def _as_ga(self, frame: str) -> str:
        if frame.startswith(_AUDIO_IN) or not self._dialect.flat:
            return frame
        return json.dumps(to_ga(json.loads(frame), self._dialect))

    def _refuse(self, event: Event, violation: Violation) -> None:
        logger.error("not sent: %s", violation.message)
        self._socket.deliver(json.dumps(error_event(violation, event)))
