"""Events as JSON text: parse and serialise them, and refuse what JSON or UTF-8 cannot hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json import encoder
from typing import Any, NoReturn

from agent.errors import Violation
from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.rules.checker import is_encodable
from agent.realtime.protocol.rules.messages import LONE_SURROGATE, no_type, not_json


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
        return no_type()
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


# Made once: json.loads and json.dumps would make one for each event.
_DECODER = json.JSONDecoder(parse_constant=_not_a_number)
_encode = _encoder()
_EVENT_ID = re.compile(r'"event_id"\s*:\s*"([^"\\]+)"')
