"""Whether anybody takes the agent's track, and what becomes of its words while nobody does."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from livekit.agents import AgentSession, CloseEvent
from livekit.agents.voice.room_io import RoomIO

logger = logging.getLogger("agent.call")

SUBSCRIBE_SECONDS = 10.0
"""How long the agent's first words wait for somebody to subscribe to its track."""


async def wait_for_subscriber(session: AgentSession[None]) -> None:
    """Wait for a listener, and stop speaking where none comes: upstream would wait for one, and
    all that is to be said after it, for ever (1.8.9, defect D25)."""
    try:
        room_io = session.room_io
    except RuntimeError:
        return  # there is no room: the session has ended, or runs in a console
    if room_io.subscribed_fut is None:
        return
    _outlive_interruptions(session)
    logger.debug("waiting for a subscriber to the agent's track")
    ended = asyncio.get_running_loop().create_future()

    def on_close(_: CloseEvent) -> None:
        if not ended.done():
            ended.set_result(None)

    session.once("close", on_close)
    try:
        async with asyncio.timeout(SUBSCRIBE_SECONDS):
            while not (ended.done() or _listened_to(room_io)):
                waited: tuple[asyncio.Future[None], ...] = (room_io.subscribed_fut, ended)
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        logger.warning("nobody listens to the agent after %g s", SUBSCRIBE_SECONDS)
        with suppress(RuntimeError):  # it may be closing
            session.interrupt(force=True)


def _listened_to(room_io: RoomIO) -> bool:
    subscribed = room_io.subscribed_fut
    return subscribed is None or (subscribed.done() and not subscribed.cancelled())


def _outlive_interruptions(session: AgentSession[None]) -> None:
    """Give the agent's output another future whenever what awaits the one it has is interrupted.

    A task that is cancelled cancels the future that it awaits, and all audio of a call awaits this
    one: whoever interrupted the agent before the first subscription, the caller by speaking or we
    by giving up, never heard it again (upstream 1.8.9).
    """
    output = session.room_io.audio_output
    while output is not None and output.next_in_chain is not None:
        output = output.next_in_chain

    def on_done(subscribed: asyncio.Future[None]) -> None:
        if subscribed.cancelled():
            another = asyncio.get_running_loop().create_future()
            another.add_done_callback(on_done)
            # No public way leads to it.
            output._subscribed_fut = another  # type: ignore[union-attr]

    subscribed = session.room_io.subscribed_fut
    assert subscribed is not None
    subscribed.add_done_callback(on_done)
