"""Records of sessions: their events in a log file, and their state for ``GET /sessions``."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from agent.errors import LocalError
from agent.local.standin.session import Session

MAX_SHOWN = 120
"""Longest base64 audio, in characters, that the log holds whole."""
_AUDIO_KEYS = ("audio", "delta")
KEPT_SESSIONS = 1000


@dataclass(slots=True)
class SessionRecord:
    """One session, and the events of both sides counted by type."""

    session: Session
    connected_at: float
    """Unix time in seconds."""
    received: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    closed: bool = False

    def as_dict(self) -> dict[str, Any]:
        session = self.session
        return {
            "id": session.id,
            "dialect": session.dialect.name,
            "model": session.model,
            "connected_at": self.connected_at,
            "closed": self.closed,
            "session": session.config,
            "items": [item.body for item in session.conversation],
            "heard_ms": {item.id: round(item.audio_ms) for item in session.conversation},
            "received": dict(self.received),
            "sent": dict(self.sent),
            "errors": self.errors,
            "faults": [str(fault) for fault in session.faults],
        }


class Recorder:
    """The last ``KEPT_SESSIONS`` sessions of a server."""

    def __init__(self, log: Path | None) -> None:
        self._file: TextIO | None = None
        self.sessions: dict[str, SessionRecord] = {}
        if log is not None:
            try:
                self._file = log.open("a", encoding="utf-8")
            except OSError as error:
                raise LocalError(f"The log {log} cannot be written ({error.strerror}).") from None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def on_open(self, session: Session, headers: dict[str, str]) -> None:
        hidden = {"authorization", "api-key", "sec-websocket-protocol"}
        shown = {name: "…" if name.lower() in hidden else text for name, text in headers.items()}
        self.sessions[session.id] = SessionRecord(session, time.time(), headers=shown)
        while len(self.sessions) > KEPT_SESSIONS:
            self.sessions.pop(next(iter(self.sessions)))

    def on_close(self, session: Session) -> None:
        if session.id in self.sessions:
            self.sessions[session.id].closed = True

    def on_client_event(self, session: Session, text: str | None, event: Any) -> None:
        """Record a client's frame; ``event`` is ``None`` if ``text`` is not JSON."""
        kind = event.get("type") if isinstance(event, dict) else None
        self._count(session, "received", str(kind))
        if self._file is not None:
            self._write(session, "client", event if event is not None else {"unreadable": text})

    def on_server_event(self, session: Session, text: str) -> None:
        kind = _type_of(text)
        self._count(session, "sent", kind)
        if kind == "error" and session.id in self.sessions:
            self.sessions[session.id].errors.append(json.loads(text)["error"])
        if self._file is not None:
            try:
                self._write(session, "server", json.loads(text))
            except ValueError:  # with the fault `garbage`
                self._write(session, "server", {"unreadable": text})

    def _count(self, session: Session, side: str, kind: str) -> None:
        record = self.sessions.get(session.id)
        if record is not None:
            (record.received if side == "received" else record.sent)[kind] += 1

    def _write(self, session: Session, side: str, event: Any) -> None:
        assert self._file is not None
        line = {
            "time": time.time(),
            "session": session.id,
            "from": side,
            "event": _shortened(event),
        }
        self._file.write(json.dumps(line, default=str) + "\n")
        self._file.flush()


def _type_of(text: str) -> str:
    """Return the type of a server event: its first key. Faults send what has none."""
    head = '{"type": "'
    return text[len(head) : text.index('"', len(head))] if text.startswith(head) else "garbage"


def _shortened(event: Any) -> Any:
    if not isinstance(event, dict):
        return event
    short = dict(event)
    for key in _AUDIO_KEYS:
        value = short.get(key)
        if isinstance(value, str) and len(value) > MAX_SHOWN:
            short[key] = f"{value[:12]}… {len(value)} letters"
    return short
