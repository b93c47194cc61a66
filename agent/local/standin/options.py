"""The options of a stand-in server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agent.local.speech_synthesis import Speak, speech
from agent.local.standin.dialects import DEFAULT_DIALECTS
from agent.local.standin.faults import Fault
from agent.local.standin.script import Script


@dataclass(frozen=True, slots=True)
class StandInOptions:
    """What to serve, what to say, how fast, and which faults to inject."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 uses a free one."""
    dialects: tuple[str, ...] = DEFAULT_DIALECTS
    script: Script | None = None
    """What to say. With ``None``, the stand-in follows the conversation states in the session's
    instructions, and without those it gives a short fixed answer."""
    recognise: bool = True
    """Recognize English phrases of the script or the states with pocketsphinx. If false, a
    transcript holds only the duration of the speech, and turns go in the script's order."""
    speak: Speak = speech.say
    """The speech synthesizer, for responses and for ``/v1/audio/speech``."""
    pace: float = 5.0
    """Send audio this many times faster than it plays, as the real service does."""
    first_audio_ms: int = 0
    """Wait between ``response.created`` and the first audio."""
    transcript_ms: int | None = None
    """Time from the end of the caller's turn to its transcript. ``None`` sends the transcript after
    the response begins, as the real service most often does; 0 before the response's first item."""
    latency_ms: int = 0
    """Delay of every server event, in order: network latency and processing time of the service."""
    connect_ms: int = 0
    """Wait before accepting a connection."""
    faults: tuple[Fault, ...] = field(default_factory=tuple)
    log: Path | None = None
    """Write every event of every session to this file, as JSON lines."""
    allowed_origins: tuple[str, ...] = ()
    """Origins, such as ``http://localhost:3000``, whose web pages may use the control endpoints,
    besides the server's own."""
    tls: tuple[Path, Path] | None = None
    """A certificate and its key, as PEM files, to serve ``wss://`` and ``https://``."""
