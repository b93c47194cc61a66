"""The fallback service: what sets it, and the session that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.config.environment import declared_names
from agent.config.service import ServiceSettings, read_service
from agent.config.sources import SourcedValue
from agent.errors import Problem
from agent.realtime.protocol.parameters import MODEL, SessionParameters, findings, with_defaults

_DECLARED = tuple(declared_names(ServiceSettings))
FALLBACK_NAMES = tuple(
    dict.fromkeys(each.declaration.fallback for each in _DECLARED if each.declaration.fallback)
)
_ADDRESSES = tuple(each.declaration for each in _DECLARED if each.field_name == "base_url")
_KEYS = tuple(each.declaration for each in _DECLARED if each.field_name.startswith("api_key"))
_OF_THE_HOST = ("REALTIME_DIALECT", "REALTIME_SERVICE", "OPENAI_API_VERSION")
"""What is not taken from the primary for a fallback on another host."""


def read_fallback(
    given: Mapping[str, SourcedValue], problems: list[Problem]
) -> ServiceSettings | None:
    """The fallback service; ``None`` if no ``REALTIME_FALLBACK_*`` name is set.

    What these names do not set is as for the primary. But a fallback on another host gets no key
    of the primary's.
    """
    if not any(name in given for name in FALLBACK_NAMES):
        return None
    found: list[Problem] = []
    service = read_service(_as_primary(given), found)
    # The primary's own values have been judged already.
    problems += [problem for problem in found if problem.setting in FALLBACK_NAMES]
    if not service.model and (model := with_defaults({}, service.dialect)[MODEL]):
        return service.with_changes(model=model)
    return service


def fallback_session(
    primary: ServiceSettings, session: SessionParameters, fallback: ServiceSettings
) -> SessionParameters:
    """What ``session`` changes of the primary's defaults, over those of ``fallback``, without the
    parameters that ``fallback`` would refuse."""
    usual = with_defaults({}, primary.dialect)
    changed = {name: value for name, value in session.values.items() if value != usual[name]}
    # An unknown model stays unknown, where it has no default.
    adapted = with_defaults({**changed, MODEL: fallback.model or None}, fallback.dialect)
    while True:
        found = findings(adapted, fallback.dialect, fallback.context)
        names = {each.parameter.name for each in found if each.parameter}
        if not names:
            return adapted
        for name in names:
            adapted = adapted.without(name)


def _as_primary(given: Mapping[str, SourcedValue]) -> dict[str, SourcedValue]:
    """``given`` with what sets the fallback under the names that set the primary."""
    values = dict(given)
    has_own_host = any(each.fallback in given for each in _ADDRESSES)
    has_own_key = any(each.fallback in given for each in _KEYS)
    if has_own_host:
        for name in (*_OF_THE_HOST, "AZURE_OPENAI_ENDPOINT"):
            values.pop(name, None)
    if has_own_host or has_own_key:
        for key in _KEYS:
            values.pop(key.name, None)
    for declared in _DECLARED:
        name = declared.declaration.fallback
        if name in given:
            values[declared.name] = replace(given[name], name=name)
    return values
