"""The client events ``session.update`` and ``session.close``.

An update takes effect as a whole or not at all.
"""

from __future__ import annotations

from typing import Any

from agent.local.standin.flat_dialect import ga_settings
from agent.local.standin.response_run import prepare_speech
from agent.local.standin.rules import Refusal
from agent.local.standin.rules.refusals import unsupported_option
from agent.local.standin.session import Session
from agent.local.standin.session_config import Config, merged


def update(session: Session, event: dict[str, Any]) -> None:
    change = ga_settings(event["session"]) if session.is_flat else event["session"]
    session.update_count += 1
    if session.update_count == 1 and session.fault("refuse-first-update"):
        raise Refusal(
            None,
            "The server had an error while processing your request. Sorry about that!",
            type="server_error",
        )
    _check_state(session, change)
    session.apply(change)
    prepare_speech(session)
    session.emit("session.updated", session=_updated_config(session))


def _check_state(session: Session, change: Config) -> None:
    """Check the rules that depend on the state of the session."""
    model = change.get("model")
    if model is not None and model != session.model and not session.dialect.is_azure:
        # No message is recorded for a known model; this is the one for an unknown model.
        raise unsupported_option()
    voice = change.get("audio", {}).get("output", {}).get("voice")
    current = session.config["audio"]["output"]["voice"]
    if voice is not None and voice != current and session.has_assistant_audio:
        raise Refusal(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            echo_event_id=False,
        )
    tracing = session.config["tracing"]
    if tracing is not None and "tracing" in change and change["tracing"] != tracing:
        # No message is recorded; the API reference says it cannot be modified once enabled.
        raise Refusal(
            "invalid_value",
            "Cannot update tracing once it is enabled.",
            param="session.tracing",
        )


def _updated_config(session: Session) -> Config:
    """Return the settings to show in ``session.updated``."""
    if not session.fault("echo-differs"):
        return session.config
    changed: dict[str, Any] = {"output": {"voice": "echo"}, "input": {}}
    detection = session.config["audio"]["input"]["turn_detection"]
    if detection is not None and detection["type"] == "server_vad":
        changed["input"] = {"turn_detection": {**detection, "silence_duration_ms": 200}}
    return merged(session.config, {"audio": changed})


def refuse_transcription(session: Session, event: dict[str, Any]) -> None:
    """Refuse ``transcription_session.update`` in a conversation."""
    raise Refusal(
        "invalid_parameter",
        "Passing a transcription session update event to a realtime session is not allowed.",
    )


def close(session: Session, event: dict[str, Any]) -> None:
    session.hang_up(1000, "")


HANDLERS = {
    "session.update": update,
    "transcription_session.update": refuse_transcription,
    "session.close": close,
}
