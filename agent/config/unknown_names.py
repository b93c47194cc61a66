"""Names of settings that are unknown, misspelt, or ignored because another one wins."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from agent.config.settings import NAMES
from agent.config.sources import ENV_FILES_SETTING, SET, SourcedValue, ignored_name, problem
from agent.errors import Problem
from agent.realtime.protocol.parameters import BY_ENVIRONMENT_NAME

KNOWN = tuple(dict.fromkeys([*NAMES, *BY_ENVIRONMENT_NAME]))
"""The environment names of all settings, the flat spellings among them."""


def unknown_names(given: Mapping[str, SourcedValue]) -> list[Problem]:
    """``REALTIME_*`` names and names of ``--set`` that name no setting."""
    problems = []
    for name, value in given.items():
        ours = name.startswith("REALTIME_") or value.source == SET
        if ours and name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, 1)
            fix = f"Did you mean {near[0]}?" if near else "Remove it."
            problems.append(problem(name, value.source, f"Unknown setting: '{name}'.", fix))
    return problems


def ignored_spellings(given: Mapping[str, SourcedValue]) -> Iterator[str]:
    """Flat spellings beside a canonical name that says something else."""
    for name, parameter in BY_ENVIRONMENT_NAME.items():
        other = parameter.environment_name
        if name != other and {name, other} <= set(given) and given[name].text != given[other].text:
            yield ignored_name(name, given[name].source, other, given[other].source)


def misspelt_names(given: Mapping[str, SourcedValue]) -> Iterator[str]:
    """``AGENT_*`` names that look like one of ours. Other software uses that prefix too."""
    known = [name for name in NAMES if name.startswith("AGENT_")]
    known.append(ENV_FILES_SETTING)
    for name, value in given.items():
        if name.startswith("AGENT_") and name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.85)
            if near:
                yield f"{name} ({value.source}) is no setting: did you mean {near[0]}?"
