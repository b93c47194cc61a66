"""Where a call's events come from: the agent session, the tap of its connections, the notices."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    SpeechCreatedEvent,
    ToolExecutionUpdatedEvent,
    UserStateChangedEvent,
)
from livekit.agents.voice import SpeechHandle

from agent.call.events import (
    CallEvents,
    FirstAudioPlayed,
    Interrupted,
    Notice,
    Reconnected,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
)
from agent.realtime.plugin.response_monitor import Notice as RealtimeNotice
from agent.realtime.plugin.tap import Tap, TapEvent

CONNECTION_LOST = "connection_lost"
"""Name of the notice that the call has no connection to a service, and gets no other."""
RECONNECTED = "reconnected"


class NoticeSource:
    """Publishes the notices of a call's connections."""

    def __init__(self, events: CallEvents) -> None:
        self._events = events
        self._is_loss_published = False

    def on_notice(self, notice: RealtimeNotice) -> None:
        self._is_loss_published |= notice.name == CONNECTION_LOST
        published = Notice(name=notice.name, detail=notice.detail, level=notice.level)
        self._events.publish(published)
        if notice.name == RECONNECTED:
            reason, after_ms = notice.detail.get("reason"), notice.detail.get("after_ms")
            self._events.publish(
                Reconnected(at=published.at, reason=str(reason or ""), after_ms=int(after_ms or 0))
            )

    def on_session_error(self, reason: str) -> None:
        """Publish why the connection is gone for good, unless a notice has said so already."""
        if not self._is_loss_published:
            self.on_notice(RealtimeNotice(CONNECTION_LOST, {"reason": reason}, logging.ERROR))


class SessionSource:
    """Publishes from the public events of an agent session and from the tap of its connections."""

    def __init__(self, events: CallEvents, session: AgentSession[None], tap: Tap) -> None:
        """To be made before the session starts. ``tap`` is that of the call's connections."""
        self._events = events
        tap.subscribe(self._on_tap)
        session.on("user_state_changed", self._on_user_state)
        session.on("agent_state_changed", self._on_agent_state)
        session.on("speech_created", self._on_speech)
        session.on("tool_execution_updated", self._on_tool)

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._events.publish(SpeechStarted())
        elif event.old_state == "speaking":
            self._events.publish(SpeechStopped())

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._events.publish(FirstAudioPlayed())

    def _on_speech(self, event: SpeechCreatedEvent) -> None:
        event.speech_handle.add_done_callback(self._on_speech_done)

    def _on_speech_done(self, handle: SpeechHandle) -> None:
        if handle.interrupted:
            self._events.publish(Interrupted(speech_id=handle.id))

    def _on_tool(self, event: ToolExecutionUpdatedEvent) -> None:
        if event.update.type == "tool_call_started":
            call = event.update.function_call
            self._events.publish(
                ToolCalled(call_id=call.call_id, name=call.name, arguments=call.arguments)
            )

    def _on_tap(self, event: TapEvent) -> None:
        if event.direction == "server" and isinstance(event.event, dict):
            self.on_service_event(event.event)

    def on_service_event(self, event: Mapping[str, Any]) -> None:
        """Publish the beginning or the end of a response; ignore other events."""
        kind, response = event.get("type"), event.get("response")
        if not isinstance(response, Mapping):
            return
        response_id = str(response.get("id") or "")
        if kind == "response.created":
            self._events.publish(ResponseCreated(response_id=response_id))
        elif kind == "response.done":
            status = str(response.get("status") or "")
            self._events.publish(ResponseDone(response_id=response_id, status=status))
