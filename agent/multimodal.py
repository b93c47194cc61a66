"""The agent of a call: a Realtime model bridged to the caller's audio."""

from __future__ import annotations

from pathlib import Path

from livekit.agents import Agent

from agent.errors import LocalError

PROMPTS = Path(__file__).resolve().parent.parent / "prompts"


class MultimodalAgent(Agent):
    """Speaks first, then answers.

    The successor, for livekit-agents 1.x, of the class of this name in livekit-agents 0.x.
    """

    def __init__(self, *, instructions: str, welcome: str = "") -> None:
        """``welcome`` tells the model what to say first; empty, it waits for the caller."""
        super().__init__(instructions=instructions)
        self._welcome = welcome

    async def on_enter(self) -> None:
        if self._welcome:
            self.session.generate_reply(instructions=self._welcome)


def load_instructions(persona: str) -> str:
    """The text of ``prompts/<persona>/instructions.md``; ``LocalError`` where there is none."""
    path = PROMPTS / persona / "instructions.md"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LocalError(
            f"The persona '{persona}' has no instructions: {path} ({error.strerror}).",
            "Set AGENT_PERSONA to a folder under prompts/.",
        ) from None
