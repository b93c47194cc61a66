"""``agent realtime``: run the stand-in Realtime server."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from agent.cli.progress import run_until_signal, say
from agent.errors import LocalError
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.dialects import DEFAULT_DIALECTS, DIALECTS
from agent.local.standin.faults import KINDS, parse_fault
from agent.local.standin.script import load_script


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _add_server_arguments(parser)
    _add_conversation_arguments(parser)
    _add_fault_arguments(parser)
    _add_timing_arguments(parser)


def _add_server_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=8090, help="port to listen on, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        action="append",
        help="serve only this dialect; repeat for several (default: "
        f"{', '.join(DEFAULT_DIALECTS)})",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="allow web pages of this origin to use /faults and /sessions",
    )
    parser.add_argument(
        "--tls-cert", type=Path, metavar="PEM", help="serve wss:// only, with this certificate"
    )
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="key of the certificate")


def _add_conversation_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--script", type=Path, metavar="FILE", help="YAML script of what to say")
    parser.add_argument(
        "--no-recognition",
        action="store_true",
        help="do not recognize the caller's words: take the script's turns in order",
    )


def _add_fault_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[=ARG]", help="inject this fault"
    )
    parser.add_argument("--faults", action="store_true", help="list the faults and exit")
    parser.add_argument("--json", action="store_true", help="with --faults: as JSON")
    parser.add_argument(
        "--log", type=Path, metavar="FILE.jsonl", help="write every event to this file"
    )


def _add_timing_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pace",
        type=float,
        default=5.0,
        help="send audio this many times faster than it plays (%(default)s)",
    )
    parser.add_argument(
        "--first-audio-ms",
        type=int,
        default=0,
        help="wait before the first audio of a response (%(default)s)",
    )
    parser.add_argument(
        "--transcript-ms",
        type=int,
        metavar="MS",
        help="send the transcript of a caller's turn this long after it; 0: before the answer "
        "(default: after the answer begins)",
    )
    parser.add_argument(
        "--latency-ms",
        type=int,
        default=0,
        metavar="MS",
        help="delay every server event (%(default)s)",
    )
    parser.add_argument(
        "--connect-ms",
        type=int,
        default=0,
        help="wait before accepting a connection (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.faults:
        _list_faults(as_json=arguments.json)
        return 0
    return run_until_signal(_serve(arguments))


def _list_faults(*, as_json: bool) -> None:
    if as_json:
        rows = [
            {"name": name, "effect": kind.effect, "default": kind.default, "thread": kind.url}
            for name, kind in KINDS.items()
        ]
        print(json.dumps(rows, indent=1))
        return
    for name, kind in KINDS.items():
        argument = f"={kind.default:g}" if kind.default is not None else ""
        argument = f"={'|'.join(kind.words)}" if kind.words else argument
        unit = f" ({kind.unit})" if kind.unit else ""
        print(f"{name + argument:26} {kind.effect}{unit}")
        print(f"{'':26} {kind.url}")


async def _serve(arguments: argparse.Namespace) -> int:
    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        raise LocalError(
            "Only one of --tls-cert and --tls-key is given; TLS needs both.",
            "Give the other one too.",
        )
    options = StandInOptions(
        host=arguments.host,
        port=arguments.port,
        dialects=tuple(arguments.dialect or DEFAULT_DIALECTS),
        script=load_script(arguments.script) if arguments.script else None,
        recognise=not arguments.no_recognition,
        pace=arguments.pace,
        first_audio_ms=arguments.first_audio_ms,
        transcript_ms=arguments.transcript_ms,
        latency_ms=arguments.latency_ms,
        connect_ms=arguments.connect_ms,
        faults=tuple(parse_fault(text) for text in arguments.fault),
        log=arguments.log,
        allowed_origins=tuple(arguments.allow_origin),
        tls=(arguments.tls_cert, arguments.tls_key) if arguments.tls_cert else None,
    )
    async with StandIn(options) as server:
        say(f"The stand-in Realtime server listens at {server.url}. Ctrl-C ends it.")
        for dialect, url in server.urls.items():
            say(f"  {dialect:14} {url}")
        await asyncio.Event().wait()
    return 0
