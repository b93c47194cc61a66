"""Read a ``.env`` file, and say which of its lines set nothing."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream


@dataclass(frozen=True, slots=True)
class EnvFile:
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
