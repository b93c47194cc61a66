"""Bound how many events that cost work a service may send, and tell what was dropped. Pure."""

from __future__ import annotations

from collections import Counter

from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import ConnectionState, as_object
from agent.redaction import bounded, redact

BURST = 200
PER_SECOND = 20.0
"""Of events that begin something; a conversation has some two a second."""
MAX_KINDS = 32
"""Kinds of dropped events that are counted apart."""

_BEGIN = frozenset(
    {
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "input_audio_buffer.committed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "session.updated",
        "error",
    }
)


class _Tokens:
    def __init__(self) -> None:
        self._left = float(BURST)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take one, at ``now`` in seconds; whether there was one."""
        self._left = min(float(BURST), self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class FloodLimit:
    """One call's. Each event that begins something takes a token; tokens come back in time. Ends
    of responses that are not in flight have tokens of their own."""

    def __init__(self) -> None:
        self._beginnings, self._ends = _Tokens(), _Tokens()

    def lets_through(self, event: Event, conversation: ConnectionState, now: float) -> bool:
        """Whether ``event``, at ``now`` in seconds, is within the bound. What ``conversation``
        knows already, because the client has sent it or it was announced, takes no token."""
        kind = str(event.get("type"))
        if kind not in _BEGIN and kind != "response.done":
            return True
        item_id = as_object(event.get("item")).get("id")
        if isinstance(item_id, str) and item_id in conversation.items:
            return True
        response_id = as_object(event.get("response")).get("id")
        if kind == "response.done" and conversation.responses.is_open(response_id):
            return True
        if kind == "session.updated" and conversation.pending_updates.oldest is not None:
            return True
        return (self._ends if kind == "response.done" else self._beginnings).take(now)


class DroppedEvents:
    """Count the events of a call that the plugin did not get."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, event: Event, reason: str) -> Notice | None:
        """Count ``event``; a notice if it is the first of its type and ``reason``."""
        kind = (bounded(str(event.get("type")), 64), reason)
        if kind not in self._counts and len(self._counts) >= MAX_KINDS:
            kind = ("other", reason)
        self._counts[kind] += 1
        if self._counts[kind] > 1:
            return None
        return Notice("event_dropped", {"type": kind[0], "reason": reason})

    def __str__(self) -> str:
        """How many of each; empty where there were none."""
        counts = [f"{count} {kind} {reason}" for (kind, reason), count in self._counts.items()]
        return redact(", ".join(counts))
