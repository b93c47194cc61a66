"""``agent dev``: the worker for development. It takes every call and does not drain at its end."""

from __future__ import annotations

import argparse

from agent.cli.start import run_worker, settings_for_worker
from agent.config.reference import help_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = help_text()
    parser.add_argument("--log-level", default="DEBUG", help="(%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    return run_worker(settings_for_worker(), "--dev", "--log-level", arguments.log_level)
