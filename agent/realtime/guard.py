"""The last look at a client event before it leaves, in the service's own spelling and words."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from agent.errors import Violation
from agent.realtime.dialects import Dialect, Event
from agent.realtime.rules import Context, check_event
from agent.realtime.rules.events import MAX_APPEND_BYTES
from agent.realtime.rules.judge import is_audio
from agent.realtime.rules.sentences import not_json
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
    if "\\ud" in text:
        try:
            json.dumps(event, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return not_json("A surrogate stands alone.")
    if not isinstance(event, dict):
        return Violation("invalid_event", None, "The 'type' field is missing.")
    return event


def serialise(event: Event) -> str | Violation:
    """``event`` as JSON. A number too great for JSON's readers is not written."""
    try:
        return json.dumps(event, allow_nan=False)
    except (ValueError, RecursionError) as error:
        return not_json(str(error))


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


# Made once: json.loads would make one for each event.
_DECODER = json.JSONDecoder(parse_constant=_not_a_number)
