"""What a stand-in can be told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agent.local.speech_synthesis import Speak, speech
from agent.local.standin.dialects import SERVED
from agent.local.standin.faults import Fault
from agent.local.standin.script import Script


@dataclass(frozen=True, slots=True)
class StandInOptions:
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    dialects: tuple[str, ...] = SERVED
    script: Script | None = None
    """What to say. Without one, the conversation states in the session's instructions are
    followed, and without those there is a short fixed answer."""
    recognise: bool = True
    """Hear English words with pocketsphinx where it is known which to expect. Off, what a caller
    said is known by its length only, and turns are taken in the script's order."""
    speak: Speak = speech.say
    """What makes sound of words, for answers and for the speech API alike."""
    pace: float = 5.0
    """Audio leaves this many times faster than it plays, as the real service's does."""
    first_audio_ms: int = 0
    """Wait between ``response.created`` and the first word."""
    transcript_ms: int | None = None
    """From the end of the caller's turn to its transcript. ``None`` waits until the answer has
    begun, as most often happens with the real service; 0 sends it before the answer's first
    item."""
    latency_ms: int = 0
    """Every server event leaves so much later, in order: the network and the service's own time."""
    connect_ms: int = 0
    """Wait before a connection is accepted."""
    faults: tuple[Fault, ...] = field(default_factory=tuple)
    log: Path | None = None
    """Write every event of every session to this file, as JSON lines."""
    allowed_origins: tuple[str, ...] = ()
    """Origins, such as ``http://localhost:3000``, whose web pages may use the control endpoints.
    Pages of all other origins than the server's own are refused."""
    tls: tuple[Path, Path] | None = None
    """A certificate and its key as PEM, for clients that connect with ``wss://`` only."""
