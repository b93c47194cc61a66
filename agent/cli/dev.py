"""``agent dev``: the worker for development. It takes every call and does not drain at its end."""

from __future__ import annotations

import argparse
import os

from agent.cli.start import run_worker
from agent.settings import read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--log-level", default="DEBUG", help="(%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    settings = read_settings(os.environ)
    return run_worker(settings, "--dev", "--log-level", arguments.log_level)
