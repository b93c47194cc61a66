"""``agent start``: the worker, through LiveKit's own entry."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from pathlib import Path

from agent import processes
from agent.cli.progress import say
from agent.config.reference import help_text
from agent.config.settings import Settings
from agent.config.sources import prepare_for_libraries
from agent.config.validation import check_settings
from agent.errors import LocalError, SettingsError
from agent.livekit_access import check_access

WORKER = Path(__file__).resolve().parent.parent / "worker.py"
DEFAULT_HTTP_PORT = 8081
"""Where livekit-agents serves its health in production."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = help_text()
    parser.add_argument("--log-level", default="INFO", help="(%(default)s)")
    parser.add_argument("--log-format", choices=("json", "colored"), default="json")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_for_worker()
    port = settings.worker.http_port
    _check_port(settings, DEFAULT_HTTP_PORT if port is None else port)
    return run_worker(
        settings, "--log-level", arguments.log_level, "--log-format", arguments.log_format
    )


def settings_for_worker() -> Settings:
    """What `agent check` says is said here too, before anything starts."""
    report = check_settings(os.environ)
    if problems := report.start_problems:
        raise SettingsError(problems)
    for warning in report.warnings:
        say(f"note: {warning}")
    return report.settings


def run_worker(settings: Settings, *options: str) -> int:
    """Be LiveKit's worker until it ends."""
    prepare_for_libraries(os.environ, settings.livekit.for_libraries())
    # The worker would try for minutes before it gave up.
    asyncio.run(
        check_access(
            settings.livekit.url,
            settings.livekit.api_key,
            settings.livekit.api_secret.get_secret_value(),
        )
    )
    processes.keep_settings(settings)
    processes.start_forkserver()
    # Four seconds of imports, in which the forkserver does its own.
    from livekit.agents.__main__ import main

    return main(["start", str(WORKER), *options])


def _check_port(settings: Settings, port: int) -> None:
    family = socket.AF_INET6 if ":" in settings.worker.http_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.worker.http_host, port))
        except OSError as error:
            raise LocalError(
                f"The health endpoint cannot listen on {settings.worker.http_host}:{port} "
                f"({error.strerror}).",
                "Set AGENT_HTTP_PORT to another port, or 0 for a free one.",
            ) from None
