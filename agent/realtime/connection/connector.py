"""Getting a connection to the service, and another one when that is lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from agent.errors import ServiceError
from agent.realtime.connection import retry_budget
from agent.realtime.connection.endpoint import Endpoint
from agent.realtime.connection.retry_budget import RetryBudget
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.connection.websocket import MAX_REASON, ServiceWebSocket
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object
from agent.redaction import one_line

logger = logging.getLogger("agent.realtime")

CONNECT_SECONDS = 5.0
"""Of one attempt, name resolution, TLS and credential included. A second one fits into the outage
that a call bears, so that an address that does not answer is not the end of it."""

FATAL_STATUS = frozenset({400, 401, 403, 404, 3000, 4000})
"""Refusals that will be the same however often it is tried: of a handshake by its HTTP status, and
where the service accepts first, of a WebSocket by its close code (authentication, shape and
model)."""

SETTINGS_REFUSED = 400
"""Stands for the refusal of the session's settings on an open connection."""
FATAL_CLOSE = 4000
"""Stands for an error event that says as much while the connection is still open."""
KEY_REFUSED = frozenset({401, 3000, FATAL_CLOSE})
"""Of these, those that may be about the key: not fatal where its file has changed since."""
_FATAL_ERRORS = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
    }
)
"""Codes or types of errors after which the plugin, too, ends the session."""


async def open_websocket(endpoint: Endpoint, seconds: float | None = None) -> ServiceWebSocket:
    """Connect within ``seconds``, ``CONNECT_SECONDS`` if ``None``."""
    return await ServiceWebSocket.open(
        endpoint, timeout_seconds=CONNECT_SECONDS if seconds is None else seconds
    )


class Connector:
    """Connect to a call's targets in order, each within its retry budget."""

    def __init__(
        self,
        targets: Sequence[ServiceTarget],
        *,
        opening: asyncio.Task[ServiceWebSocket] | None = None,
    ) -> None:
        """``targets`` in the order in which they are taken, each when the one before is gone for
        good. ``opening``, where given, is a connection to the first, begun beforehand."""
        self.target, *self._fallbacks = targets
        self._opening = opening
        # A first target that does not answer leaves the other one half of the time.
        share = 0.5 if self._fallbacks else 1.0
        self._budget = RetryBudget(outage_seconds=retry_budget.OUTAGE_SECONDS * share)

    @property
    def targets(self) -> Sequence[ServiceTarget]:
        """Those that are left, the one in use first."""
        return (self.target, *self._fallbacks)

    @property
    def has_fallback(self) -> bool:
        return bool(self._fallbacks)

    def is_key_outdated(self) -> bool:
        """Whether the next attempt would show another key than the last one did."""
        return self.target.endpoint.credential.is_outdated()

    async def connect(self) -> ServiceWebSocket:
        """A connection to the target in use. Raises ``ServiceError`` when no target is left."""
        self._budget.begin(time.monotonic())
        while True:
            await asyncio.sleep(self._budget.backoff_seconds(time.monotonic()))
            try:
                return await self._open(min(CONNECT_SECONDS, self.left()))
            except ServiceError as error:
                self.on_failure(error)

    async def _open(self, seconds: float) -> ServiceWebSocket:
        opening = self._opening
        if opening is None:
            return await open_websocket(self.target.endpoint, seconds)
        # Cancelled here, it remains for `aclose`.
        done, _ = await asyncio.wait({opening}, timeout=seconds)
        self._opening = None
        if done:
            return opening.result()
        opening.cancel()
        raise ServiceError(self.target.endpoint.host, f"no connection within {seconds:.2g} s")

    def left(self) -> float:
        """How many seconds there may yet be without a connection."""
        return max(0.0, self._budget.left(time.monotonic()))

    def on_failure(self, error: ServiceError) -> None:
        """A connection was lost or not had. Raises ``error``, or one that says what is spent,
        when there is no target left."""
        now = time.monotonic()
        self._budget.on_failure(now)
        logger.warning("%s", error, extra={"attempt": self._budget.attempts})
        gone: ServiceError | None = None
        if error.status in FATAL_STATUS and not (
            error.status in KEY_REFUSED and self.is_key_outdated()
        ):
            gone = error
        elif reason := self._budget.exhausted_reason(now):
            gone = ServiceError(
                error.host, f"{reason}; the last: {error.reason}", status=error.status
            )
        if gone is None:
            return
        if not self._fallbacks:
            raise gone
        logger.error("%s; using the next service", gone)
        self.target, *self._fallbacks = self._fallbacks
        self._budget = self._budget.for_fallback()

    def on_session_ready(self) -> None:
        """The service has taken the session's settings."""
        self._budget.on_success(time.monotonic())

    async def aclose(self) -> None:
        """Let go of a connection that nobody took over."""
        if self._opening is not None:
            self._opening.cancel()
            for result in await asyncio.gather(self._opening, return_exceptions=True):
                if isinstance(result, ServiceWebSocket):
                    await result.close()


def fatal_error_message(event: Event) -> str:
    """What ``event`` says of a service that will answer nothing more; empty where it does not."""
    error = as_object(event.get("error"))
    if event.get("type") == "response.done":
        details = as_object(as_object(event.get("response")).get("status_details"))
        error = as_object(details.get("error"))
    names = (error.get("code"), error.get("type"))
    if any(isinstance(name, str) and name in _FATAL_ERRORS for name in names):
        return one_line(str(error.get("message")), MAX_REASON)
    return ""
