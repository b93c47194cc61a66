"""A room participant that plays PCM as its microphone and records what it receives."""

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
"""Audio queued in WebRTC ahead of time: short, so that the microphone keeps real time."""
CONNECT_SECONDS = 8.0
CANCEL_SECONDS = 2.0
TRANSCRIPTION_TOPIC = "lk.transcription"

Kind = api.AccessToken.ParticipantKind


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcription received through the room."""

    speaker: str
    """Identity of the participant who said them."""
    text: str
    final: bool
    at: float
    """When it arrived, by ``time.monotonic``."""


@dataclass(slots=True)
class ReceivedAudio:
    """The audio that the caller receives. Times are of ``time.monotonic``."""

    pcm: bytearray = field(default_factory=bytearray)
    """PCM at 48 kHz."""
    speech_times: list[float] = field(default_factory=list)
    """When each frame of speech arrived."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when audio or a transcript arrives."""

    def append(self, pcm: bytes) -> None:
        self.pcm += pcm
        if dbfs(pcm) > SPEECH_DBFS:
            self.speech_times.append(time.monotonic())
        self.changed.set()

    def first_speech_after(self, moment: float) -> float | None:
        return next((at for at in self.speech_times if at > moment), None)

    def last_speech_since(self, moment: float) -> float:
        """Return when the last speech arrived, or ``moment`` if that is later."""
        return max(self.speech_times[-1], moment) if self.speech_times else moment


class Caller:
    """A caller in a room: ``async with Caller(address, "room", agent_name="a") as caller:``.

    It joins the room, requests the agent ``agent_name`` and hangs up on exit. Audio in and out is
    16-bit mono PCM at 48 kHz.
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
        """``listens``: subscribe to the tracks of others at once; otherwise ``subscribe`` does.
        ``preconnect_buffer``: announce a byte stream with the audio from before the agent joins.
        """
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
        self.received = ReceivedAudio()
        self.transcripts: list[Transcript] = []
        self.joined_at = 0.0
        self.disconnected = asyncio.Event()
        """Set when the room closes or the agent leaves it."""
        self._source = rtc.AudioSource(ROOM_RATE, 1, queue_size_ms=QUEUE_MS)
        self._queue: deque[tuple[bytes, asyncio.Future[float] | None]] = deque()
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
        # Do not cancel this task: the native library panics if nothing awaits the result
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
            raise LiveKitError(f"The caller cannot join a room at {self._address.url} ({error}).")

    async def hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()
        await self._source.aclose()

    def subscribe(self) -> None:
        """Subscribe to the tracks of all participants, for a caller with ``listens=False``."""
        for participant in self.room.remote_participants.values():
            for publication in participant.track_publications.values():
                publication.set_subscribed(True)

    def say(self, pcm: bytes) -> asyncio.Future[float]:
        """Queue ``pcm`` to be played in real time, after what is queued already.

        The result is the moment at which its last sample is sent, by ``time.monotonic``.
        """
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        pieces = list(frames(pcm, ROOM_RATE, FRAME_MS))
        self._queue += [(piece, None) for piece in pieces[:-1]]
        self._queue.append((pieces[-1], done))
        return done

    async def wait_for_speech(self, moment: float, within: float) -> float | None:
        """Wait up to ``within`` seconds for the first speech after ``moment`` and return its time.

        Return ``None`` if the call ends or the time runs out.
        """
        deadline = time.monotonic() + within
        while (at := self.received.first_speech_after(moment)) is None:
            if not await self.wait_for_audio(deadline):
                return None
        return at

    async def wait_for_silence(self, seconds: float, within: float, *, since: float = 0.0) -> bool:
        """Wait up to ``within`` seconds for ``seconds`` without speech, counted from ``since``.

        Return ``False`` if the call ends or the time runs out.
        """
        deadline, since = time.monotonic() + within, since or time.monotonic()
        while time.monotonic() - self.received.last_speech_since(since) < seconds:
            if not await self.wait_for_audio(deadline):
                return False
        return True

    def transcript(self, speaker: str, since: float) -> str:
        """Return what ``speaker`` (an identity) said after ``since``, in final transcripts."""
        texts = [
            t.text for t in self.transcripts if t.speaker == speaker and t.at > since and t.final
        ]
        return " ".join(texts).strip()

    def agent_identity(self) -> str | None:
        """Return the identity of the agent; ``None`` if there is none in the room."""
        for participant in self.room.remote_participants.values():
            if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
                return participant.identity
        return None

    async def wait_for_audio(self, deadline: float) -> bool:
        """Wait for more audio or a transcript; ``False`` once the call or the time is over."""
        self.received.changed.clear()
        sound = asyncio.ensure_future(self.received.changed.wait())
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
            piece, done = self._queue.popleft() if self._queue else (quiet, None)
            # This waits while the queue is full, which keeps the microphone in real time.
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
            self._spawn(self._record(track))

    async def _record(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=ROOM_RATE, num_channels=1)
        try:
            async for event in stream:
                self.received.append(bytes(event.frame.data))
        finally:
            await stream.aclose()

    def _on_text(self, reader: rtc.TextStreamReader, identity: str) -> None:
        self._spawn(self._read_transcript(reader, identity))

    async def _read_transcript(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text = await reader.read_all()
        attributes = reader.info.attributes or {}
        final = attributes.get("lk.transcription_final", "true") == "true"
        self.transcripts.append(Transcript(identity, text.strip(), final, time.monotonic()))
        self.received.changed.set()

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT:
            self.disconnected.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
