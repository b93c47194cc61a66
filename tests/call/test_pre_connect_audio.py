from __future__ import annotations

import asyncio
from typing import Any, cast

from livekit import rtc
from livekit.agents.voice.room_io._pre_connect_audio import PRE_CONNECT_AUDIO_BUFFER_STREAM

from agent.call.pre_connect_audio import PreConnectAudio


async def test_pre_connect_audio_from_before_the_session_is_handed_to_its_handler() -> None:
    room = rtc.Room()
    early = PreConnectAudio(room)
    reader = cast("rtc.ByteStreamReader", object())
    # As the room does with a stream that has opened.
    room._byte_stream_handlers[PRE_CONNECT_AUDIO_BUFFER_STREAM](reader, "caller")
    taken: list[Any] = []
    early.hand_over()
    room.register_byte_stream_handler(
        PRE_CONNECT_AUDIO_BUFFER_STREAM, lambda reader, identity: taken.append((reader, identity))
    )
    await asyncio.sleep(0)
    assert taken == [(reader, "caller")]
