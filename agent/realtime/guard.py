"""The last look at a client event before it leaves, in the service's own spelling and words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import permutations
from json import encoder
from typing import Any, NoReturn

from agent.errors import Violation
from agent.realtime.dialects import Dialect, Event
from agent.realtime.rules import Context, check_event
from agent.realtime.rules.events import MAX_APPEND_BYTES
from agent.realtime.rules.judge import is_audio, is_encodable
from agent.realtime.rules.sentences import LONE_SURROGATE, not_json
from agent.realtime.sound import decoded_bytes


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

    Without parsing all of it: what is around the audio is short, and alike from one to the next.
    """
    start = text.find('"', text.find('"audio"') + len('"audio"')) + 1
    end = text.find('"', start)
    if end < start or len(text) - (end - start) > _MOST_AROUND_AUDIO:
        return None
    if not _AROUND_AUDIO.fullmatch(text[:start] + text[end:]):
        return None
    audio = text[start:end]
    if "\\" in audio:  # some writers escape the slash, or the plus
        try:
            audio = json.loads(text[start - 1 : end + 1])
        except ValueError:
            return None
    return decoded_bytes(audio) if is_audio(audio, MAX_APPEND_BYTES) else None


def parse(text: str) -> Event | Violation:
    """The event that ``text`` holds, or what the service would say of such text."""
    try:
        event = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        return not_json(str(error))
    escaped = "\\" in text and ("\\ud" in text or "\\uD" in text)
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
    if "\\" in text and "\\ud" in text and not is_unicode(event):
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


def _encoder() -> Callable[[Any], str]:
    """``json.dumps`` without its setup for each call, which is a quarter of what it costs."""
    make = getattr(encoder, "c_make_encoder", None)
    if make is None:  # only CPython has it
        return json.JSONEncoder(allow_nan=False).encode
    chunks = make(
        None,
        _not_serialisable,
        encoder.encode_basestring_ascii,
        None,
        ": ",
        ", ",
        False,
        False,
        False,
    )
    return lambda value: "".join(chunks(value, 0))


def _not_serialisable(value: Any) -> NoReturn:
    raise ValueError(f"{type(value).__name__} is no JSON.")


def _around_audio() -> re.Pattern[str]:
    """An append without its audio, as JSON, its keys in any order. A key is there once, and no
    text has an escape, so that the first ``"audio"`` is the key."""
    audio, kind = '"audio"~:~""', '"type"~:~"input_audio_buffer\\.append"'
    event_id = r'"event_id"~:~"[ !#-\[\]-}]{0,512}"'
    orders = [*permutations((audio, kind)), *permutations((audio, kind, event_id))]
    pattern = "|".join("~,~".join(order) for order in orders)
    return re.compile(rf"~\{{~(?:{pattern})~\}}~".replace("~", r"[ \t\r\n]*+"))


_MOST_AROUND_AUDIO = 700
_AROUND_AUDIO = _around_audio()

# Made once: json.loads and json.dumps would make one for each event.
_DECODER = json.JSONDecoder(parse_constant=_not_a_number)
_encode = _encoder()
_EVENT_ID = re.compile(r'"event_id"\s*:\s*"([^"\\]+)"')
