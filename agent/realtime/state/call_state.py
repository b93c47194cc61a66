"""The state of a call over all of its connections. Pure; in GA.

It gets every event that leaves and every one that comes. When a connection is lost it returns the
events that end for the plugin what was in progress, and holds what the next connection is to be
sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.call_activity import CallActivity
from agent.realtime.state.connection_state import ConnectionState, as_object
from agent.realtime.state.conversation_history import ConversationHistory
from agent.realtime.state.input_audio import UncommittedAudio
from agent.realtime.state.refusals import refused_commit
from agent.realtime.state.response_tracker import (
    ResponseTracker,
    cancelled_response_done,
    is_in_band_request,
)
from agent.realtime.state.session_settings import SessionSettings
from agent.realtime.state.turn_state import TurnState

STALE_SECONDS = 9.0
"""A request for an answer that waited longer is not sent: the plugin gives up at 10 s, and what
came then would be an answer that nobody asked for (upstream 1.8.9, defects D4 and D27)."""


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event that waits for a connection."""

    event: Event
    audio: Sequence[AudioChunk] = ()
    """Audio that has to come before it."""


@dataclass(frozen=True, slots=True)
class ConnectionLoss:
    """What the end of a connection means."""

    plugin_events: list[Event]
    """To the plugin, so that it waits for nothing that will not come."""
    response_lost: bool
    """A reply was in flight …"""
    response_requested_again: bool
    """… and is asked for again."""


class CallState:
    def __init__(self) -> None:
        self.history, self.settings = ConversationHistory(), SessionSettings()
        self.turns, self.uncommitted_audio = TurnState(), UncommittedAudio()
        self._committing: deque[HeldEvent] = deque()
        """Commits that the service has not confirmed, with their audio."""
        self.unanswered_calls: set[str] = set()
        """Ids of the tool calls that the plugin got on this connection and has not answered."""
        self._held: list[HeldEvent] = []
        """What waits for the next connection."""
        self._requested_at: dict[str, float] = {}
        """When the plugin requested a response, by event id."""
        self._requested_again = False
        """The answer that is awaited was lost once already."""
        self._turn_detection: Event = {}
        """The service's own detection of turns; empty where it is off."""
        self._transcribes = False

    # Events.

    def on_caller_audio(self, chunk: AudioChunk, now: float, *, connected: bool) -> None:
        """A chunk of the caller's audio came at ``now``, in seconds."""
        speaking = self.turns.has_uncommitted_speech or not self._turn_detection
        self.uncommitted_audio.append(chunk, now, speaking=speaking, connected=connected)

    def on_client_event(self, event: Event, chunks: Sequence[AudioChunk] | None = None) -> None:
        """``event`` has left; ``chunks`` is the audio that a commit is about, if not all that
        there is."""
        self.history.on_client_event(event)
        self.settings.on_client_event(event)
        self.turns.on_client_event(event)
        match event["type"]:
            case "input_audio_buffer.commit":
                kept = self.uncommitted_audio.clear() if chunks is None else chunks
                self._committing.append(HeldEvent(event, kept))
            case "input_audio_buffer.clear":
                self.uncommitted_audio.clear()
            case "session.update":
                self._note_settings()

    def on_server_event(
        self, event: Event, responses: ResponseTracker, *, hidden: bool = False
    ) -> None:
        """Update the state with ``event``, which has come on the connection with ``responses``;
        ``hidden``: it is about what was known before."""
        self.settings.on_server_event(event)
        if not hidden:
            self.history.on_server_event(event)
        self.turns.on_server_event(event)
        match event.get("type"):
            case "input_audio_buffer.committed":
                responses.is_owed = self._is_turn_answered_unasked
                if isinstance(event.get("item_id"), str):
                    self._on_committed(event["item_id"])
            case "session.updated":
                self._note_settings()
            case "error":
                self._forget_refused_commit(as_object(event.get("error")))
                # An update may be among what is refused. Until one is confirmed, the service's
                # own defaults apply, of which this knows nothing.
                if self.settings.confirmed:
                    self._note_settings()
            case "response.done" if as_object(event.get("response")).get("status") == "completed":
                self._requested_again = False

    @property
    def _is_turn_answered_unasked(self) -> bool:
        """Whether the service begins a response whenever it commits a turn."""
        detection = self._turn_detection
        return bool(detection) and detection.get("create_response") is not False

    def _on_committed(self, item_id: str) -> None:
        kept = self._committing.popleft().audio if self._committing else None
        chunks = kept if kept is not None else self.uncommitted_audio.clear()
        self.history.on_commit(item_id, chunks, awaited=self._transcribes)

    def _forget_refused_commit(self, error: dict[str, Any]) -> None:
        pending = [str(held.event.get("event_id")) for held in self._committing]
        refused = refused_commit(error, pending)
        if refused is not None:
            del self._committing[pending.index(refused)]

    def _note_settings(self) -> None:
        settings = as_object(as_object(self.settings.session.get("audio")).get("input"))
        self._turn_detection = as_object(settings.get("turn_detection"))
        self._transcribes = bool(settings.get("transcription"))

    def on_plugin_event(self, event: Event, now: float) -> None:
        """The plugin wants ``event`` sent."""
        if is_in_band_request(event):
            self._requested_at[str(event["event_id"])] = now
        item = as_object(event.get("item"))
        if item.get("type") == "function_call_output":
            self.unanswered_calls.discard(str(item.get("call_id")))

    def hold(self, event: Event) -> None:
        """Keep ``event`` for the next connection."""
        match event.get("type"):
            case "response.cancel":
                # What it is about has ended with the connection, or was never begun.
                self._held = [held for held in self._held if not is_in_band_request(held.event)]
            case "input_audio_buffer.clear":
                self.uncommitted_audio.clear()
            case "input_audio_buffer.commit":
                self._held.append(HeldEvent(event, self.uncommitted_audio.clear()))
            case _:
                self._held.append(HeldEvent(event))

    # Questions.

    def take_held_events(self) -> list[HeldEvent]:
        """What has waited for a connection, in order."""
        held, self._held = self._held, []
        return held

    def is_stale(self, event: Event, now: float) -> bool:
        """Whether nobody waits any more for what ``event`` asks for."""
        asked = self._requested_at.get(str(event.get("event_id")))
        return asked is not None and now - asked > STALE_SECONDS

    def activity(self, *, is_responding: bool, has_no_pending_answers: bool) -> CallActivity:
        """What goes on in the call now. The arguments are ``ServiceConnection``'s, of the
        connection in use."""
        if is_responding:
            return CallActivity.RESPONDING
        if self.history.has_open_calls():
            return CallActivity.TOOL_RUNNING
        speaking = (
            self.turns.has_uncommitted_speech
            if self._turn_detection
            else self.uncommitted_audio.duration_ms > 0
        )
        if (
            speaking
            or self._committing
            or self.history.awaits_transcript
            or not has_no_pending_answers
        ):
            return CallActivity.CALLER_SPEAKING
        return CallActivity.IDLE

    def on_connection_lost(
        self, conversation: ConnectionState, waiting: Sequence[Event], event_id: str
    ) -> ConnectionLoss:
        """The connection with ``conversation`` is gone, and what was ``waiting`` there for its
        turn, which is held for the next; ``event_id`` is for a request of ours."""
        responses = conversation.responses
        reply = responses.known_active is not None
        ask = self._should_request_again(responses)
        again = [*self._committing]
        self._committing.clear()
        if ask:
            self._requested_again = True
            again.append(HeldEvent(_own(responses.request, event_id)))
        if responses.unconfirmed_request is not None and not responses.is_cancelled:
            again.append(HeldEvent(responses.unconfirmed_request))
        again += [HeldEvent(event) for event in waiting]
        ended = [
            *self.turns.on_connection_lost(),
            *map(cancelled_response_done, responses.on_connection_lost()),
        ]
        for event in ended:
            self.on_server_event(event, responses)
        self._held = [*again, *self._held]
        return ConnectionLoss(ended, reply, ask)

    def _should_request_again(self, responses: ResponseTracker) -> bool:
        """A reply that is owed, or was lost with nothing of it come, and not for the second time;
        what a tool was called for is answered after the tool."""
        if responses.is_owed:
            return True
        if responses.known_active is None or self._requested_again or responses.is_cancelled:
            return False
        return not any(
            self.history.has_begun(item) or self.history.is_complete_call(item)
            for item in responses.active_items
        )


def _own(create: Event | None, event_id: str) -> Event:
    """A request of ours for what ``create`` asked for. Nobody waits for it by its id."""
    event: Event = {"type": "response.create", "event_id": event_id}
    response = {**as_object((create or {}).get("response"))}
    response.pop("metadata", None)
    return {**event, "response": response} if response else event
