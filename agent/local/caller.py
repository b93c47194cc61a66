"""A calling party: a participant that speaks from PCM and measures what it hears."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Self

from livekit import api, rtc
from livekit.protocol.agent_dispatch import RoomAgentDispatch
from livekit.protocol.room import RoomConfiguration

from agent.errors import LiveKitError
from agent.local.audio import BYTES_PER_SAMPLE, ROOM_RATE, SPEECH_DBFS, dbfs, frames, silence
from agent.local.livekit_server import LiveKitAddress

FRAME_MS = 20
QUEUE_MS = 60
"""Audio given to WebRTC ahead of its time: short, so that the microphone's clock is the call's."""
CONNECT_SECONDS = 8.0
CANCEL_SECONDS = 2.0
TRANSCRIPTION_TOPIC = "lk.transcription"

Kind = api.AccessToken.ParticipantKind


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words that came through the room."""

    speaker: str
    """Identity of the participant who said them."""
    text: str
    final: bool
    at: float


@dataclass(slots=True)
class Hearing:
    """What has been heard, and when it was speech. Times are of ``time.monotonic``."""

    pcm: bytearray = field(default_factory=bytearray)
    speech: list[float] = field(default_factory=list)
    """When each frame of speech came."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, pcm: bytes) -> None:
        self.pcm += pcm
        if dbfs(pcm) > SPEECH_DBFS:
            self.speech.append(time.monotonic())
        self.changed.set()

    def first_after(self, moment: float) -> float | None:
        return next((at for at in self.speech if at > moment), None)

    def silent_since(self, moment: float) -> float:
        """When the last speech came, but not before ``moment``."""
        return max(self.speech[-1], moment) if self.speech else moment


class Caller:
    """``async with Caller(address, "room") as caller:`` joins, and asks for an agent to come.

    Audio in and out is at 48 kHz.
    """

    def __init__(
        self,
        address: LiveKitAddress,
        room: str,
        *,
        identity: str = "caller",
        agent_name: str = "",
        kind: Kind = "standard",
        attributes: dict[str, str] | None = None,
        metadata: str = "",
        listens: bool = True,
        preconnect_buffer: bool = False,
    ) -> None:
        """``listens``: take the tracks of others, without being asked to. ``preconnect_buffer``:
        announce that a byte stream brings what was said before the agent joined."""
        self._address = address
        self._listens = listens
        self._preconnect_buffer = preconnect_buffer
        self._room_name = room
        self.identity = identity
        token = (
            api.AccessToken(address.api_key, address.api_secret)
            .with_identity(identity)
            .with_kind(kind)
            .with_attributes(attributes or {})
            .with_grants(api.VideoGrants(room_join=True, room=room))
        )
        if agent_name:
            dispatch = RoomAgentDispatch(agent_name=agent_name, metadata=metadata)
            token = token.with_room_config(RoomConfiguration(agents=[dispatch]))
        self._token = token.to_jwt()
        self.room = rtc.Room()
        self.hearing = Hearing()
        self.transcripts: list[Transcript] = []
        self.joined_at = 0.0
        self.disconnected = asyncio.Event()
        """Set when the room is gone or the agent has left it."""
        self._source = rtc.AudioSource(ROOM_RATE, 1, queue_size_ms=QUEUE_MS)
        self._to_say: deque[tuple[bytes, asyncio.Future[float] | None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.room.on("track_subscribed", self._on_track)
        self.room.on("participant_disconnected", self._on_left)
        self.room.on("disconnected", lambda *_: self.disconnected.set())
        self.room.register_text_stream_handler(TRANSCRIPTION_TOPIC, self._on_text)
        self.joined_at = time.monotonic()
        await self._connect()
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_MICROPHONE, preconnect_buffer=self._preconnect_buffer
        )
        await self.room.local_participant.publish_track(track, options)
        self._spawn(self._microphone())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    async def _connect(self) -> None:
        # Never cancelled: the native library panics where nobody awaits the answer any more
        # (livekit/python-sdks#784).
        options = rtc.RoomOptions(auto_subscribe=self._listens)
        connecting = asyncio.create_task(self.room.connect(self._address.url, self._token, options))
        try:
            done, _ = await asyncio.wait((connecting,), timeout=CONNECT_SECONDS)
        except asyncio.CancelledError:
            await asyncio.wait((connecting,), timeout=CANCEL_SECONDS)
            await self.room.disconnect()
            raise
        error = connecting.exception() if done else f"no answer within {CONNECT_SECONDS:g} s"
        if error:
            raise LiveKitError(f"No room can be joined at {self._address.url} ({error}).")

    async def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()
        await self._source.aclose()

    def listen(self) -> None:
        """Take the tracks of all who are there, where ``listens`` was not said."""
        for participant in self.room.remote_participants.values():
            for publication in participant.track_publications.values():
                publication.set_subscribed(True)

    def say(self, pcm: bytes) -> asyncio.Future[float]:
        """Speak ``pcm`` as the microphone would, in real time, after what is being said already.

        The result is the moment at which its last sample left.
        """
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        pieces = list(frames(pcm, ROOM_RATE, FRAME_MS))
        self._to_say += [(piece, None) for piece in pieces[:-1]]
        self._to_say.append((pieces[-1], done))
        return done

    async def speech_after(self, moment: float, within: float) -> float | None:
        """When speech first came after ``moment``; ``None`` if the call ends or time runs out."""
        deadline = time.monotonic() + within
        while (at := self.hearing.first_after(moment)) is None:
            if not await self.more(deadline):
                return None
        return at

    async def quiet(self, seconds: float, within: float, *, since: float = 0.0) -> bool:
        """Wait until nothing has been said for ``seconds``; ``False`` if that does not come."""
        deadline, since = time.monotonic() + within, since or time.monotonic()
        while time.monotonic() - self.hearing.silent_since(since) < seconds:
            if not await self.more(deadline):
                return False
        return True

    def words(self, speaker: str, since: float) -> str:
        """What ``speaker`` said after ``since``, by the final transcripts."""
        texts = [
            t.text for t in self.transcripts if t.speaker == speaker and t.at > since and t.final
        ]
        return " ".join(texts).strip()

    def agent_identity(self) -> str | None:
        for participant in self.room.remote_participants.values():
            if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
                return participant.identity
        return None

    async def more(self, deadline: float) -> bool:
        """Wait for more sound; ``False`` once the call is over or ``deadline`` has passed."""
        self.hearing.changed.clear()
        sound = asyncio.ensure_future(self.hearing.changed.wait())
        end = asyncio.ensure_future(self.disconnected.wait())
        try:
            left = deadline - time.monotonic()
            await asyncio.wait((sound, end), timeout=max(left, 0), return_when="FIRST_COMPLETED")
        finally:
            sound.cancel()
            end.cancel()
        return not self.disconnected.is_set() and time.monotonic() < deadline

    async def _microphone(self) -> None:
        quiet = silence(FRAME_MS / 1000, ROOM_RATE)
        samples = len(quiet) // BYTES_PER_SAMPLE
        while True:
            piece, done = self._to_say.popleft() if self._to_say else (quiet, None)
            # Waits while the queue is full, which is what keeps it in real time.
            await self._source.capture_frame(rtc.AudioFrame(piece, ROOM_RATE, 1, samples))
            if done is not None and not done.done():
                done.set_result(time.monotonic() + self._source.queued_duration)

    def _on_track(
        self,
        track: rtc.Track,
        _publication: rtc.RemoteTrackPublication,
        _participant: rtc.RemoteParticipant,
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._spawn(self._listen(track))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=ROOM_RATE, num_channels=1)
        try:
            async for event in stream:
                self.hearing.take(bytes(event.frame.data))
        finally:
            await stream.aclose()

    def _on_text(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._spawn(self._read(reader, identity))

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text = await reader.read_all()
        attributes = reader.info.attributes or {}
        final = attributes.get("lk.transcription_final", "true") == "true"
        self.transcripts.append(Transcript(identity, text.strip(), final, time.monotonic()))
        self.hearing.changed.set()

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self.disconnected.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
