"""The agent session of a call: its model, its turn detection and its text to speech."""

from __future__ import annotations

from functools import cache
from typing import Any

from livekit.agents import (
    AgentSession,
    SpeechCreatedEvent,
    TurnHandlingOptions,
    UserStateChangedEvent,
    vad,
)
from livekit.agents.voice import SpeechHandle

from agent.config.settings import Settings
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.model import RealtimeSession, realtime_model
from agent.realtime.state.audio_gate import AudioGate
from agent.voice.text_to_speech import create_tts
from agent.voice.turn_detection import LOCAL, PUSH_TO_TALK, Preset, get_preset

AEC_WARMUP_SECONDS = 3.0
"""While a browser's echo canceller adapts, the agent does not let its own echo interrupt it.
LiveKit's default. A telephone has none to wait for."""


def create_agent_session(
    settings: Settings, http_session: PluginHTTPSession, *, telephone: bool
) -> AgentSession[None]:
    """A session that is ready to start. Raises ``LocalError`` where its TTS cannot be had."""
    numbers = get_preset(settings.voice.turn_taking_preset)
    mode = settings.voice.turn_taking
    given: dict[str, Any] = {}
    if options := settings.voice.speech_options():
        given["tts"] = create_tts(options, settings)
    session: AgentSession[None] = AgentSession(
        llm=realtime_model(settings.session, http_session),
        vad=_detector(numbers) if mode == LOCAL else None,
        turn_handling=_turn_handling(mode, numbers),
        aec_warmup_duration=None if telephone else AEC_WARMUP_SECONDS,
        **given,
    )
    _delete_unplayed_items(session)
    if mode == LOCAL:

        def on_user_state(event: UserStateChangedEvent) -> None:
            if (model := get_realtime_session(session)) is not None:
                model.on_caller_speaking(event.new_state == "speaking")

        session.on("user_state_changed", on_user_state)
    return session


def get_realtime_session(session: AgentSession[None]) -> RealtimeSession | None:
    """Return the Realtime session of the current agent; ``None`` if its model is not ours."""
    try:
        model = session.current_agent.realtime_llm_session
    except RuntimeError:
        return None
    return model if isinstance(model, RealtimeSession) else None


def _delete_unplayed_items(session: AgentSession[None]) -> None:
    """Delete from the service's history what the caller's interruption kept from being played.

    Upstream truncates what was playing and leaves what was waiting behind it: the model goes on
    as if it had said it (1.8.9, defect D17).
    """

    def on_speech(event: SpeechCreatedEvent) -> None:
        event.speech_handle.add_done_callback(on_done)

    def on_done(handle: SpeechHandle) -> None:
        model = get_realtime_session(session)
        if handle.interrupted and session.current_speech is None and model is not None:
            for item_id in model.unplayed_items({item.id for item in session.history.items}):
                model.send_event({"type": "conversation.item.delete", "item_id": item_id})

    session.on("speech_created", on_speech)


def create_audio_gate(settings: Settings) -> AudioGate | None:
    """Create the gate that keeps silence and echo from the service; ``None`` where the service
    detects turns itself, or the caller has a button."""
    if settings.voice.turn_taking != LOCAL:
        return None
    numbers = get_preset(settings.voice.turn_taking_preset)
    return AudioGate(
        pre_roll_ms=numbers.prefix_padding_ms + numbers.min_speech_seconds * 1000,
        lag_ms=numbers.silence_duration_ms,
    )


def load_detector(settings: Settings) -> None:
    """Load the voice activity detector if turn detection is local. Takes a third of a second."""
    if settings.voice.turn_taking == LOCAL:
        _detector(get_preset(settings.voice.turn_taking_preset))


@cache
def _detector(numbers: Preset) -> vad.VAD:
    # Loaded where it is used alone: it is 30 MB.
    from agent.voice.vad import load_vad

    return load_vad(numbers)


def _turn_handling(mode: str, numbers: Preset) -> TurnHandlingOptions:
    if mode == LOCAL:
        return TurnHandlingOptions(
            turn_detection="vad",
            # The detector's own silence is the pause that ends a turn.
            endpointing={"min_delay": 0.0, "max_delay": 0.0},
            interruption={"mode": "vad", "min_duration": numbers.min_interruption_seconds},
        )
    if mode == PUSH_TO_TALK:
        return TurnHandlingOptions(turn_detection="manual")
    return TurnHandlingOptions(turn_detection="realtime_llm")
