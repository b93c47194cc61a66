"""The plugin's Realtime model on our wire, with the two lines of it that the wire cannot reach."""

from __future__ import annotations

import logging
from typing import cast

import aiohttp
from livekit.plugins import openai
from openai.types.realtime import AudioTranscription, RealtimeAudioInputTurnDetection
from pydantic import TypeAdapter

from agent.realtime.parameters import SessionParameters
from agent.realtime.wire import WireSession

logger = logging.getLogger("agent.realtime")

# The plugin insists on a key and an address. The wire looks at neither.
_NO_KEY = "the wire holds the key"
_NO_URL = "http://wire.invalid/v1"

_TURN_DETECTION: TypeAdapter[RealtimeAudioInputTurnDetection] = TypeAdapter(
    RealtimeAudioInputTurnDetection
)


class RealtimeSession(openai.realtime.RealtimeSession):
    """The plugin's session, which closes even after a fatal error."""

    async def aclose(self) -> None:
        """Close without raising what the connection died of.

        Upstream re-raises it here, in the middle of the agent session's own close, whose
        ``close`` event is then never emitted: the call hangs on in silence (upstream 1.8.9,
        defect D1). The error itself has been told by the ``error`` event.
        """
        try:
            await super().aclose()
        except Exception as error:
            logger.debug("the connection had ended with: %s", error)


class RealtimeModel(openai.realtime.RealtimeModel):
    def session(self, *, turn_detection_disabled: bool = False) -> RealtimeSession:
        session = RealtimeSession(self, turn_detection_disabled=turn_detection_disabled)
        # Upstream's own session() does the same; there is no public way to hand it a subclass.
        self._sessions.add(session)
        return session


def realtime_model(parameters: SessionParameters, wire: WireSession) -> RealtimeModel:
    """A model for one call. It is told what its engine needs to know to act; what the session
    says to the service comes from ``parameters`` by way of the wire."""
    session = parameters.as_session()
    audio_input = session.get("audio", {}).get("input", {})
    detection, transcription = audio_input.get("turn_detection"), audio_input.get("transcription")
    return RealtimeModel(
        model=str(parameters["model"]),
        voice=str(parameters["voice"]),
        turn_detection=detection and _TURN_DETECTION.validate_python(detection),
        input_audio_transcription=transcription
        and AudioTranscription.model_validate(transcription),
        api_key=_NO_KEY,
        base_url=_NO_URL,
        http_session=cast("aiohttp.ClientSession", wire),
        max_session_duration=None,
    )
