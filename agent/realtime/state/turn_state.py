"""Who has the floor, as the engine was told. Pure; in GA.

When a connection is lost in the middle of something, the engine has to hear of its end all the
same: it waits for the rest of a reply, and takes the caller to be speaking still (upstream 1.8.9,
defect D19).
"""

from __future__ import annotations

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object, response_matches_request
from agent.realtime.state.conversation_history import is_in_band_response_create


class TurnState:
    def __init__(self) -> None:
        self.is_caller_speaking = False
        """The caller, as the service hears it."""
        self.has_uncommitted_speech = False
        """Some of the caller's speech has not been committed."""
        self.is_response_owed = False
        """The service has committed a turn, and will answer it unasked."""
        self.active_response: str | None = None
        """The response in flight, in the conversation."""
        self.response_items: list[str] = []
        """Of that response."""
        self.request: Event | None = None
        """What asked for it, if the service did not begin it by itself."""
        self._pending_request: Event | None = None

    def on_client_event(self, event: Event) -> None:
        if is_in_band_response_create(event):
            self._pending_request = event
        elif event["type"] in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            self.has_uncommitted_speech = False

    def on_server_event(self, event: Event, *, answers_unasked: bool) -> None:
        """``answers_unasked``: the service begins a response whenever it commits a turn."""
        match event.get("type"):
            case "input_audio_buffer.speech_started":
                self.is_caller_speaking = self.has_uncommitted_speech = True
            case "input_audio_buffer.speech_stopped":
                self.is_caller_speaking = False
            case "input_audio_buffer.committed":
                self.is_caller_speaking = self.has_uncommitted_speech = False
                self.is_response_owed = answers_unasked
            case "response.created":
                self._on_response_created(as_object(event.get("response")))
            case "response.output_item.added" if event.get("response_id") == self.active_response:
                self.response_items.append(str(as_object(event.get("item")).get("id")))
            case "response.done" if (
                as_object(event.get("response")).get("id") == self.active_response
            ):
                self._on_response_end()

    def on_connection_lost(self) -> list[Event]:
        """The connection is gone: what the engine is to be told, so that it waits for nothing."""
        told: list[Event] = []
        if self.is_caller_speaking:
            told.append({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 0})
        if self.active_response is not None:
            told.append(cancelled_response_done(self.active_response))
        self.is_caller_speaking = self.is_response_owed = False
        self._on_response_end()
        return told

    def _on_response_created(self, response: Event) -> None:
        if response.get("conversation_id", "") is None:
            return
        self._on_response_end()
        self.active_response, self.is_response_owed = str(response.get("id")), False
        if self._pending_request is not None and response_matches_request(
            self._pending_request, response
        ):
            self.request, self._pending_request = self._pending_request, None

    def _on_response_end(self) -> None:
        self.active_response, self.response_items, self.request = None, [], None


def cancelled_response_done(response_id: str) -> Event:
    """A ``response.done`` that says that the rest will not come. As cancelled: a failure would
    make the engine report an error, of which there is none left to act on."""
    details = {"type": "cancelled", "reason": "client_cancelled"}
    response = {
        "id": response_id,
        "object": "realtime.response",
        "status": "cancelled",
        "status_details": details,
        "output": [],
    }
    return {"type": "response.done", "response": response}
