"""What the conversation so far makes of an event: what is right to send instead, and what the
service would refuse it for. Pure; in GA spelling."""

from __future__ import annotations

from typing import Any

from agent.errors import Violation
from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.rules import messages
from agent.realtime.state.connection_state import ConnectionState, voice_of

MIN_COMMIT_MS = 100
"""The least audio that the service commits; it says so in its refusal."""
ROOT = "root"
"""The place before the first item."""

_CLEARED: dict[str, Any] = {
    "max_output_tokens": "inf",
    "truncation": "auto",
    "reasoning": {"effort": "low"},
}
"""The schema's defaults of the parameters that the plugin clears with ``null``."""


def adapted(conversation: ConnectionState, event: Event) -> Event | None:
    """``event`` as it should be sent, where the right thing is plain; ``None``: not at all."""
    match event.get("type"):
        case "response.cancel":
            return event if _has_response(conversation, event.get("response_id")) else None
        case "conversation.item.truncate":
            return _cut(conversation, event)
        case "session.update":
            return _without_the_unchanged(conversation, _cleared(conversation, event))
    return event


def precondition_violations(conversation: ConnectionState, event: Event) -> list[Violation]:
    """What the service would refuse ``event`` for, as things stand; ``event`` has passed the
    rules of its shape."""
    match event["type"]:
        case "input_audio_buffer.commit":
            return _commit(conversation)
        case "conversation.item.create":
            return _create_item(conversation, event["item"], event.get("previous_item_id"))
        case "conversation.item.truncate":
            return _truncate(conversation, event)
        case "conversation.item.delete" | "conversation.item.retrieve" as kind:
            return _find(conversation, event["item_id"], kind.rpartition(".")[2])
        case "session.update":
            return _update(conversation, event["session"])
        case "response.create":
            response = event.get("response") or {}
            return _references(conversation, response) or _voice(conversation, response, "response")
    return []


def _has_response(conversation: ConnectionState, response_id: Any) -> bool:
    if not isinstance(response_id, str | None):
        return True  # for the rules to judge
    return conversation.responses.may_cancel(response_id)


def _cut(conversation: ConnectionState, event: Event) -> Event | None:
    item = conversation.items.get(str(event.get("item_id")))
    end_ms = event.get("audio_end_ms")
    if item is None or not isinstance(end_ms, int | float):
        return event
    if item.truncated and end_ms >= item.audio_ms:
        return None
    if item.audio_ms <= 0:
        return event
    return {**event, "audio_end_ms": int(item.audio_ms)} if end_ms > item.audio_ms else event


def _cleared(conversation: ConnectionState, event: Event) -> Event:
    """``event`` with defaults in the place of ``null``, by which the plugin clears a parameter.
    The schema has no null there, and Azure was recorded to refuse one (livekit/agents#927)."""
    session = event.get("session")
    if not isinstance(session, dict):
        return event
    cleared = {key for key in _CLEARED if key in session and session[key] is None}
    if not cleared:
        return event
    session = {**session, **{key: _CLEARED[key] for key in cleared}}
    if "reasoning" in cleared and conversation.pending_value("reasoning") is None:
        del session["reasoning"]  # there is none to clear, and not every model takes one
    return {**event, "session": session}


def _without_the_unchanged(conversation: ConnectionState, event: Event) -> Event:
    session = event.get("session")
    if not isinstance(session, dict):
        return event
    if "model" in session and session["model"] == conversation.model:
        session = {key: value for key, value in session.items() if key != "model"}
    voice = voice_of(session)
    if voice is not None and voice == conversation.pending_voice():
        output = dict(session["audio"]["output"])
        del output["voice"]
        session = {**session, "audio": {**session["audio"], "output": output}}
    return event if session is event["session"] else {**event, "session": session}


def _commit(conversation: ConnectionState) -> list[Violation]:
    if conversation.uncommitted_ms >= MIN_COMMIT_MS:
        return []
    message = (
        "Error committing input audio buffer: buffer too small. Expected at least "
        f"{MIN_COMMIT_MS}ms of audio, but buffer only has {conversation.uncommitted_ms:.2f}ms of "
        "audio."
    )
    return [Violation("input_audio_buffer_commit_empty", None, message)]


def _create_item(
    conversation: ConnectionState, item: dict[str, Any], previous_item_id: str | None
) -> list[Violation]:
    if item.get("id") in conversation.items:
        message = f"Error adding item: an item with id '{item['id']}' already exists."
        return [Violation("item_create_duplicate_item_id", "item.id", message)]
    if previous_item_id not in (None, ROOT) and previous_item_id not in conversation.items:
        message = f"Error adding item: previous item with id '{previous_item_id}' does not exist."
        code = "item_create_invalid_previous_item_id"
        return [Violation(code, "previous_item_id", message)]
    if item["type"] == "function_call_output":
        call_id = item["call_id"]
        if not any(known.call_id == call_id for known in conversation.items.values()):
            message = f"Tool call ID '{call_id}' not found in conversation."
            return [Violation("invalid_tool_call_id", "item.call_id", message)]
    return []


def _references(conversation: ConnectionState, response: dict[str, Any]) -> list[Violation]:
    """References to items that the conversation does not have. The service's sentence is not
    recorded; this is the one of a truncation."""
    for index, item in enumerate(response.get("input") or []):
        if item.get("type") == "item_reference" and item.get("id") not in conversation.items:
            message = f"Item with item_id not found: {item.get('id')}"
            return [Violation("invalid_value", f"response.input[{index}].id", message)]
    return []


def _find(conversation: ConnectionState, item_id: str, act: str) -> list[Violation]:
    if item_id in conversation.items:
        return []
    acting = f"{act.removesuffix('e')}ing"
    message = f"Error {acting} item: the item with id '{item_id}' does not exist."
    return [Violation(f"item_{act}_invalid_item_id", None, message)]


def _truncate(conversation: ConnectionState, event: Event) -> list[Violation]:
    """A truncation to 0 is right where there is audio; what has none cannot be truncated."""
    item_id, part = event["item_id"], event["content_index"]
    item = conversation.items.get(item_id)
    if item is None:
        message = f"Item with item_id not found: {item_id}"
        return [Violation("item_truncate_invalid_item_id", None, message)]
    if item.truncated:
        # Reported without a sentence.
        message = f"Item with item_id {item_id} is already truncated."
        return [Violation("item_already_truncated", None, message)]
    if item.audio_ms <= 0:
        message = "Only model output audio messages can be truncated"
        return [Violation("unsupported_content_type", None, message)]
    if part != item.audio_part:
        return [messages.unsupported("content_index", str(part), [str(item.audio_part)])]
    return []


def _update(conversation: ConnectionState, session: dict[str, Any]) -> list[Violation]:
    model = session.get("model")
    if conversation.model is not None and model is not None and model != conversation.model:
        return [messages.lacking_in_model("session.model")]
    tracing = conversation.pending_value("tracing") if "tracing" in session else None
    if tracing is not None and session["tracing"] != tracing:
        # That it cannot be modified is documented, the refusal's text is not.
        message = "Cannot update tracing once it is enabled."
        return [Violation("invalid_value", "session.tracing", message)]
    return _voice(conversation, session, "session")


def _voice(conversation: ConnectionState, settings: dict[str, Any], place: str) -> list[Violation]:
    """A voice other than the session's, which is fixed from the moment a response is
    requested: its audio would be there before the change."""
    voice = voice_of(settings)
    if voice is None or not conversation.is_voice_locked:
        return []
    current = conversation.pending_voice()
    if current is None or voice == current:
        return []
    message = "Cannot update a conversation's voice if assistant audio is present."
    return [Violation("cannot_update_voice", None, message, at=f"{place}.audio.output.voice")]
