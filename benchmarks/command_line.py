"""The command line that the benchmarks share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from agent.cli.progress import run_until_signal, say
from agent.errors import AgentError

Measure = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def create_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with ``--json``."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return parser


def run(measure: Measure, arguments: argparse.Namespace) -> int:
    """Run ``measure`` and return its exit code; print an ``AgentError`` as one line."""
    try:
        return run_until_signal(measure(arguments))
    except AgentError as error:
        say(str(error))
        return error.exit_code


def show(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one line for each figure or group of figures, or all as JSON."""
    if as_json:
        print(json.dumps(result))
        return
    for name, figures in result.items():
        if isinstance(figures, Mapping):
            figures = "  ".join(f"{key} {value}" for key, value in figures.items())
        print(f"{name:15} {figures}")
