"""The instructions that ``prompts/`` holds: one folder a persona."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from agent.errors import LocalError


def prompts_folder() -> Traversable:
    """``prompts/`` inside the installed package, or at the top of a checkout."""
    packaged = files("agent") / "prompts"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[2] / "prompts"


def load_instructions(persona: str) -> str:
    """The text of ``prompts/<persona>/instructions.md``; ``LocalError`` if it cannot be read."""
    path = prompts_folder() / persona / "instructions.md"
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise LocalError(
            f"The persona '{persona}' has no instructions: {path} ({reason}).",
            "Set AGENT_PERSONA to a folder under prompts/.",
        ) from None
