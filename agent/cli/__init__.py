"""The command ``agent``: one file a command, imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from agent.cli.process_exit import ProcessExit
from agent.errors import AgentError

COMMANDS = {
    "demo": "a room, a worker and a stand-in model on this machine, and a call through them",
    "call": "call an agent on a LiveKit server",
    "realtime": "the stand-in Realtime server alone",
    "greeting": "words as a sound file, for AGENT_GREETING_AUDIO",
    "check": "all that is wrong with the settings, without a connection",
    "start": "the worker, for production",
    "dev": "the worker, for development",
}


def program() -> NoReturn:
    """The command's own process, from its first line to its last."""
    leaving = ProcessExit()
    try:
        sys.exit(main())
    except SystemExit as end:
        leaving.record(end)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' notes to developers are not for users
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="agent", description="A LiveKit worker for Realtime models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=f"{summary}.".capitalize())
        if given[:1] == [name]:
            try:
                module = importlib.import_module(f"agent.cli.{name}")
            except ModuleNotFoundError as error:
                if (error.name or "").split(".")[0] == "agent":
                    raise
                return _fail(f"`agent {name}` needs '{error.name}': install realtime-agent[local].")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    options = parser.parse_args(given)
    try:
        code: int = options.run(options)
    except AgentError as error:
        _fail(str(error))
        code = error.exit_code
    except BrokenPipeError:
        # Whoever read has read enough, as `head` does.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - to the end of the process
        code = 128 + signal.SIGPIPE
    return code


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1
