"""The last look at a client event before it leaves, in the service's own spelling and words."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from agent.errors import Violation
from agent.realtime.dialects import Dialect, Event
from agent.realtime.rules import Context, check_event
from agent.realtime.rules.events import MAX_APPEND_BYTES
from agent.realtime.rules.judge import is_audio, is_encodable
from agent.realtime.rules.sentences import LONE_SURROGATE, not_json
from agent.realtime.sound import decoded_bytes

# The one event that makes up nearly all the traffic, as the plugin writes it.
_APPEND = '{"audio": "'
_APPEND_END = '", "type": "input_audio_buffer.append"}'


class Guard:
    """The rules of one dialect, for the model and the kind of service in use."""

    def __init__(self, dialect: Dialect, context: Context) -> None:
        self._dialect = dialect
        self._context = context

    def check(self, event: Any) -> list[Violation]:
        """What the service would refuse ``event`` for, whatever the conversation."""
        return check_event(event, self._dialect, self._context)


def appended_bytes(text: str) -> int | None:
    """How much audio a valid append carries, in bytes; ``None`` for any other event.

    For the plugin's own way of writing it, which is not parsed for this.
    """
    if not (text.startswith(_APPEND) and text.endswith(_APPEND_END)):
        return None
    audio = text[len(_APPEND) : -len(_APPEND_END)]
    if not is_audio(audio, MAX_APPEND_BYTES):
        return None
    return decoded_bytes(audio)


def parse(text: str) -> Event | Violation:
    """The event that ``text`` holds, or what the service would say of such text."""
    try:
        event = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        return not_json(str(error))
    escaped = "\\ud" in text or "\\uD" in text
    if not (is_unicode(event) if escaped else is_encodable(text)):
        return not_json(LONE_SURROGATE)
    if not isinstance(event, dict):
        return Violation("invalid_event", None, "The 'type' field is missing.")
    return event


def serialise(event: Event) -> str | Violation:
    """``event`` as JSON, or why it cannot be written: JSON has neither infinite numbers nor
    half characters."""
    try:
        text = _encode(event)
    except (ValueError, RecursionError) as error:
        return not_json(str(error))
    if "\\ud" in text and not is_unicode(event):
        return not_json(LONE_SURROGATE)
    return text


def is_unicode(value: Any) -> bool:
    """Whether all text in ``value`` can be sent: UTF-8 cannot hold a surrogate that is alone."""
    try:
        return is_encodable(json.dumps(value, ensure_ascii=False))
    except (ValueError, RecursionError):
        return False


def event_of(text: str) -> Event:
    """As much as an answer needs of text that ``parse`` refuses: the ``event_id``, if it names
    one. Who sent it waits for an answer by that id."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        event = None
    if isinstance(event, dict):
        event_id = event.get("event_id")
        return {"event_id": event_id} if isinstance(event_id, str) and is_unicode(event_id) else {}
    found = _EVENT_ID.search(text)
    return {"event_id": found[1]} if found else {}


def error_event(violation: Violation, event: Event) -> Event:
    """The ``error`` event that the service would have answered ``event`` with.

    It always carries the ``event_id``: the service leaves it null for some rules, and then a
    client cannot tell which of its events failed.
    """
    return {
        "type": "error",
        "event_id": "event_guard",
        "error": {
            "type": violation.type,
            "code": violation.code,
            "message": violation.message,
            "param": violation.param,
            "event_id": event.get("event_id"),
        },
    }


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON.")


# Made once: json.loads and json.dumps would make one for each event.
_DECODER = json.JSONDecoder(parse_constant=_not_a_number)
_encode = json.JSONEncoder(allow_nan=False).encode
_EVENT_ID = re.compile(r'"event_id"\s*:\s*"([^"\\]+)"')
