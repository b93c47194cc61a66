"""The services that a call may be connected to: the one that is set, and the one after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from agent.config.settings import Settings
from agent.config.sources import problem
from agent.errors import Problem
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.protocol.parameters import MODEL, SessionParameters, findings, with_defaults

_PREFIX = "realtime_fallback_"
NAMES = tuple(name for name in Settings.model_fields if name.startswith(_PREFIX))


def service_targets(settings: Settings) -> tuple[ServiceTarget, ...]:
    """In the order in which they are taken, each when the one before is gone for good."""
    other = fallback_settings(settings)
    return tuple(ServiceTarget(each.endpoint, each.session) for each in (settings, other) if each)


def fallback_settings(settings: Settings) -> Settings | None:
    """``settings`` with what ``REALTIME_FALLBACK_*`` says in place of the first service's.

    What it does not say is as for the first; but to another host goes no key of the first one's.
    """
    said = {name.removeprefix(_PREFIX): getattr(settings, name) for name in NAMES}
    if not any(map(_text, said.values())):
        return None
    key = {"api_key": said["api_key"], "api_key_file": said["api_key_file"]}
    changes: dict[str, Any] = {}
    if said["azure_endpoint"] or said["base_url"]:
        changes |= _ANOTHER_HOST
        changes |= {f"azure_openai_{name}": value for name, value in key.items()}
        changes |= {f"openai_{name}": value for name, value in key.items()}
        changes["azure_openai_endpoint"] = said["azure_endpoint"]
    elif any(map(_text, key.values())):
        service = "azure_openai_" if settings.dialect.azure else "openai_"
        changes |= {f"{service}{name}": value for name, value in key.items()}
    for name, field in _FIELDS.items():
        if said[name]:
            changes[field] = said[name]
    other = settings.model_copy(update=changes)
    model = said["model"] or settings.session[MODEL]
    return other.model_copy(update={"session": _session(settings, model, other)})


def fallback_problems(settings: Settings) -> Iterator[Problem]:
    """What the other service lacks to be one."""
    other = fallback_settings(settings)
    if other is None:
        return
    if other.dialect.azure:
        needed = {"azure_endpoint": other.azure_openai_endpoint}
        needed["azure_deployment"] = other.azure_openai_deployment
        key = other.azure_openai_api_key.get_secret_value() or other.azure_openai_auth == "entra"
    else:
        needed, key = {}, bool(other.openai_api_key.get_secret_value())
    for name, value in {**needed, "api_key": key}.items():
        if not value:
            setting = f"{_PREFIX}{name}".upper()
            yield problem(setting, "", f"{setting} is not set; the fallback needs it.", "Set it.")


def unsupported_parameters(settings: Settings) -> list[str]:
    """Names of the session's parameters that the other service would refuse."""
    other = fallback_settings(settings)
    if other is None:
        return []
    return sorted(set(settings.session.values) - set(other.session.values))


_ANOTHER_HOST = {"realtime_service": "", "realtime_dialect": "", "openai_api_version": ""}
_FIELDS = {
    "base_url": "openai_base_url",
    "azure_deployment": "azure_openai_deployment",
    "azure_api_version": "openai_api_version",
    "dialect": "realtime_dialect",
}
"""What stands in place of what."""


def _session(first: Settings, model: Any, other: Settings) -> SessionParameters:
    """What is said of the first one's session, without what the other would refuse."""
    usual = with_defaults({}, first.dialect)
    said = {name: value for name, value in first.session.values.items() if value != usual[name]}
    session = with_defaults({**said, MODEL: model}, other.dialect)
    while True:
        context = other.model_copy(update={"session": session}).context
        found = findings(session, other.dialect, context)
        names = {each.parameter.name for each in found if each.parameter}
        if not names:
            return session
        for name in names:
            session = session.without(name)


def _text(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
