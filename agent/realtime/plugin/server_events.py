"""Take the service's frames, and queue for the plugin the events that it can handle.

parse ─► internal errors ─► repair ─► flood limit ─► state ─► monitor ─► filter ─► queue
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterable

from agent.errors import ServiceError, Violation, describe
from agent.realtime.connection.connector import (
    FATAL_CLOSE,
    SETTINGS_REFUSED,
    Connector,
    fatal_error_message,
)
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.connection.websocket import MAX_REASON, Closed
from agent.realtime.plugin.client_events import ClientEventPath
from agent.realtime.plugin.event_filter import EventFilter
from agent.realtime.plugin.flood_limit import DroppedEvents, FloodLimit
from agent.realtime.plugin.notices import NoticePublisher
from agent.realtime.plugin.plugin_queue import PluginQueue
from agent.realtime.plugin.response_monitor import Notice, ResponseMonitor, setting_differs_notice
from agent.realtime.plugin.response_repair import ResponseRepair
from agent.realtime.plugin.sample_alignment import SampleAlignment
from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.event_json import parse
from agent.realtime.state.call_state import CallState
from agent.realtime.state.connection_state import as_object
from agent.realtime.state.response_tracker import cancelled_response_done
from agent.redaction import bounded, one_line

logger = logging.getLogger("agent.realtime")

QUIET_SECONDS = 1.5
"""A response that the service has not announced, and does not end, ends after this long without
an event of it."""


class ServerEventPipeline:
    """Process one call's frames, from whichever connection the call has."""

    def __init__(
        self,
        connector: Connector,
        state: CallState,
        client_events: ClientEventPath,
        plugin_queue: PluginQueue,
        notices: NoticePublisher,
    ) -> None:
        self._connector = connector
        self._state = state
        self._settings = state.settings
        self._client_events = client_events
        self._plugin_queue = plugin_queue
        self._notices = notices
        self._response_monitor = ResponseMonitor(
            text_only=connector.target.parameters["output_modalities"] == ["text"]
        )
        self._event_filter = EventFilter()
        self._sample_alignment = SampleAlignment()
        self._repair = ResponseRepair(state.unanswered_calls)
        self._flood, self._dropped = FloodLimit(), DroppedEvents()
        self._quiet_timer: asyncio.TimerHandle | None = None
        """Ends a response that ``ResponseRepair`` has announced."""

    def handle(self, connection: ServiceConnection, frame: str) -> Closed | None:
        """Process ``frame``, which came on ``connection``. Returns ``Closed`` if it means the end
        of the connection. No frame, whatever it holds, raises."""
        try:
            return self._handle(connection, frame)
        except Exception as error:
            logger.error(
                "an event of %s could not be taken: %s: %s",
                *(connection.host, describe(error), bounded(frame, MAX_REASON)),
            )
            event = parse(frame)
            self._drop(connection, {} if isinstance(event, Violation) else event, "malformed")
            return None

    def on_connection_lost(self, events: Iterable[Event]) -> None:
        """Forget the connection's responses. ``events`` end for the plugin what the connection
        has begun."""
        self._repair.forget()
        self._sample_alignment.forget()
        self._stop_quiet_timer()
        for event in events:
            if self._event_filter.should_forward(event):
                self._plugin_queue.put(event)
        self._event_filter.on_connection_lost()

    def close(self, host: str) -> None:
        """Log the totals of what the plugin did not get from the service at ``host``."""
        self._stop_quiet_timer()
        if self._response_monitor.leaked_audio_ms:
            detail = self._response_monitor.leak_detail()
            logger.warning("in all: %s", Notice("audio_leaked", detail))
        if dropped := str(self._dropped):
            logger.warning("events of %s that were dropped: %s", host, dropped)

    def _handle(self, connection: ServiceConnection, frame: str) -> Closed | None:
        read = connection.parse_frame(frame)
        if read is None:
            # It may have been a refusal after which a request waits for the service's response.
            self._client_events.watch_stalled_response()
            return None
        event, text = read
        if reason := fatal_error_message(event):
            if self._connector.has_fallback or self._connector.is_key_outdated():
                return Closed(FATAL_CLOSE, reason)
            # The plugin closes the connection when it gets the event itself.
            error = str(ServiceError(connection.host, reason))
            self._notices.publish_connection_lost(error, connection.host)
        if _is_internal_error(event):
            logger.warning("%s: %s", connection.host, event["error"].get("message"))
            return None
        if refusal := self._settings.initial_refusal(event):
            if not self._settings.is_refused_for_good:
                self._resend_initial_settings(connection, refusal)
                return None
            if closed := self._on_settings_refused(connection, refusal):
                return closed
            event, text = refusal, json.dumps(refusal)
        self._repair_and_accept(connection, event, text)
        return None

    def _resend_initial_settings(self, connection: ServiceConnection, refusal: Event) -> None:
        logger.warning(
            "%s refused the session's settings: %s",
            *(connection.host, bounded(str(refusal["error"]))),
        )
        connection.on_server_event(refusal)
        self._settings.on_server_event(refusal)
        self._client_events.resend_initial_settings()

    def _on_settings_refused(self, connection: ServiceConnection, refusal: Event) -> Closed | None:
        """The service refuses the settings for good. Returns ``Closed`` if there is another
        service, which may accept them."""
        reason = one_line(str(refusal["error"].get("message")), MAX_REASON)
        if self._connector.has_fallback:
            return Closed(SETTINGS_REFUSED, f"it refuses the session's settings: {reason}")
        self._on_session_ready()
        notice = Notice("settings_refused", {"reason": reason}, logging.ERROR)
        self._notices.publish(notice, connection.host)
        return None

    def _on_session_ready(self) -> None:
        self._settings.is_ready = True
        self._connector.on_session_ready()

    def _repair_and_accept(self, connection: ServiceConnection, event: Event, text: str) -> None:
        responses = connection.state.responses
        repaired = self._repair.complete(
            event, request=responses.unconfirmed_request, is_owed=responses.is_owed
        )
        if self._repair.dropped:
            self._drop(connection, event, self._repair.dropped)
        for each in repaired:
            self._accept(connection, each, text if each is event else None)
        if repaired and self._repair.is_to_be_ended:
            self._stop_quiet_timer()
            self._quiet_timer = asyncio.get_running_loop().call_later(
                QUIET_SECONDS, self._end_quiet_response, connection
            )

    def _end_quiet_response(self, connection: ServiceConnection) -> None:
        for event in self._repair.end():
            self._accept(connection, event)

    def _stop_quiet_timer(self) -> None:
        if self._quiet_timer is not None:
            self._quiet_timer.cancel()

    def _accept(self, connection: ServiceConnection, event: Event, text: str | None = None) -> None:
        """Update the state with ``event`` and forward it. ``text`` is the event in JSON, if there
        is such a text already."""
        if not self._flood.lets_through(event, connection.state, time.monotonic()):
            self._drop(connection, event, "too_many")
            return
        is_hidden = connection.is_replay_echo(event)
        is_stray = self._is_stray_end(connection, event)
        for difference in connection.on_server_event(event):
            self._notices.publish(setting_differs_notice(difference), connection.host)
        self._state.on_server_event(event, connection.state.responses, hidden=is_hidden)
        if event.get("type") == "session.updated":
            self._on_session_ready()
            self._settings.service_confirms = True
        for notice in () if is_stray else self._response_monitor.notices(event):
            self._notices.publish(notice, connection.host)
        self._client_events.send_queued_responses()
        if not is_hidden and self._response_monitor.should_forward(event):
            self._forward(connection, event, text)

    def _is_stray_end(self, connection: ServiceConnection, event: Event) -> bool:
        """Whether ``event`` ends a response that is not in flight, and that nobody asked for."""
        response_id = as_object(event.get("response")).get("id")
        return event.get("type") == "response.done" and not (
            self._event_filter.is_open(response_id)
            or connection.state.responses.is_open(response_id)
            or connection.state.responses.is_pending
        )

    def _forward(self, connection: ServiceConnection, event: Event, text: str | None) -> None:
        before = self._event_filter.response
        if not self._event_filter.should_forward(event, text):
            self._drop(connection, event, self._event_filter.reason)
            return
        if before is not None and self._event_filter.response not in (before, None):
            # The plugin would wait for the rest of the one before, for ever.
            self._plugin_queue.put(cancelled_response_done(before))
        whole = self._sample_alignment.take(event)
        if whole is not None:
            self._plugin_queue.put(whole, text if whole is event else None)

    def _drop(self, connection: ServiceConnection, event: Event, reason: str) -> None:
        if notice := self._dropped.add(event, reason):
            self._notices.publish(notice, connection.host)


def _is_internal_error(event: Event) -> bool:
    """Whether ``event`` is an error that this worker handles: it reconnects when the session has
    expired."""
    return (
        event.get("type") == "error"
        and as_object(event.get("error")).get("code") == "session_expired"
    )
