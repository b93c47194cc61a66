"""Checks across settings: addresses and credentials, and settings that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from urllib.parse import urlsplit

from agent.config.environment import declared_names
from agent.config.service import ServiceSettings
from agent.config.settings import SECRETS, URLS, LiveKitSettings, VoiceSettings
from agent.config.sources import SourcedValue, problem
from agent.errors import Problem
from agent.realtime.protocol.parameters import SessionParameters
from agent.redaction import redact_url
from agent.voice import turn_detection

_FALSE = {"0", "false", "no", "off"}
_SERVICE_KEYS = tuple(name for name in SECRETS if not name.startswith("LIVEKIT_"))
"""Secrets that leave in an HTTP header. LiveKit's secret signs, and may hold any character."""


def access_problems(
    service: ServiceSettings, given: Mapping[str, SourcedValue]
) -> Iterator[Problem]:
    """What no connection could be made with, whoever owns the account."""
    yield from _both_services(given)
    yield from _malformed_urls(given)
    yield from _unsendable_keys(given)
    yield from _disabled(given)
    yield from _entra(service, given)


def missing_service_settings(service: ServiceSettings, *, is_fallback: bool) -> list[Problem]:
    """What ``service`` lacks to be connected to."""
    has_key = bool(service.api_key.get_secret_value()) or service.uses_entra
    needed = {"api_key": has_key}
    if service.dialect.azure:
        needed = {
            "base_url": bool(service.base_url),
            **needed,
            "deployment": bool(service.deployment),
        }
    whose = "the fallback" if is_fallback else service.dialect.name
    names = [_name(service, field, is_fallback) for field, is_set in needed.items() if not is_set]
    return [problem(name, "", f"{name} is not set; {whose} needs it.", "Set it.") for name in names]


def _name(service: ServiceSettings, field: str, is_fallback: bool) -> str:
    """The environment name that sets ``field`` of a service like ``service``."""
    api = "azure" if service.dialect.azure else "openai"
    declaration = next(
        each.declaration
        for each in declared_names(ServiceSettings)
        if each.field_name == field and each.declaration.api in ("", api)
    )
    return declaration.fallback if is_fallback else declaration.name


def missing_livekit_settings(settings: LiveKitSettings) -> list[Problem]:
    """What the worker needs to register with a LiveKit server and nobody has set."""
    needed = {
        "LIVEKIT_URL": settings.url,
        "LIVEKIT_API_KEY": settings.api_key,
        "LIVEKIT_API_SECRET": settings.api_secret.get_secret_value(),
    }
    fix = "Set it in the environment or in .env.local."
    return [
        problem(name, "", f"{name} is not set; the worker needs it.", fix)
        for name, value in needed.items()
        if not value
    ]


def _entra(service: ServiceSettings, where: Mapping[str, SourcedValue]) -> Iterator[Problem]:
    if service.auth == "entra" and not _has_azure_identity():
        name = "AZURE_OPENAI_AUTH"
        message = f"{name} is entra, and azure-identity is not installed."
        yield problem(name, where[name].source, message, "Install realtime-agent[entra].")


def _has_azure_identity() -> bool:
    return bool(find_spec("azure") and find_spec("azure.identity"))


def _both_services(given: Mapping[str, SourcedValue]) -> Iterator[Problem]:
    both = {"OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"} <= set(given)
    if both and "REALTIME_DIALECT" not in given:
        message = "OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT are both set: which is it?"
        source = given["AZURE_OPENAI_ENDPOINT"].source
        fix = "Set REALTIME_DIALECT, or remove one of the two."
        yield problem("REALTIME_DIALECT", source, message, fix)


def _malformed_urls(given: Mapping[str, SourcedValue]) -> Iterator[Problem]:
    for setting in URLS:
        if setting not in given:
            continue
        url = given[setting]
        like = "wss://HOST" if setting == "LIVEKIT_URL" else "https://HOST"
        if not _is_url(url.text):
            message = f"Invalid value for {setting}: '{redact_url(url.text)}' is not a URL."
            summary = f"{setting}={redact_url(url.text)} is not a URL."
            found = problem(setting, url.source, message, f"Write {like}.")
            yield replace(found, summary=summary)
        elif "@" in urlsplit(url.text).netloc:
            message = f"{setting} holds a user name or a password: '{redact_url(url.text)}'."
            fix = f"Write {like}, and put the key into the setting that is meant for it."
            yield problem(setting, url.source, message, fix)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    printable = text.isprintable() and " " not in text
    return printable and parts.scheme in {"http", "https", "ws", "wss"} and bool(parts.hostname)


def _unsendable_keys(given: Mapping[str, SourcedValue]) -> Iterator[Problem]:
    """An HTTP header takes neither a line break nor a space around or within a key."""
    for name in _SERVICE_KEYS:
        key = given.get(name)
        if key is None:
            continue
        wrong = [at for at, letter in enumerate(key.text) if not "!" <= letter <= "~"]
        if wrong:
            message = (
                f"{name} cannot be sent: character {wrong[0] + 1} of {len(key.text)} is "
                f"{_kind_of_character(key.text[wrong[0]])}."
            )
            fix = "A key is one line of ASCII without spaces: copy it again."
            yield problem(name, key.source, message, fix)


def _kind_of_character(letter: str) -> str:
    if letter in "\r\n":
        return "a line break"
    if letter.isspace():
        return "a space"
    return "not ASCII" if letter > "~" else "a control character"


def _disabled(given: Mapping[str, SourcedValue]) -> Iterator[Problem]:
    value = given.get("OPENAI_DISABLE")
    if value is not None and value.text.lower() not in _FALSE:
        message = "OPENAI_DISABLE is set, and there is no other engine to answer calls."
        yield problem("OPENAI_DISABLE", value.source, message, "Remove it.")


NO_TURN_END = (
    "Without turn detection nobody notices that the caller has finished, and no answer follows."
)


def is_silent(voice: VoiceSettings, session: SessionParameters) -> bool:
    """Whether nobody would hear anything: text only, and nothing that speaks it."""
    return session["output_modalities"] == ["text"] and voice.speaker != "tts"


def has_no_turn_end(voice: VoiceSettings, session: SessionParameters) -> bool:
    """Whether nothing detects that the caller has finished speaking: such a call is greeted and
    never answered."""
    return not voice.turn_taking and session["turn_detection.type"] is None


def contradictions(voice: VoiceSettings, session: SessionParameters) -> Iterator[Problem]:
    """Two settings of which only one can hold."""
    mode, kind = voice.turn_taking, session["turn_detection.type"]
    expected = None if mode in turn_detection.WORKER_MODES else mode
    if mode and kind != expected:
        name = "AGENT_TURN_TAKING"
        message = f"{name} is {mode}, and the session's turn_detection.type is {kind or 'none'}."
        yield problem(name, "", message, "Set one of the two.")
    if voice.speaker == "tts" and session["output_modalities"] != ["text"]:
        message = "AGENT_VOICE_FROM is tts, and the model is asked for audio."
        fix = "Remove REALTIME_OUTPUT_MODALITIES, or set AGENT_VOICE_FROM=model."
        yield problem("REALTIME_OUTPUT_MODALITIES", "", message, fix)
    if kind is not None and session["turn_detection.create_response"] is False:
        name = "REALTIME_TURN_DETECTION_CREATE_RESPONSE"
        message = f"{name} is false: the service detects turns, and nobody answers them."
        fix = "Remove it, or set AGENT_TURN_TAKING to local or push_to_talk."
        yield problem(name, "", message, fix)
