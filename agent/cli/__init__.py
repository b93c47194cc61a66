"""The command ``agent``. Each subcommand is a module here, imported only when it runs."""

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
    "demo": "run livekit-server, a worker and a stand-in model on this machine, and call the agent",
    "call": "call an agent on a LiveKit server",
    "realtime": "run the stand-in Realtime server",
    "greeting": "record words as an audio file for AGENT_GREETING_AUDIO",
    "check": "validate the configuration offline and list every problem",
    "start": "run the worker in production",
    "dev": "run the worker in development",
}


def program() -> NoReturn:
    """Run the command as the main program of its process."""
    process_exit = ProcessExit()
    try:
        sys.exit(main())
    except SystemExit as end:
        process_exit.record(end)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (default: ``sys.argv``) and return its exit code."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries warn their developers, not our users
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="agent", description="A LiveKit worker for Realtime models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        subparser = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        if given[:1] == [name]:
            try:
                module = importlib.import_module(f"agent.cli.{name}")
            except ModuleNotFoundError as error:
                if (error.name or "").split(".")[0] == "agent":
                    raise
                return _fail(
                    f"`agent {name}` needs the package '{error.name}', which is not installed: "
                    "install realtime-agent[local]."
                )
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    options = parser.parse_args(given)
    try:
        code: int = options.run(options)
    except AgentError as error:
        _fail(str(error))
        code = error.exit_code
    except BrokenPipeError:
        # The reader of the output closed it, as `head` does.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - to the end of the process
        code = 128 + signal.SIGPIPE
    return code


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1
