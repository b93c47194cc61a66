"""``agent check``: the worker's settings, judged without a connection."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from agent.config.overrides import apply_metadata
from agent.config.reference import help_text
from agent.config.sources import ENV_FILES_SETTING
from agent.config.validation import ConfigReport, check_settings
from agent.realtime.protocol.parameters import MODEL
from agent.redaction import redact

WRONG = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = help_text()
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--dialect", metavar="D", help="instead of REALTIME_DIALECT")
    parser.add_argument("--model", metavar="M", help="instead of REALTIME_MODEL")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the session, such as temperature=0.8, or any setting; may be repeated",
    )
    parser.add_argument("--overrides", metavar="JSON", help="a job's metadata, judged too")
    parser.add_argument(
        "--without-secrets",
        action="store_true",
        help="accept that credentials and the services' addresses are not set, as in CI",
    )
    parser.add_argument("--env-file", type=Path, metavar="F", help="instead of .env and .env.local")


def run(arguments: argparse.Namespace) -> int:
    report = _report(arguments)
    if not arguments.without_secrets:
        report.problems = report.start_problems
        report.missing, report.missing_livekit = [], []
    if arguments.json:
        print(json.dumps(_as_object(report)))
    else:
        _tell(report)
    return WRONG if report.problems else 0


def _report(arguments: argparse.Namespace) -> ConfigReport:
    values: dict[str, str] = {}
    malformed = []
    for pair in arguments.set:
        name, equals, text = pair.partition("=")
        if equals:
            values[name] = text
        else:
            malformed.append(pair)
    if arguments.dialect is not None:
        values["REALTIME_DIALECT"] = arguments.dialect
    if arguments.model is not None:
        values[MODEL] = arguments.model
    environ = dict(os.environ)
    if arguments.env_file is not None:
        environ[ENV_FILES_SETTING] = str(arguments.env_file)
    report = check_settings(environ, set_values=values, malformed=malformed)
    if arguments.overrides is not None:
        overridden = apply_metadata(arguments.overrides, report.settings)
        report.settings = overridden.settings
        report.problems += overridden.problems
    return report


def _as_object(report: ConfigReport) -> dict[str, Any]:
    settings = report.settings
    return {
        "ok": not report.problems,
        "dialect": settings.service.dialect_name,
        "model": _masked(settings.session[MODEL], report.secrets),
        "problems": [problem.as_dict() for problem in report.problems],
        "warnings": _notes(report),
        "session": _masked(report.session, report.secrets),
    }


def _tell(report: ConfigReport) -> None:
    for problem in report.problems:
        print(f"problem: {problem}")
    for warning in _notes(report):
        print(f"note: {warning}")
    if not report.problems:
        settings = report.settings
        model = settings.session[MODEL] or "a model that REALTIME_MODEL does not name"
        model = redact(str(model), report.secrets)
        print(f"All is well: {settings.service.dialect_name} ({settings.service.kind}), {model}.")
        print(json.dumps(_masked(report.session, report.secrets), indent=2))


def _notes(report: ConfigReport) -> list[str]:
    missing = [*report.missing, *report.missing_livekit]
    return [*report.warnings, *(str(problem) for problem in missing)]


def _masked(value: Any, secrets: Collection[str]) -> Any:
    """``value``, of JSON, without what looks like a key in any of its strings."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, dict):
        return {name: _masked(each, secrets) for name, each in value.items()}
    return [_masked(each, secrets) for each in value] if isinstance(value, list) else value
