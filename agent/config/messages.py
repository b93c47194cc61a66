"""The sentences that say what is wrong with a setting: value, rule, origin and fix. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from agent.config.sources import SourcedValue, problem
from agent.errors import Problem
from agent.realtime.protocol.dialects import Dialect
from agent.realtime.protocol.parameters import MODEL, Finding, with_defaults
from agent.realtime.protocol.rules.messages import plain
from agent.realtime.protocol.rules.models import SPEECH_MODELS
from agent.realtime.protocol.rules.value_types import (
    Either,
    Flag,
    Group,
    Integer,
    Literals,
    Number,
    Rule,
    Text,
    Texts,
)
from agent.redaction import HIDDEN, bounded, presentable, shorten

MAX_SHOWN = 40


def invalid_field(
    name: str, value: SourcedValue, field: FieldInfo, *, default: str, reason: str
) -> Problem:
    """The problem with ``value`` of the environment name ``name``, which breaks the rule of
    ``field``; ``reason`` is pydantic's."""
    is_secret = field.annotation is SecretStr
    shown = HIDDEN if is_secret else f"'{value.text}'"
    message = f"Invalid value for {name}: {reason}, but got {shown}."
    found = problem(name, value.source, message, "")
    values = field_choices(field)
    rule = "is not valid" if not values else f"is not {_one_of(values)}"
    fix = _fix("one of these" if len(values) > 1 else "".join(values), default, "")
    shown = HIDDEN if is_secret else shorten(value.text, MAX_SHOWN)
    return replace(found, fix=fix, summary=f"{name}={shown} {rule}.")


def field_choices(field: FieldInfo) -> list[str]:
    """What may be set for ``field``; empty if any text will do."""
    if field.annotation is bool:
        return ["true", "false"]
    bounds = {type(each).__name__: each for each in field.metadata}
    if "Ge" in bounds and "Le" in bounds:
        return [f"{bounds['Ge'].ge} to {bounds['Le'].le}"]
    choices = get_args(field.annotation)
    return [choice for choice in choices if isinstance(choice, str) and choice]


def parameter_problem(
    finding: Finding, value: Any, source: str, dialect: Dialect, model: str
) -> Problem:
    """The problem that ``finding`` is with ``value``, of a session for ``model``."""
    finding = explained(finding, value)
    parameter, violation = finding.parameter, finding.violation
    if parameter is None:
        return Problem(violation, "", source, "Change it, or remove it to use the default.")
    name, shown = parameter.environment_name, _shown(value)
    row = parameter.row(dialect)
    if finding.lacking:
        lacks = f"the model {model}" if row is not None else f"the dialect {dialect.name}"
        summary = f"{name}={shown} cannot be sent: {lacks} has no {parameter.name}."
        return Problem(violation, name, source, parameter.setting.lacking, summary)
    is_own_place = violation.place in (None, parameter.place(dialect), "session.model")
    rule = (row or parameter.rows[0]).rule
    if parameter.name == MODEL:
        rule = Text(known=SPEECH_MODELS)
    reason = _rule_broken(rule, value, violation.code) if is_own_place else ""
    accepted = accepted_values(rule).replace("..", " to ") if is_own_place else ""
    words = _words(rule)
    if words and reason == f"is not {_one_of(words)}.":
        accepted = "one of these"
    default = with_defaults({}, dialect)[parameter.name]
    fix = _fix(accepted, "" if default is None else _shown(default), "the service's default")
    if not reason:
        reason = f'would be refused by the service: "{violation.message}"'
    return Problem(violation, name, source, fix, f"{name}={shown} {reason}")


def accepted_values(rule: Rule) -> str:
    """``0.6..1.2``, ``low, medium, high``: what a value may be."""
    match rule:
        case Text(enum=enum, known=known) if enum or known:
            return ", ".join(enum or known)
        case Text(max_length=length) if length:
            return f"at most {length} characters"
        case Number(minimum=low, maximum=high) | Integer(minimum=low, maximum=high):
            if low is None and high is None:
                return "any whole number"
            return f"{low:g} or more" if high is None else f"{low:g}..{high:g}"
        case Literals(values=values):
            return ", ".join(values)
        case Either(first=first, second=second):
            other = accepted_values(second) if isinstance(second, Integer) else "a JSON object"
            return f"{accepted_values(first)}, or {other}"
        case Texts(combinations=combinations) if combinations:
            return ", ".join(dict.fromkeys("+".join(sorted(each)) for each in combinations))
        case Texts(enum=enum):
            return f"list of {', '.join(enum)}" if enum else "list of words"
        case Flag():
            return "true, false"
        case Text():
            return "text"
    return "a JSON object"


def presentable_problem(problem: Problem, secrets: Collection[str], limit: int) -> Problem:
    """``problem`` as it may be shown: no secret in it, and no sentence of more than ``limit``
    characters."""
    summary = bounded(problem.summary, limit, secrets)
    return replace(presentable(problem, secrets, limit), summary=summary)


def _rule_broken(rule: Rule, value: Any, code: str | None) -> str:
    """What ``value`` breaks of ``rule``, for the end of ``NAME=VALUE …``; empty if the service's
    ``code`` is of no such rule."""
    if isinstance(value, str) and (reason := _reason(value, rule)):
        return reason
    bounds = rule.second if isinstance(rule, Either) else rule
    if isinstance(bounds, Number | Integer) and code is not None:
        if code.endswith("below_min_value"):
            return f"is below the minimum of {bounds.minimum:g}."
        if code.endswith("above_max_value"):
            return f"is above the maximum of {bounds.maximum:g}."
    values = _words(rule)
    return f"is not {_one_of(values)}." if values and isinstance(value, str) else ""


def _words(rule: Rule) -> tuple[str, ...]:
    """The only texts that ``rule`` accepts; empty if it accepts others or none."""
    if isinstance(rule, Either) and isinstance(rule.second, Group):
        rule = rule.first
    if isinstance(rule, Literals):
        return rule.values
    return rule.enum or rule.known if isinstance(rule, Text) else ()


def _one_of(values: Sequence[str]) -> str:
    if len(values) == 1 and " to " in values[0]:
        return f"a whole number from {values[0]}"
    return " or ".join(values) if len(values) <= 2 else f"one of {', '.join(values)}"


def _fix(accepted: str, default: str, otherwise: str) -> str:
    """Use what is ``accepted``, or remove the setting to use ``default``; ``otherwise`` says what
    applies if that is empty."""
    result = f"the default, {default}" if default else otherwise
    removal = f"remove it to use {result}" if result else "remove it"
    return f"Use {accepted}, or {removal}." if accepted else f"Change it, or {removal}."


def _shown(value: Any) -> str:
    """``value`` as a person writes it in the environment, shortened."""
    match value:
        case None:
            text = "none"
        case str():
            text = value
        case bool():
            text = str(value).lower()
        case list() if all(isinstance(each, str) for each in value):
            text = ",".join(value)
        case int() | float():
            text = plain(value)
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
    return shorten(text, MAX_SHOWN)


def explained(finding: Finding, value: Any) -> Finding:
    """``finding`` with the reason before the service's own sentence, where ``value`` is text that
    was to be a number or an object."""
    if finding.parameter is None or not isinstance(value, str) or finding.lacking:
        return finding
    reason = _reason(value, finding.parameter.rows[0].rule)
    if not reason:
        return finding
    violation = finding.violation
    message = f"'{shorten(value, MAX_SHOWN)}' {reason} {violation.message}"
    return replace(finding, violation=replace(violation, message=message))


def _reason(text: str, rule: Rule) -> str:
    number = isinstance(rule, Number | Integer)
    whole = isinstance(rule, Either) and isinstance(rule.second, Integer)
    if not text.strip():
        return "is empty, and a number is expected." if number else ""
    if number or (whole and text.lstrip("+-")[:1].isdigit()):
        return _why_no_number(text)
    if isinstance(rule, Group | Either) and text.startswith("{"):
        return _why_no_object(text)
    return ""


def _why_no_number(text: str) -> str:
    try:
        beyond = math.isinf(float(text)) and any(letter.isdigit() for letter in text)
    except ValueError:
        beyond = False
    if beyond:
        return "is greater than any number that can be sent."
    return "is not a number."


def _why_no_object(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"is not JSON: {error}."
    return "holds a number that cannot be sent, such as NaN or 1e400."
