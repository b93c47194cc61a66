"""The client events ``conversation.item.create``, ``retrieve``, ``truncate`` and ``delete``."""

from __future__ import annotations

import binascii
from typing import Any

from agent.local.standin import transcription
from agent.local.standin.audio_deltas import Decoder, Format, format_of
from agent.local.standin.flat_dialect import ga_item
from agent.local.standin.identifiers import new_id
from agent.local.standin.item_audio import with_audio
from agent.local.standin.rules import Refusal
from agent.local.standin.session import Session


def create(session: Session, event: dict[str, Any]) -> None:
    body = ga_item(event["item"]) if session.is_flat else dict(event["item"])
    item_id = body.get("id") or new_id("item")
    if session.conversation.get(item_id):
        raise Refusal(
            "item_create_duplicate_item_id",
            f"Error adding item: an item with id '{item_id}' already exists.",
            param="item.id",
        )
    previous_item_id = event.get("previous_item_id")
    if previous_item_id not in (None, "root") and not session.conversation.get(previous_item_id):
        raise Refusal(
            "item_create_invalid_previous_item_id",
            f"Error adding item: previous item with id '{previous_item_id}' does not exist.",
            param="previous_item_id",
        )
    if body["type"] == "function_call":
        body.setdefault("call_id", new_id("call"))
    elif body["type"] == "function_call_output":
        _check_call_id(session, body["call_id"])
    body.pop("object", None)
    item = session.new_item(**{"status": "completed", **body, "id": item_id})
    pcm = _take_audio(item.body, format_of(session.config["audio"]["input"]))
    session.add_item(item, previous_item_id)
    if pcm:
        session.conversation.keep_user_audio(item, pcm)
        transcription.recognize(session, item, pcm)


def _check_call_id(session: Session, call_id: str) -> None:
    calls = (item.body for item in session.conversation if item.body["type"] == "function_call")
    if not any(call["call_id"] == call_id for call in calls):
        raise Refusal(
            "invalid_tool_call_id",
            f"Tool call ID '{call_id}' not found in conversation.",
            param="item.call_id",
        )


def _take_audio(body: dict[str, Any], format: Format) -> bytes:
    """Remove the audio of a user message from ``body`` and return it as PCM at 24 kHz.

    The service does not send audio back in ``conversation.item.added``.
    """
    content = body.get("content")
    if not isinstance(content, list):
        return b""
    audio = b"".join(
        binascii.a2b_base64(part["audio"]) for part in content if part["type"] == "input_audio"
    )
    body["content"] = [
        {"transcript": None, **{key: value for key, value in part.items() if key != "audio"}}
        if part["type"] == "input_audio"
        else part
        for part in content
    ]
    return Decoder().decode(audio, format)


def retrieve(session: Session, event: dict[str, Any]) -> None:
    item = session.conversation.get(event["item_id"])
    if item is None:
        raise Refusal(
            "item_retrieve_invalid_item_id",
            f"Error retrieving item: the item with id '{event['item_id']}' does not exist.",
            echo_event_id=False,
        )
    input_format = format_of(session.config["audio"]["input"])
    session.emit("conversation.item.retrieved", item=with_audio(item, input_format))


def truncate(session: Session, event: dict[str, Any]) -> None:
    item_id, audio_end_ms = event["item_id"], event["audio_end_ms"]
    item = session.conversation.get(item_id)
    if item is None:
        raise Refusal(
            "item_truncate_invalid_item_id",
            f"Item with item_id not found: {item_id}",
            echo_event_id=False,
        )
    if item.audio_ms <= 0 and not item.is_truncated:
        raise Refusal(
            "unsupported_content_type", "Only model output audio messages can be truncated"
        )
    if audio_end_ms > item.audio_ms:
        raise Refusal(
            "invalid_value",
            f"Audio content of {round(item.audio_ms)}ms is already shorter than {audio_end_ms}ms",
            param="audio_end_ms",
        )
    item.audio_ms, item.is_truncated = audio_end_ms, True
    for part in item.body["content"]:
        # The service removes the transcript: text after the cut must not stay in the context.
        part["transcript"] = None
    session.emit(
        "conversation.item.truncated",
        item_id=item_id,
        content_index=event.get("content_index", 0),
        audio_end_ms=audio_end_ms,
    )


def delete(session: Session, event: dict[str, Any]) -> None:
    item = session.conversation.get(event["item_id"])
    if item is None:
        raise Refusal(
            "item_delete_invalid_item_id",
            f"Error deleting item: the item with id '{event['item_id']}' does not exist.",
            echo_event_id=False,
        )
    session.conversation.items.remove(item)
    session.emit("conversation.item.deleted", item_id=item.id)


HANDLERS = {
    "conversation.item.create": create,
    "conversation.item.retrieve": retrieve,
    "conversation.item.truncate": truncate,
    "conversation.item.delete": delete,
}
