"""Files that every call reads: the persona's instructions and a stored greeting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.config.instructions import load_instructions
from agent.config.settings import Settings
from agent.config.sources import SourcedValue, problem
from agent.errors import LocalError, Problem
from agent.voice.greeting import load_greeting


def file_problems(settings: Settings, where: Mapping[str, SourcedValue]) -> Iterator[Problem]:
    """What is wrong with the files that ``settings`` name."""
    if not settings.session["instructions"]:
        try:
            load_instructions(settings.agent_persona)
        except LocalError as error:
            name = "AGENT_PERSONA"
            source = where[name].source if name in where else "default"
            yield problem(name, source, error.what, error.fix)
    if settings.agent_greeting_audio:
        try:
            load_greeting(Path(settings.agent_greeting_audio))
        except LocalError as error:
            name = "AGENT_GREETING_AUDIO"
            yield problem(name, where[name].source, error.what, error.fix)
