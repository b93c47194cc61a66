"""An agent session without a room: its audio goes to a loudspeaker in this process.

Session, plugin and stand-in are real. There is no WebRTC, so no jitter buffer and no network delay,
and nobody speaks: a test asks by text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities, TextOutput
from livekit.agents.voice.transcription import TranscriptSynchronizer

from agent.call.session import create_agent_session
from agent.config.validation import read_settings
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.recorder import SessionRecord
from agent.local.standin.script import Script
from agent.realtime.plugin.http_session import PluginHTTPSession


class Loudspeaker(AudioOutput):
    """Plays each segment in real time, and says how much of it was played."""

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", capabilities=AudioOutputCapabilities(pause=False))
        self._given = 0.0
        self._began = 0.0
        self._ending: asyncio.TimerHandle | None = None
        self.segments = 0
        """Begun so far."""
        self.played_ms: list[float] = []
        """Of each segment that has ended."""

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._given:
            self._began = self._loop.time()
            self.segments += 1
            self.on_playback_started(created_at=time.time())
        self._given += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._given and self._ending is None:
            left = self._began + self._given - self._loop.time()
            self._ending = self._loop.call_later(left, self._end, False)

    def clear_buffer(self) -> None:
        if self._given:
            self._end(True)

    @property
    def position_ms(self) -> float:
        """How much of the present segment was played; 0 where none is."""
        return min(self._given, self._loop.time() - self._began) * 1000 if self._given else 0.0

    def _end(self, interrupted: bool) -> None:
        if self._ending is not None:
            self._ending.cancel()
        played = min(self._given, self._loop.time() - self._began)
        self._given, self._ending = 0.0, None
        self.played_ms.append(played * 1000)
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


class Nowhere(TextOutput):
    def __init__(self) -> None:
        super().__init__(label="nowhere", next_in_chain=None)

    async def capture_text(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


class Talk:
    def __init__(
        self, stand_in: StandIn, session: AgentSession[None], http_session: PluginHTTPSession
    ) -> None:
        self.stand_in = stand_in
        self.session = session
        self.http_session = http_session
        self.loudspeaker = Loudspeaker()

    @property
    def seen(self) -> list[SessionRecord]:
        """All connections so far, the oldest first."""
        return list(self.stand_in.record.sessions.values())

    def items(self, connection: int = -1) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.seen[connection].as_dict()["items"]
        return items

    def texts(self, role: str = "assistant") -> list[str]:
        """What the newest connection holds."""
        return [
            "".join(part.get("text") or part.get("transcript") or "" for part in item["content"])
            for item in self.items()
            if item.get("role") == role
        ]

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the stand-in tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def talking(
    script: Script, agent: Agent, *, pace: float = 50, tmp_path: Path, **environ: str
) -> AsyncIterator[Talk]:
    """``agent`` in a session with the stand-in, which says ``script``."""
    async with StandIn(StandInOptions(script=script, pace=pace)) as stand_in:
        given = {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": f"{stand_in.url}/v1", **environ}
        settings = read_settings({"REALTIME_SERVICE": "openai", **given}, tmp_path)
        http_session = PluginHTTPSession(settings.service_targets())
        session = create_agent_session(settings, http_session, telephone=True)
        talk = Talk(stand_in, session, http_session)
        synchroniser = TranscriptSynchronizer(
            next_in_chain_audio=talk.loudspeaker, next_in_chain_text=Nowhere()
        )
        session.output.audio = synchroniser.audio_output
        session.output.transcription = synchroniser.text_output
        await session.start(agent, record=False)
        try:
            yield talk
        finally:
            await session.aclose()
            await synchroniser.aclose()
