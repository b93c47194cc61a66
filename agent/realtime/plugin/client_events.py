"""Take the plugin's events, check them, and send them to the service.

    audio:   gate ─► connection
    others:  completion ─► adaptation and response queue ─► guard and preconditions ─► connection

An event that breaks a rule does not leave: its refusal is queued for the plugin. While there is
no connection, events are held for the next one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Iterable, Sequence

from agent.errors import Violation
from agent.realtime.connection.resume import SessionResumer
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.plugin.notices import NoticePublisher
from agent.realtime.plugin.plugin_queue import PluginQueue
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.plugin.tap import Tap
from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.event_json import event_of, parse
from agent.realtime.state.audio_gate import AudioGate
from agent.realtime.state.call_state import CallState
from agent.realtime.state.connection_state import as_object
from agent.realtime.validation.guard import error_event, parse_append
from agent.redaction import add_private

logger = logging.getLogger("agent.realtime")

CALLER_SPEECH = "agent.caller_speech"
"""The type of an event of this worker among the plugin's: the caller has begun to speak
(``speaking``), or has stopped. It keeps its place among the audio, however long it takes to
connect."""
STALL_SECONDS = 3.0
"""A response of which nothing has come for this long no longer delays the next request."""


class ClientEventPath:
    """Send one call's events on whichever connection the call has."""

    def __init__(
        self,
        connection: ServiceConnection,
        state: CallState,
        resumer: SessionResumer,
        plugin_queue: PluginQueue,
        notices: NoticePublisher,
        tap: Tap,
        gate: AudioGate | None = None,
    ) -> None:
        """``tap`` gets each event that is JSON, as the plugin sent it. With a ``gate``, audio
        leaves only while the caller is known to speak."""
        self._connection: ServiceConnection | None = connection
        self._state = state
        self._settings = state.settings
        self._resumer = resumer
        self._plugin_queue = plugin_queue
        self._notices = notices
        self._tap = tap
        self._gate = gate
        self._numbers = itertools.count(1)
        self._stall_timer: asyncio.TimerHandle | None = None

    def on_text(self, text: str) -> None:
        """Send the plugin's event ``text``, hold it, or answer it with a refusal."""
        chunk = parse_append(text)
        if chunk is not None:
            self._tap.publish("client", chunk)
            self._send_audio([chunk] if self._gate is None else self._gate.push(chunk))
            return
        event = parse(text)
        if isinstance(event, Violation):
            self._refuse(event_of(text), event)
            return
        self._tap.publish("client", event)
        if event.get("type") == CALLER_SPEECH:
            self._on_caller_speaking(bool(event.get("speaking")))
            return
        if self._gate is not None and event.get("type") == "input_audio_buffer.clear":
            self._gate.clear()
        if event.get("event_id") is None:
            # The service's answer names the event only by its id.
            event["event_id"] = self.next_event_id()
        self._state.on_plugin_event(event, time.monotonic())
        if self._connection is not None:
            self._send(self._connection, event)
        else:
            self._state.hold(event)

    def _on_caller_speaking(self, speaking: bool) -> None:
        """Open the gate when the caller begins to speak, close it when the caller stops."""
        if self._gate is not None:
            self._send_audio(self._gate.open() if speaking else self._gate.close())

    def next_event_id(self) -> str:
        """An id for an event that has none, unique in the call."""
        return f"event_worker_{next(self._numbers)}"

    def send_queued_responses(self) -> None:
        """Send each ``response.create`` that waited for another response and is now free to go."""
        connection = self._connection
        while connection is not None and (event := connection.response_queue.next()) is not None:
            self._send_checked(connection, event)

    def watch_stalled_response(self) -> None:
        """If a ``response.create`` waits, send it after ``STALL_SECONDS`` in which nothing has come
        of the response in flight: the service began that, and may never end it."""
        connection = self._connection
        if connection is None or self._stall_timer or not connection.response_queue.waiting:
            return
        left = connection.response_active_at + STALL_SECONDS - time.monotonic()
        if left > 0:
            loop = asyncio.get_running_loop()
            self._stall_timer = loop.call_later(left, self._on_stall_timer)
        else:
            connection.response_queue.release_stalled()
            notice = Notice("response_stalled", {"after_ms": round(STALL_SECONDS * 1000)})
            self._notices.publish(notice, connection.host)
            self.send_queued_responses()

    def resend_initial_settings(self) -> None:
        """Send the session's first settings once more, after the service refused them."""
        if self._connection is None:
            return
        again: Event = {**(self._settings.initial_update or {}), "event_id": self.next_event_id()}
        self._settings.on_initial_update(again, time.monotonic())
        self._send_checked(self._connection, again)

    def suspend(self) -> None:
        """Hold events from now on: the connection is lost, or about to be replaced."""
        self._connection = None

    def resume(self, connection: ServiceConnection) -> None:
        """Send on ``connection`` from now on, first what it does not know of the call yet: changed
        settings, the history, held events and the caller's uncommitted audio."""
        self._connection = connection
        for update in self._resumer.changed_settings(connection):
            self._send_checked(connection, update)
        self._resumer.sync_history(connection)
        for held in self._state.take_held_events():
            for chunk in held.audio:
                connection.send_audio(chunk)
            if held.event.get("type") == "input_audio_buffer.commit":
                self._send_checked(connection, held.event, held.audio)
            else:
                self._send(connection, held.event)
        for chunk in self._state.uncommitted_audio.chunks():
            connection.send_audio(chunk)

    def _send_audio(self, chunks: Iterable[AudioChunk]) -> None:
        connection = self._connection
        for chunk in chunks:
            self._state.on_caller_audio(chunk, time.monotonic(), connected=connection is not None)
            if connection is not None:
                connection.send_audio(chunk)

    def _send(self, connection: ServiceConnection, event: Event) -> None:
        _redact_instructions(event)
        if event.get("type") == "session.update" and isinstance(event.get("session"), dict):
            event = self._complete_session_update(connection, event)
        if self._is_replayed_item_change(connection, event):
            self._change_replayed_item(connection, event)
        elif (admitted := connection.admit(event)) is not None:
            self._send_checked(connection, admitted)
        else:
            self.watch_stalled_response()

    def _complete_session_update(self, connection: ServiceConnection, event: Event) -> Event:
        first = self._settings.initial_update is None
        event = connection.target.complete_session_update(event, first=first)
        if first:
            self._settings.on_initial_update(event, time.monotonic())
            connection.wake()  # the wait for its confirmation begins now
        return event

    def _on_stall_timer(self) -> None:
        self._stall_timer = None
        self.watch_stalled_response()

    def _send_checked(
        self,
        connection: ServiceConnection,
        event: Event,
        chunks: Sequence[AudioChunk] | None = None,
    ) -> None:
        """Send ``event`` if the guard and the preconditions let it. ``chunks`` is the audio that a
        commit is about; ``None``: all the uncommitted audio."""
        if self._state.is_stale(event, time.monotonic()):
            logger.warning("not sent, it waited too long: %s", event["event_id"])
            return
        if violation := connection.send(event):
            self._refuse(event, violation)
            return
        self._state.on_client_event(event, chunks)

    def _is_replayed_item_change(self, connection: ServiceConnection, event: Event) -> bool:
        """Whether ``event`` changes an item that the connection has only as replayed text."""
        kind, item_id = event.get("type"), str(event.get("item_id"))
        if kind not in ("conversation.item.truncate", "conversation.item.delete"):
            return False
        if kind == "conversation.item.truncate" and item_id in connection.replayed_items:
            return True
        return item_id in self._state.history and not connection.has(item_id)

    def _change_replayed_item(self, connection: ServiceConnection, event: Event) -> None:
        """Replace the text of a replayed item: the service cannot truncate text."""
        if violations := connection.shape_violations(event):
            self._refuse(event, violations[0])
            return
        self._state.on_client_event(event)
        self._resumer.sync_history(connection)
        if event["type"] == "conversation.item.delete":
            deleted = {"type": "conversation.item.deleted", "item_id": event["item_id"]}
            self._plugin_queue.put(deleted)

    def _refuse(self, event: Event, violation: Violation) -> None:
        rule = {"code": violation.code, "param": violation.param}
        logger.error("not sent: %s", violation.message, extra=rule)
        self._plugin_queue.put(error_event(violation, event))


def _redact_instructions(event: Event) -> None:
    """Keep the instructions that ``event`` carries out of logs and notices."""
    for key in ("session", "response"):
        instructions = as_object(event.get(key)).get("instructions")
        if isinstance(instructions, str):
            add_private(instructions)
