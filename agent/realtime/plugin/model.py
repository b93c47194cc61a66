"""The plugin's Realtime model, connected through ``PluginHTTPSession``, and what of the plugin has
to be overridden besides."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Any, Literal, cast

import aiohttp
from livekit.agents import APIConnectOptions
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given
from livekit.plugins import openai
from openai.types.realtime import AudioTranscription

from agent.errors import Violation
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.client_events import CALLER_SPEECH
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.session_options import (
    TURN_DETECTION,
    as_update,
    find_keyword,
    for_plugin,
    plugin_takes,
    read_options,
)
from agent.realtime.protocol.parameters import (
    MODEL,
    Finding,
    Parameter,
    SessionParameters,
    findings,
    with_changes,
)
from agent.realtime.validation.completion import PLACEHOLDER_MODEL
from agent.redaction import bounded

logger = logging.getLogger("agent.realtime")

# The plugin insists on a key and an address. PluginHTTPSession ignores both.
_NO_KEY = "PluginHTTPSession has the key"
_NO_URL = "http://unused.invalid/v1"
_SOME_VOICE = "marin"
MAX_LOGGED = 3
CONNECT_SECONDS = 60.0
"""How long the plugin waits for a connection; ``Connector`` gives up earlier."""


class RealtimeSession(openai.realtime.RealtimeSession):
    """The plugin's session, which closes even after a fatal error and validates its options."""

    def __init__(
        self,
        model: RealtimeModel,
        http_session: PluginHTTPSession,
        *,
        turn_detection_disabled: bool,
    ) -> None:
        super().__init__(model, turn_detection_disabled=turn_detection_disabled)
        self._http_session_of_call = http_session
        if http_session.caller.speaking:
            self.on_caller_speaking(True)

    async def _create_ws_conn(self) -> aiohttp.ClientWebSocketResponse:
        """Connect through the session's own HTTP session. Upstream has one for all of a model's
        sessions, and retries by itself; ``PluginHTTPSession`` has done so already."""
        began = time.perf_counter()
        websocket = await self._http_session_of_call.ws_connect("")
        self._report_connection_acquired(time.perf_counter() - began)
        return cast("aiohttp.ClientWebSocketResponse", websocket)

    def on_caller_speaking(self, speaking: bool) -> None:
        """The caller has begun to speak, or has ended, as the worker hears it."""
        self._http_session_of_call.caller.speaking = speaking
        self.send_event({"type": CALLER_SPEECH, "speaking": speaking})

    def unplayed_items(self, played: Collection[str]) -> list[str]:
        """Ids of the agent's items that are not among ``played``, and were not cut."""
        return self._http_session_of_call.unplayed_items(played)

    def update_options(self, **options: Any) -> list[Violation]:  # type: ignore[override]
        """Change settings of a running call.

        ``options`` are the plugin's own, and any parameter by its name, with ``_`` for a dot:
        ``temperature``, ``turn_detection_threshold``. Returns what the service would refuse;
        then nothing has changed. Raises ``TypeError`` for a name that is no parameter.
        """
        read = read_options(
            {name: value for name, value in options.items() if is_given(value)},
            turn_detection=self._opts.turn_detection,
            transcription=self._opts.input_audio_transcription,
        )
        violations = self._http_session_of_call.violations(as_update(read))
        if violations:
            # The plugin makes such changes too, and does not look at what is returned.
            for each in violations[:MAX_LOGGED]:
                message = bounded(each.message)
                logger.warning("a change of the session is refused: %s", message)
            return violations
        own = {
            name: for_plugin(name, value)
            for name, value in read.items()
            if plugin_takes(name, value)
        }
        if own:
            super().update_options(**own)
        if rest := {name: value for name, value in read.items() if name not in own}:
            self.send_event(as_update(rest))
        return []

    def truncate(
        self,
        *,
        message_id: str,
        modalities: list[Literal["text", "audio"]],
        audio_end_ms: int,
        audio_transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Cut a message where the caller stopped hearing it.

        Upstream tells the service where, and keeps the whole of it for a replay (1.8.9, defect
        D5). ``ConversationHistory`` is what is replayed, and gets the words.
        """
        if is_given(audio_transcript):
            self._http_session_of_call.record_playback(message_id, audio_transcript)
        super().truncate(
            message_id=message_id,
            modalities=modalities,
            audio_end_ms=audio_end_ms,
            audio_transcript=audio_transcript,
        )

    async def aclose(self) -> None:
        """Close without raising what the connection died of.

        Upstream re-raises it here, in the middle of the agent session's own close, whose
        ``close`` event is then never emitted: the call hangs on in silence (upstream 1.8.9,
        defect D1). The ``error`` event has reported the error itself.
        """
        try:
            await super().aclose()
        except Exception as error:
            logger.debug("the connection had ended with: %s", error)


class RealtimeModel(openai.realtime.RealtimeModel):
    def __init__(self, http_session: PluginHTTPSession, **options: Any) -> None:
        super().__init__(http_session=cast("aiohttp.ClientSession", http_session), **options)
        self._http_session_of_call = http_session
        self._is_http_session_taken = False

    def session(self, *, turn_detection_disabled: bool = False) -> RealtimeSession:
        http_session = (
            self._http_session_of_call.another()
            if self._is_http_session_taken
            else self._http_session_of_call
        )
        self._is_http_session_taken = True
        session = RealtimeSession(
            self, http_session, turn_detection_disabled=turn_detection_disabled
        )
        # Upstream's own session() does the same; there is no public way to give it a subclass.
        self._sessions.add(session)
        return session

    def with_options(self, **options: Any) -> RealtimeModel:
        """A model for an agent of its own, with another voice for example: on the same services,
        in a session of its own.

        ``options`` are parameters by the names of docs/parameters.md, with ``_`` for a dot.
        Raises ``TypeError`` for a name that is no parameter or cannot differ within a call, and
        ``ValueError`` for a value that the service would refuse.
        """
        change = {_parameter(name).name: value for name, value in options.items()}
        first, *others = (_changed(target, change) for target in self._http_session_of_call.targets)
        if refused := _refused(first):
            raise ValueError(" ".join(each.violation.message for each in refused))
        # What another service would refuse, it is not asked for.
        pairs = zip(others, self._http_session_of_call.targets[1:], strict=True)
        others = [before if _refused(target) else target for target, before in pairs]
        return realtime_model(
            first.parameters, self._http_session_of_call.another([first, *others])
        )


def realtime_model(parameters: SessionParameters, http_session: PluginHTTPSession) -> RealtimeModel:
    """A model for one call. It gets the options that the plugin acts on; what the service gets is
    made of ``parameters`` in ``complete_session_update``."""
    session = parameters.as_session()
    audio_input = session.get("audio", {}).get("input", {})
    detection, transcription = audio_input.get("turn_detection"), audio_input.get("transcription")
    return RealtimeModel(
        http_session,
        # What the plugin knows of these two; a deployment's model may be unknown.
        model=parameters["model"] or PLACEHOLDER_MODEL,
        voice=parameters["voice"] if isinstance(parameters["voice"], str) else _SOME_VOICE,
        modalities=["text"] if parameters["output_modalities"] == ["text"] else ["audio"],
        turn_detection=detection and TURN_DETECTION.validate_python(detection),
        input_audio_transcription=transcription
        and AudioTranscription.model_validate(transcription),
        api_key=_NO_KEY,
        base_url=_NO_URL,
        # PluginWebSocket reconnects, and moves to another connection before this one ends.
        max_session_duration=None,
        conn_options=APIConnectOptions(max_retry=0, timeout=CONNECT_SECONDS),
    )


def _parameter(name: str) -> Parameter:
    parameter = find_keyword(name)
    if parameter is None or parameter.name == MODEL:
        raise TypeError(f"'{name}' is no parameter that a session of a call can have for itself")
    return parameter


def _refused(target: ServiceTarget) -> list[Finding]:
    return findings(target.parameters, target.endpoint.dialect, target.endpoint.context)


def _changed(target: ServiceTarget, change: dict[str, Any]) -> ServiceTarget:
    return ServiceTarget(
        target.endpoint, with_changes(target.parameters, change, target.endpoint.dialect)
    )
