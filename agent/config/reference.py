"""The table of settings, made of the same rows that judge them: for ``--help`` and for docs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.config.environment import DeclaredName
from agent.config.messages import accepted_values, field_choices
from agent.config.overrides import OVERRIDABLE
from agent.config.settings import SECRETS, SECTIONS
from agent.realtime.protocol.dialects import DIALECTS
from agent.realtime.protocol.parameters import PARAMETERS, Parameter
from agent.realtime.protocol.rules.models import REASONING_MODELS, SPEECH_MODELS
from agent.realtime.protocol.rules.parameter_rules import Row


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting, in words."""

    name: str
    range: str
    default: str
    where: str
    """Dialects and models that have it."""
    effect: str
    source: str
    alias: str = ""


def parameter_lines() -> Iterator[SettingRow]:
    """The session's parameters, one line for each rule that differs between dialects."""
    for parameter in PARAMETERS:
        rows = parameter.rows if parameter.name != "model" else parameter.rows[:1]
        for index, row in enumerate(rows):
            yield SettingRow(
                parameter.environment_name,
                ", ".join(SPEECH_MODELS)
                if parameter.name == "model"
                else accepted_values(row.rule),
                _default(parameter) if index == 0 else "",
                _where(parameter, row),
                parameter.setting.effect if index == 0 else "",
                f"{row.source}; {row.note}" if row.note else row.source,
                parameter.setting.alias if index == 0 else "",
            )


def setting_lines() -> Iterator[tuple[str, list[SettingRow]]]:
    """All other settings, by what they are about; those of the fallback service after those of
    the primary."""
    for title, names in SECTIONS.items():
        yield title, [*map(_primary_row, _listed(names)), *_fallback_rows(names)]


def _listed(names: Iterable[DeclaredName]) -> Iterator[DeclaredName]:
    return (each for each in names if each.declaration.effect)


def _primary_row(declared: DeclaredName) -> SettingRow:
    return SettingRow(
        declared.name,
        ", ".join(field_choices(declared.field)),
        declared.shown_default,
        "",
        f"{declared.declaration.effect}.",
        "",
        declared.declaration.alias,
    )


def _fallback_rows(names: Iterable[DeclaredName]) -> Iterator[SettingRow]:
    for each in names:
        if effect := each.declaration.fallback_effect:
            choices = ", ".join(field_choices(each.field))
            yield SettingRow(each.declaration.fallback, choices, "", "", f"{effect}.", "")


def help_text() -> str:
    """The settings, for the end of ``--help``."""
    lines = ["settings (environment, .env, .env.local; a secret also as NAME_FILE):"]
    for title, group in setting_lines():
        lines += ["", f"  {title}"]
        lines += [_help_line(line) for line in group]
    lines += ["", "  What the session says (`agent check --set NAME=VALUE` takes the name in small"]
    lines += ["  letters and dots, docs/parameters.md has the ranges)"]
    lines += [_help_line(line) for line in parameter_lines() if line.effect]
    return "\n".join(lines)


def parameters_markdown() -> str:
    """The whole of docs/parameters.md."""
    parts = [_PREFACE]
    for title, group in setting_lines():
        parts.append(f"## {title}\n")
        rows = [(f"`{x.name}`", x.effect, x.range, x.default, _code(x.alias)) for x in group]
        parts.append(_table(("name", "effect", "values", "default", "alias"), rows))
    parts.append(_SESSION_PREFACE)
    session = [
        (
            f"`{x.name}`" if x.effect else "″",
            x.effect,
            x.range,
            x.default,
            x.where,
            _code(x.alias),
            x.source,
        )
        for x in parameter_lines()
    ]
    head = ("name", "effect", "range", "default", "dialects and models", "alias", "source")
    parts.append(_table(head, session))
    names = ", ".join(f"`{name}`" for name in sorted(OVERRIDABLE))
    parts.append(f"{_CALL_PREFACE}\n{names}.\n")
    return "\n".join(parts)


def env_example() -> str:
    """The whole of .env.example."""
    lines = ["# Copy to .env.local. The environment wins over .env.local, and that over .env."]
    lines += ["# Every secret can also be given as NAME_FILE. All of it: docs/parameters.md"]
    for title, group in setting_lines():
        lines += ["", f"# {title}"]
        for line in group:
            lines += [f"# {text}" for text in textwrap.wrap(_comment(line), 96)]
            lines.append(f"{'' if line.name in _ASKED else '# '}{line.name}={line.default}")
    lines += ["", "# What the session says"]
    for line in parameter_lines():
        if line.effect:
            lines += [f"# {text}" for text in textwrap.wrap(line.effect, 96)]
            lines.append(f"# {line.name}={line.default}")
    return "\n".join(lines) + "\n"


_ASKED = {"LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "OPENAI_API_KEY"}


def _comment(line: SettingRow) -> str:
    return f"{line.effect} ({line.range})" if line.range else line.effect


def _help_line(line: SettingRow) -> str:
    default = f" ({line.default})" if line.default else ""
    text = textwrap.fill(f"{line.effect}{default}", 96, initial_indent=" " * 6)
    return f"    {line.name}\n{text.replace(chr(10), chr(10) + ' ' * 6)}"


def _where(parameter: Parameter, row: Row) -> str:
    if parameter.name == "model":
        return "all"
    names = [name for name, dialect in DIALECTS.items() if dialect in row.dialects]
    text = "all" if len(names) == len(DIALECTS) else ", ".join(names)
    gate = row.models
    if parameter.path == "reasoning.effort":
        gate = REASONING_MODELS
    if gate:
        text += f"; {', '.join(sorted(gate))}"
    if row.not_models:
        text += f"; not {', '.join(sorted(row.not_models))}"
    if row.when:
        text += f"; {' or '.join(row.when)}"
    return text


def _default(parameter: Parameter) -> str:
    default = parameter.setting.default
    return "" if default is None else f"{default:g}" if isinstance(default, float) else str(default)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [_row(head), _row(("---",) * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


_PREFACE = f"""\
# Settings

Made by `uv run python -m tools.generate` from the rows that judge the settings; do not edit.

A later place wins: the default below, `.env`, `.env.local`, the environment, and for one call its
job's metadata. A canonical name wins over its alias. {", ".join(f"`{name}`" for name in SECRETS)}
can also be given as `NAME_FILE`, the path of a file. An unknown `REALTIME_*` name is an error.
`OPENAI_DISABLE` is refused: there is no other engine.
"""
_SESSION_PREFACE = """\
## What the session says

A parameter's name is the environment's in small letters, a dot for each level:
`turn_detection.threshold`. The flat spellings, such as `max_response_output_tokens`, are taken too.
A number of milliseconds or tokens is whole. Lists of voices and models hold for OpenAI's and
Azure's own services, not with `REALTIME_SERVICE=compatible`. `none` switches off turn detection,
transcription and noise reduction. An empty default is left to the service.
"""
_CALL_PREFACE = """\
## For one call

The metadata of a job, given by a dispatch, a token's room configuration or a SIP dispatch rule, is
one JSON object. `turn_taking` and `turn_taking_preset` are as `AGENT_TURN_TAKING` and its preset;
`session` may hold, nested or with dots:
"""
