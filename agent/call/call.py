"""One job, one room, one call: what it acquires, and what it lets go of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from livekit.agents import JobContext
from livekit.agents.llm import Tool, Toolset
from livekit.agents.voice.agent_session import RecordingOptions
from livekit.agents.voice.room_io import RoomOptions

from agent.call.agent import MultimodalAgent
from agent.call.api_requests import give_api
from agent.call.arrival import CALLER_WAIT_SECONDS, wait_for_caller
from agent.call.attributes import RoomAttributes
from agent.call.info import CallInfo
from agent.call.lifecycle import CallEnd, end_call_on_failure
from agent.call.log_limits import LogLimits
from agent.call.notices import NoticePublisher
from agent.call.pre_connect_audio import PreConnectAudio
from agent.call.problems import reject_call, report_problems
from agent.call.session import create_agent_session, create_audio_gate, load_detector
from agent.config.fallback import service_targets
from agent.config.overrides import apply_metadata
from agent.config.settings import Settings
from agent.realtime.connection.connector import open_websocket
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.redaction import add_secret
from agent.voice.push_to_talk import PushToTalk
from agent.voice.track_subscription import wait_for_subscriber
from agent.voice.turn_detection import PUSH_TO_TALK

logger = logging.getLogger("agent.call")


async def handle_call(
    ctx: JobContext,
    settings: Settings,
    *,
    agent: Callable[[CallInfo], MultimodalAgent] = MultimodalAgent,
    tools: Sequence[Tool | Toolset] = (),
    caller_wait_seconds: float = CALLER_WAIT_SECONDS,
) -> None:
    """Answer the caller of ``ctx``'s room, and see to it that the end of the session is the
    end of the job and of the room.

    ``agent`` makes the agent from what is known of the call: ``MultimodalAgent``, a subclass, or a
    function. ``tools`` are what the agent may call. The job ends if nobody has joined within
    ``caller_wait_seconds``.
    """
    give_api(ctx, settings)
    for secret in settings.secrets():
        add_secret(secret)
    limits = LogLimits.install()
    ctx.add_shutdown_callback(limits.report)
    attributes = RoomAttributes(ctx.room)
    async with end_call_on_failure(ctx, attributes):
        if not settings.agent_record_to_cloud:
            # Otherwise the log of a call that never comes to a session would be uploaded.
            ctx.init_recording(
                RecordingOptions(audio=False, traces=False, logs=False, transcript=False)
            )
        overridden = apply_metadata(ctx.job.metadata, settings)
        report_problems(overridden.problems, attributes)
        if overridden.problems and settings.agent_on_invalid_override == "reject":
            await reject_call(ctx, overridden.problems, attributes)
            return
        call = Call(ctx, overridden.settings, attributes)
        await call.run(agent, tools, caller_wait_seconds)


class Call:
    """A call from the first connection to the service until the agent speaks. What comes after
    that is LiveKit's session; ``CallEnd`` ends it."""

    def __init__(self, ctx: JobContext, settings: Settings, attributes: RoomAttributes) -> None:
        self._ctx = ctx
        self._settings = settings
        self._attributes = attributes
        self._notices = NoticePublisher(attributes)

    async def run(
        self,
        agent: Callable[[CallInfo], MultimodalAgent],
        tools: Sequence[Tool | Toolset],
        caller_wait_seconds: float,
    ) -> None:
        """Wait for the caller, and start the session with the agent that ``agent`` makes."""
        ctx, settings = self._ctx, self._settings
        # The model and the room take a quarter of a second each, and so does a detector that has
        # not been loaded before: all three at the same time.
        http_session = self._start_connecting()
        loading = asyncio.create_task(asyncio.to_thread(load_detector, settings))
        early_audio = PreConnectAudio(ctx.room)
        caller = await wait_for_caller(ctx, caller_wait_seconds)
        await loading
        if caller is None:
            return
        ctx.log_context_fields = {"room": ctx.room.name, "caller": caller.identity}
        info = CallInfo(ctx.room.name, caller, settings, ctx.job.metadata, tools)

        session = create_agent_session(settings, http_session, telephone=caller.is_telephone)
        CallEnd(ctx, caller, session, self._attributes, on_error=self._notices.publish_loss)
        if settings.agent_turn_taking == PUSH_TO_TALK:
            PushToTalk(session, caller.identity).start(ctx.room.local_participant)
        first_agent = agent(info)
        early_audio.hand_over()
        await session.start(
            first_agent,
            room=ctx.room,
            room_options=RoomOptions(participant_identity=caller.identity),
            # Upstream's remote control answers anybody in the room: it tells the instructions, the
            # tools and the history, and takes input. Simulations need it. So does the console,
            # which has it whatever is said here.
            session_host=ctx.simulation_context() is not None,
            # Left out, the LiveKit Cloud project decides whether audio and transcripts are
            # uploaded.
            record=settings.agent_record_to_cloud,
        )
        await wait_for_subscriber(session)

    def _start_connecting(self) -> PluginHTTPSession:
        """Begin to open the connection to the service, which the plugin takes over."""
        settings = self._settings
        http_session = PluginHTTPSession(
            service_targets(settings),
            opening=asyncio.create_task(open_websocket(settings.endpoint)),
            on_notice=self._notices.publish,
            gate=create_audio_gate(settings),
        )
        self._ctx.add_shutdown_callback(http_session.aclose)
        return http_session
