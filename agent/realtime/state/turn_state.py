"""Whether the caller is speaking, as last reported to the plugin. Pure; in GA."""

from __future__ import annotations

from agent.realtime.protocol.dialects import Event


class TurnState:
    """The caller's turn, over all of a call's connections."""

    def __init__(self) -> None:
        self.is_caller_speaking = False
        """According to the service's turn detection."""
        self.has_uncommitted_speech = False
        """Some of the caller's speech has not been committed."""

    def on_client_event(self, event: Event) -> None:
        """Update the state with ``event``, which has left."""
        if event["type"] in ("input_audio_buffer.commit", "input_audio_buffer.clear"):
            self.has_uncommitted_speech = False

    def on_server_event(self, event: Event) -> None:
        """Update the state with ``event``, which has come."""
        match event.get("type"):
            case "input_audio_buffer.speech_started":
                self.is_caller_speaking = self.has_uncommitted_speech = True
            case "input_audio_buffer.speech_stopped":
                self.is_caller_speaking = False
            case "input_audio_buffer.committed":
                self.is_caller_speaking = self.has_uncommitted_speech = False

    def on_connection_lost(self) -> list[Event]:
        """End the caller's speech. Returns the events that say so: without them the plugin takes
        the caller to be speaking for ever (livekit-agents 1.8.9, defect D19)."""
        if not self.is_caller_speaking:
            return []
        self.is_caller_speaking = False
        return [{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 0}]
