"""The last look at a client event before it leaves, in the service's own spelling and words."""

from __future__ import annotations

import json
import re
from itertools import permutations
from typing import Any

from agent.errors import Violation
from agent.realtime.protocol.audio import AudioChunk, decoded_bytes
from agent.realtime.protocol.dialects import Dialect, Event
from agent.realtime.protocol.rules import Context, check_event
from agent.realtime.protocol.rules.checker import is_audio
from agent.realtime.protocol.rules.events import MAX_APPEND_BYTES


class Guard:
    """The rules of one dialect, for the model and the kind of service in use."""

    def __init__(self, dialect: Dialect, context: Context) -> None:
        self._dialect = dialect
        self._context = context

    def check(self, event: Any) -> list[Violation]:
        """What the service would refuse ``event`` for, whatever the conversation."""
        return check_event(event, self._dialect, self._context)


PLUGIN_APPEND = ('{"audio": "', '", "type": "input_audio_buffer.append"}')
"""What the plugin writes before and after the audio of an append (livekit-agents 1.8.9)."""
_BEFORE, _AFTER = PLUGIN_APPEND
_AROUND = len(_BEFORE) + len(_AFTER)


def parse_append(text: str) -> AudioChunk | None:
    """The audio of a valid append; ``None`` for any other event.

    It does not parse the whole event: what stands around the audio is short, and the same in every
    append of the plugin.
    """
    if text.startswith(_BEFORE) and text.endswith(_AFTER) and len(text) >= _AROUND:
        written = text[len(_BEFORE) : -len(_AFTER)]
        if is_audio(written, MAX_APPEND_BYTES):
            return AudioChunk(text, decoded_bytes(written))
    audio = _append_audio(text)
    if audio is None or not is_audio(audio, MAX_APPEND_BYTES):
        return None
    return AudioChunk(text, decoded_bytes(audio))


def _append_audio(text: str) -> str | None:
    """What an append in any spelling has as its audio; ``None`` for any other event."""
    start = text.find('"', text.find('"audio"') + len('"audio"')) + 1
    end = text.find('"', start)
    if end < start or len(text) - (end - start) > _MOST_AROUND_AUDIO:
        return None
    if not _AROUND_AUDIO.fullmatch(text[:start] + text[end:]):
        return None
    audio = text[start:end]
    if "\\" in audio:  # some writers escape the slash, or the plus
        try:
            unescaped: str = json.loads(text[start - 1 : end + 1])
        except ValueError:
            return None
        return unescaped
    return audio


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
