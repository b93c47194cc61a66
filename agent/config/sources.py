"""The environment and ``.env`` files, in layers that remember where each name was set."""

from __future__ import annotations

import io
from collections.abc import Container, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from agent.errors import Problem, Violation
from agent.realtime.protocol.rules.checker import is_encodable
from agent.redaction import HIDDEN, redact

ENV_FILES = (".env", ".env.local")
ENV_FILES_SETTING = "AGENT_ENV_FILE"
"""Names one file to read instead of ``ENV_FILES``; empty for none."""

SET = "--set"
"""The source of what a command's own options set."""


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value and where it was set."""

    text: str
    source: str
    name: str = ""
    """The name that set it, if it stands under another one."""


def read_layers(
    environ: Mapping[str, str],
    directory: Path,
    problems: list[Problem],
    *,
    kept_empty: Container[str] = (),
) -> dict[str, SourcedValue]:
    """All names that the environment and the ``.env`` files in ``directory`` set, to something
    that is not empty unless the name is among ``kept_empty``. What is wrong with a file is added
    to ``problems``."""
    chosen = environ.get(ENV_FILES_SETTING)
    files = ENV_FILES if chosen is None else (chosen,) if chosen else ()
    given: dict[str, SourcedValue] = {}
    for file in files:
        read = read_env_file(directory / file, environ)
        given.update({name: SourcedValue(text, file) for name, text in read.values.items()})
        problems += [problem("", file, message, read.fix) for message in read.mistakes]
    given.update({name: SourcedValue(text, "environment") for name, text in environ.items()})
    return {name: value for name, value in given.items() if value.text or name in kept_empty}


def apply_aliases(given: dict[str, SourcedValue], aliases: Mapping[str, str]) -> list[str]:
    """Put what an alias says under the canonical name, where that is not set itself. ``aliases``
    has the canonical name of each. Returns a note on each alias that is ignored although it says
    something else."""
    ignored = []
    for alias, name in aliases.items():
        if alias not in given:
            continue
        if name not in given:
            given[name] = SourcedValue(given[alias].text, f"{given[alias].source}, as {alias}")
        elif given[name].text != given[alias].text:
            ignored.append(ignored_name(alias, given[alias].source, name, given[name].source))
    return ignored


def ignored_name(name: str, source: str, winner: str, winners_source: str) -> str:
    """The note on a name that another one for the same setting wins over."""
    return f"{name} ({source}) is ignored: {winner} ({winners_source}) sets the same otherwise."


def read_secret_files(given: dict[str, SourcedValue], secret_names: Iterable[str]) -> list[Problem]:
    """Put secrets that are given as ``NAME_FILE`` under their names; what cannot be read."""
    problems = []
    for name in secret_names:
        file = given.get(f"{name}_FILE")
        if name in given:
            given.pop(f"{name}_FILE", None)  # the name itself wins
            continue
        if file is None:
            continue
        try:
            given[name] = SourcedValue(
                Path(file.text).read_text(encoding="utf-8").strip(), file.source
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            message = f"Cannot read '{_shown_path(file.text)}': {reason}."
            problems.append(problem(f"{name}_FILE", file.source, message, "Give a readable file."))
    return problems


def take_out_undecodable(given: dict[str, SourcedValue], names: Iterable[str]) -> list[Problem]:
    """Take out those of ``names`` whose values are not UTF-8: they could not be sent."""
    problems = []
    for name in [name for name in names if name in given and not is_encodable(given[name].text)]:
        message = f"The value of {name} is not valid UTF-8."
        fix = "Save it as UTF-8, or remove it for the default."
        problems.append(problem(name, given.pop(name).source, message, fix))
    return problems


def _shown_path(path: str) -> str:
    """``path``, unless it could be a secret that somebody took the setting to be for."""
    if "/" in path and (path.startswith("/") or Path(path).parent.is_dir()):
        return redact(path)
    return HIDDEN


def without_accounts(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without keys, addresses and proxies, and without what ``.env`` files say: for
    a worker that is to talk to this machine only."""
    foreign = ("LIVEKIT_", "OPENAI_", "AZURE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {name: text for name, text in environ.items() if not name.upper().startswith(foreign)}
    return {**kept, ENV_FILES_SETTING: ""}


def prepare_for_libraries(environ: MutableMapping[str, str], livekit: Mapping[str, str]) -> None:
    """Make ``environ`` what upstream's libraries should find in it, in the worker and in the job
    processes that inherit it. ``livekit`` is the LiveKit server's names with their values."""
    # Seen by the plugin, it turns a plain OpenAI model into an Azure one (1.8.9, defect D12).
    if version := environ.pop("OPENAI_API_VERSION", ""):
        environ.setdefault("AZURE_OPENAI_API_VERSION", version)
    # 245 MB of end-of-turn weights that a Realtime model has no use for (1.8.9, defect D23).
    environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")
    # What upstream sets itself, but only after the forkserver has been started.
    environ.update({name: text for name, text in livekit.items() if text})


def problem(setting: str, source: str, message: str, fix: str) -> Problem:
    """A problem with a setting that no service knows of."""
    return Problem(Violation("invalid_setting", None, message), setting, source, fix)


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What a ``.env`` file sets, and which of its lines set nothing."""

    values: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    """A sentence each. None quotes the file, whose values may be secrets."""
    fix: str = "Correct the line, or remove it."
    """What to do about each of them."""


def read_env_file(path: Path, environ: Mapping[str, str]) -> EnvFile:
    """What the file at ``path`` sets; nothing where there is no such file.

    A name without a value is a mistake unless ``environ`` has one for it, as Docker's
    ``--env-file`` would take it.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        return EnvFile()
    except OSError as error:
        message = f"{path.name} cannot be read: {error.strerror}."
        return EnvFile(mistakes=(message,), fix="Let the worker's user read it, or name another.")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"{path.name} is not UTF-8 text (line {line})."
        return EnvFile(mistakes=(message,), fix="Save the file as UTF-8.")
    mistakes = tuple(
        mistake
        for binding in parse_stream(io.StringIO(text))
        if (mistake := _mistake(binding, environ))
    )
    if mistakes:
        # python-dotenv would log the same lines once more.
        good = (each.original.string for each in parse_stream(io.StringIO(text)) if not each.error)
        text = "".join(good)
    values = dotenv_values(stream=io.StringIO(text))
    return EnvFile({name: text for name, text in values.items() if text is not None}, mistakes)


def _mistake(binding: Binding, environ: Mapping[str, str]) -> str:
    """What is wrong with a line; empty if nothing is."""
    text = binding.original.string
    # The parser counts blank lines before a statement to it.
    line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
    if binding.error:
        return f"Line {line} cannot be read: it is not NAME=VALUE, or a quote is not closed."
    if binding.key is not None and binding.value is None and binding.key not in environ:
        return f"Line {line} names {_shown_name(binding.key)} and gives it no value."
    return ""


def _shown_name(name: str) -> str:
    """``name``, if it is written as names of settings are: a key on a line of its own is not."""
    return name if name.isupper() and name.replace("_", "").isalpha() else "something"
