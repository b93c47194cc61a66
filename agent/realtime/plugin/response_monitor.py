"""Notice how responses end, and keep audio out of text-only sessions. Pure.

A text-only session that is sent audio all the same would speak it: the plugin appends the audio's
transcript to the text that is spoken (upstream 1.8.9, defect D16). The
plugin does not report how a response ended.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from agent.realtime.protocol.audio import PLUGIN_FORMAT, decoded_bytes
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.settings_comparison import SettingDifference
from agent.redaction import bounded_detail

_LEAKS = frozenset(
    {
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
    }
)
_PARTS = frozenset({"response.content_part.added", "response.content_part.done"})


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened on a call's connection. ``name`` is a word for programs."""

    name: str
    detail: dict[str, Any] = field(default_factory=dict)
    level: int = logging.WARNING

    def __post_init__(self) -> None:
        """Redact and bound the detail: it may quote a service, and the caller's side reads it."""
        object.__setattr__(self, "detail", bounded_detail(self.detail))

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(f'{key} {value}' for key, value in self.detail.items())}"


_PRIVATE_SETTINGS = frozenset({"instructions", "tools", "prompt"})
"""The agent's instructions and abilities: of interest to its operator, and not for the caller."""
MAX_SHOWN_CHARACTERS = 64
"""A setting's value that is a longer text, or no plain value, is described instead of shown."""


def setting_differs_notice(difference: SettingDifference) -> Notice:
    """A setting that the service did not take as it was asked to."""
    private = not _PRIVATE_SETTINGS.isdisjoint(difference.path.split("."))
    detail = {
        "setting": difference.path,
        "asked": _shown(difference.requested, private=private),
        "got": _shown(difference.actual, private=private),
    }
    return Notice("setting_differs", detail)


def _shown(value: Any, *, private: bool) -> Any:
    """``value`` if it is plain and not private, otherwise its kind and size."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if private or len(value) > MAX_SHOWN_CHARACTERS:
            return f"a text of {len(value)} characters"
        return value
    if isinstance(value, list) and not private and len(value) <= 4:
        return [_shown(each, private=False) for each in value]
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return value


class ResponseMonitor:
    """The monitor of one call."""

    def __init__(self, *, text_only: bool) -> None:
        self._text_only = text_only
        self._leak_reported = False
        self._output: set[str] = set()
        """What has come of the present answer: ``audio``, ``text``, ``call``."""
        self.leaked_audio_ms = 0.0
        self.leaked_audio_tokens = 0

    def should_forward(self, event: Event) -> bool:
        """Whether the plugin may get ``event``."""
        if not self._text_only:
            return True
        kind = str(event.get("type"))
        if kind in _LEAKS:
            delta = event.get("delta")
            if kind == "response.output_audio.delta" and isinstance(delta, str):
                self.leaked_audio_ms += PLUGIN_FORMAT.duration_ms(decoded_bytes(delta))
            return False
        return not (kind in _PARTS and _get(event, "part", "type") in ("audio", "output_audio"))

    def notices(self, event: Event) -> list[Notice]:
        """What ``event`` is worth reporting."""
        if event.get("type") != "response.done":
            self._note_output(event)
            return []
        response = event.get("response")
        response = response if isinstance(response, dict) else {}
        found = self._status_notices(response)
        tokens = _get(response, "usage", "output_token_details", "audio_tokens")
        if self._text_only and isinstance(tokens, int):
            self.leaked_audio_tokens += tokens
        if self.leaked_audio_ms and not self._leak_reported:
            self._leak_reported = True
            found.append(Notice("audio_leaked", self.leak_detail()))
        return found

    def leak_detail(self) -> dict[str, Any]:
        return {
            "leaked_audio_ms": round(self.leaked_audio_ms),
            "leaked_audio_tokens": self.leaked_audio_tokens,
        }

    def _status_notices(self, response: dict[str, Any]) -> list[Notice]:
        status = response.get("status")
        if status == "incomplete":
            reason = _get(response, "status_details", "reason")
            return [Notice("response_incomplete", {"reason": reason})]
        if status == "failed":
            error = _get(response, "status_details", "error")
            error = error if isinstance(error, dict) else {}
            detail = {key: error.get(key) for key in ("code", "type", "message")}
            return [Notice("response_failed", detail, logging.ERROR)]
        if status == "completed" and not self._text_only and not self._output & {"audio", "call"}:
            return [Notice("response_without_audio", {"has_text": "text" in self._output})]
        return []

    def _note_output(self, event: Event) -> None:
        match event.get("type"):
            case "response.created":
                self._output.clear()
            case "response.output_audio.delta":
                self._output.add("audio")
            case "response.output_text.delta" | "response.output_audio_transcript.delta":
                self._output.add("text")
            case "response.output_item.added" | "response.output_item.done":
                kind = _get(event, "item", "type")
                # The plugin runs a function once its call is complete; a repeated call, which it
                # has run already, is announced and never completed here.
                is_begun = kind == "function_call" and event["type"].endswith(".added")
                if kind not in (None, "message") and not is_begun:
                    self._output.add("call")


def _get(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
