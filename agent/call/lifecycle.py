"""How a call ends: the session's end, the caller's leaving and a failure are all the job's end."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from multiprocessing.util import Finalize

from livekit import rtc
from livekit.agents import AgentSession, CloseEvent, CloseReason, JobContext

from agent.call.attributes import RoomAttributes
from agent.call.caller import Caller
from agent.call.rooms import close_room

logger = logging.getLogger("agent.call")

FAILED_EXIT = 10
"""Exit code of a job process whose call has failed, and has been ended."""
RETURN_SECONDS = 10.0
"""Given to a caller who was moved or came twice, to be there again."""
CLOSE_SECONDS = 6.0
"""How long the room is tried to be closed once the agent has left it. Upstream kills the process
ten seconds after that."""
ENDED = "agent.call_ended"
"""The agent participant's attribute that names what ended the call: a JSON object with a
``reason``, one of livekit-agents' close reasons or ``failed``."""

_Reason = rtc.DisconnectReason
_UPSTREAMS = {_Reason.CLIENT_INITIATED, _Reason.ROOM_DELETED, _Reason.USER_REJECTED}
"""Upstream closes the session for these, and for no other (1.8.9)."""
_RETURNS = {
    _Reason.DUPLICATE_IDENTITY,
    _Reason.STATE_MISMATCH,
    _Reason.MIGRATION,
    # What livekit-server 1.13 reports of a participant that another one of the same
    # identity has replaced: a second tab, a page that was loaded again.
    _Reason.UNKNOWN_REASON,
    None,
}


class CallEnd:
    """Ends the job, and the room with it, once the agent session has closed; closes the session
    once the caller is gone, for whatever reason.

    LiveKit does neither by itself: the caller would stay in a room with a silent agent, or in an
    empty one (upstream 1.8.9, defects D1 and D24), and the agent with a caller whose network,
    trunk or media failed.
    """

    def __init__(
        self,
        ctx: JobContext,
        caller: Caller,
        session: AgentSession[None],
        attributes: RoomAttributes,
        *,
        on_close: Callable[[CloseEvent], Awaitable[None]],
    ) -> None:
        """``on_close`` is awaited once the session has closed, before the job ends."""
        self._ctx = ctx
        self._caller = caller.identity
        self._session = session
        self._attributes = attributes
        self._on_close = on_close
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        session.on("close", self._on_session_close)
        ctx.room.on("participant_disconnected", self._on_left)

    def _on_session_close(self, event: CloseEvent) -> None:
        if not self._ended:
            self._ended = True
            self._spawn(self._end(event))

    async def _end(self, event: CloseEvent) -> None:
        logger.info("the session has closed: %s", event.reason.value)
        await self._on_close(event)
        if event.reason is not CloseReason.PARTICIPANT_DISCONNECTED:
            self._attributes.put(ENDED, {"reason": event.reason.value})
        await self._attributes.flush()
        await end_job(self._ctx, event.reason.value, besides=self._caller)

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        reason = participant.disconnect_reason
        if participant.identity != self._caller or reason in _UPSTREAMS:
            return
        name = _Reason.Name(reason or _Reason.UNKNOWN_REASON)
        self._spawn(self._close(name, RETURN_SECONDS if reason in _RETURNS else 0.0))

    async def _close(self, reason: str, after: float) -> None:
        await asyncio.sleep(after)
        if after and self._caller in self._ctx.room.remote_participants:
            return
        logger.info("the caller is gone: %s", reason)
        self._session.shutdown(drain=False)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def end_job(ctx: JobContext, reason: str, *, besides: str | None) -> None:
    """Close the room as ``close_room`` does and end the job, whatever LiveKit's HTTP API does.

    Where it does not answer, the agent leaves all the same, and the room is tried to be closed for
    another ``CLOSE_SECONDS``.
    """
    room = ctx.room.name or ctx.job.room.name

    async def close_later() -> None:
        await close_room(ctx.api.room, room, besides=besides, within=CLOSE_SECONDS)

    try:
        if not ctx.is_fake_job() and not await close_room(ctx.api.room, room, besides=besides):
            ctx.add_shutdown_callback(close_later)
    finally:
        ctx.shutdown(reason)


@asynccontextmanager
async def end_call_on_failure(
    ctx: JobContext,
    attributes: RoomAttributes,
    *,
    on_failure: Callable[[str], Awaitable[None]],
) -> AsyncIterator[None]:
    """End the call and fail the job if the body raises. Await ``on_failure`` with ``failed`` first.

    Upstream logs the error, leaves the caller alone with a silent agent, and reports to the
    server that all went well (1.8.9, defect D21).
    """
    try:
        yield
    except Exception:
        logger.exception("the call failed")
        if multiprocessing.parent_process() is not None:
            # The exit code is what marks a failed job; this runs after everything else.
            Finalize(None, _exit, exitpriority=-100)
        await on_failure("failed")
        attributes.put(ENDED, {"reason": "failed"})
        await attributes.flush()
        await end_job(ctx, "the call failed", besides=None)


def _exit() -> None:
    logging.shutdown()
    os._exit(FAILED_EXIT)
