"""Speech that a client recorded before the agent had joined (LiveKit's pre-connect audio)."""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc
from livekit.agents.voice.room_io._pre_connect_audio import PRE_CONNECT_AUDIO_BUFFER_STREAM

logger = logging.getLogger("agent.call")


class PreConnectAudio:
    """Holds the byte streams with such audio until the agent session can take them.

    The client sends them the moment the agent joins. Upstream takes them only once the session has
    started (1.8.9), and we join before that, to learn who calls: without this they are dropped.
    """

    def __init__(self, room: rtc.Room) -> None:
        """To be made before the room is joined."""
        self._room = room
        self._held: list[tuple[rtc.ByteStreamReader, str]] = []
        room.register_byte_stream_handler(PRE_CONNECT_AUDIO_BUFFER_STREAM, self._hold)

    def hand_over(self) -> None:
        """Let the session have them. To be called directly before ``session.start``, which
        registers upstream's handler before it first gives way to other tasks."""
        self._room.unregister_byte_stream_handler(PRE_CONNECT_AUDIO_BUFFER_STREAM)
        asyncio.get_running_loop().call_soon(self._deliver)

    def _hold(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        self._held.append((reader, identity))

    def _deliver(self) -> None:
        # Upstream has no public access to a registered handler.
        handler = self._room._byte_stream_handlers.get(PRE_CONNECT_AUDIO_BUFFER_STREAM)
        if handler is None:
            if self._held:
                logger.warning("audio from before the call is lost: the session takes none")
            return
        for reader, identity in self._held:
            handler(reader, identity)
