"""What is known of a call before its agent speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from livekit.agents.llm import Tool, Toolset

from agent.call.caller import Caller
from agent.config.settings import Settings
from agent.voice.greeting import Greeting, load_greeting


@dataclass(frozen=True, slots=True)
class CallInfo:
    """The facts of one call that an agent is made from: ``agent(call: CallInfo)``."""

    room: str
    """Name of the room."""
    caller: Caller
    settings: Settings
    """The worker's settings with the changes that the job's metadata makes to them."""
    metadata: str = ""
    """Metadata of the job, as it was dispatched."""
    tools: Sequence[Tool | Toolset] = ()

    @property
    def instructions(self) -> str:
        """What the session's settings say, else the text of the persona."""
        return self.settings.instructions

    @property
    def welcome(self) -> str:
        """What the model is asked to say first; empty where the agent waits for the caller."""
        return self.settings.voice.welcome

    @property
    def is_welcome_verbatim(self) -> bool:
        """Whether ``welcome`` is the words to say instead of an instruction."""
        return self.settings.voice.welcome_verbatim

    def load_greeting(self) -> Greeting | None:
        """Read the stored greeting that takes the place of ``welcome``; ``None`` if none is set.
        Raises ``LocalError`` for a file that cannot be used."""
        audio = self.settings.voice.greeting_audio
        return load_greeting(Path(audio)) if audio else None
