"""Settings that are valid alone and wrong together. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.settings import VoiceSettings
from agent.config.sources import problem
from agent.errors import Problem
from agent.realtime.protocol.parameters import SessionParameters
from agent.voice import turn_detection

NO_TURN_END = (
    "Without turn detection nobody notices that the caller has finished, and no answer follows."
)


def is_silent(voice: VoiceSettings, session: SessionParameters) -> bool:
    """Whether nobody would hear anything: text only, and nothing that speaks it."""
    return session["output_modalities"] == ["text"] and voice.speaker != "tts"


def has_no_turn_end(voice: VoiceSettings, session: SessionParameters) -> bool:
    """Whether nothing detects that the caller has finished speaking: such a call is greeted and
    never answered."""
    return not voice.turn_taking and session["turn_detection.type"] is None


def contradictions(voice: VoiceSettings, session: SessionParameters) -> Iterator[Problem]:
    """Two settings of which only one can hold."""
    mode, kind = voice.turn_taking, session["turn_detection.type"]
    expected = None if mode in turn_detection.WORKER_MODES else mode
    if mode and kind != expected:
        name = "AGENT_TURN_TAKING"
        message = f"{name} is {mode}, and the session's turn_detection.type is {kind or 'none'}."
        yield problem(name, "", message, "Set one of the two.")
    if voice.speaker == "tts" and session["output_modalities"] != ["text"]:
        message = "AGENT_VOICE_FROM is tts, and the model is asked for audio."
        fix = "Remove REALTIME_OUTPUT_MODALITIES, or set AGENT_VOICE_FROM=model."
        yield problem("REALTIME_OUTPUT_MODALITIES", "", message, fix)
