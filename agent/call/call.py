"""One job, one room, one call: what it acquires, and what it lets go of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from livekit.agents import AgentSession, CloseEvent, JobContext
from livekit.agents.llm import Tool, Toolset
from livekit.agents.voice.agent_session import RecordingOptions
from livekit.agents.voice.room_io import RoomOptions

from agent.call.agent import MultimodalAgent
from agent.call.api_requests import give_api
from agent.call.arrival import CALLER_WAIT_SECONDS, wait_for_caller
from agent.call.attributes import RoomAttributes
from agent.call.caller import Caller
from agent.call.event_sources import NoticeSource, SessionSource
from agent.call.events import CallerJoined, CallEvents, EventSubscription
from agent.call.info import CallInfo
from agent.call.lifecycle import CallEnd, end_call_on_failure
from agent.call.log_limits import LogLimits
from agent.call.notices import AttributePublisher
from agent.call.pre_connect_audio import PreConnectAudio
from agent.call.problems import reject_call, report_problems
from agent.call.session import create_agent_session, create_audio_gate, load_detector
from agent.call.subscribers import PUBLISH_SECONDS, SubscriberTasks
from agent.config.overrides import apply_metadata
from agent.config.settings import Settings
from agent.realtime.connection.connector import open_websocket
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.redaction import add_secret
from agent.voice.push_to_talk import PushToTalk
from agent.voice.track_subscription import wait_for_subscriber
from agent.voice.turn_detection import PUSH_TO_TALK

Subscriber = Callable[["Call", EventSubscription], Awaitable[None]]
"""Reads the events of a call: ``async def report(call: Call, events: EventSubscription)``. It
begins before the caller joins, and has some seconds to finish after ``CallClosed``."""
MakeAgent = Callable[[CallInfo], MultimodalAgent]
Tools = Sequence[Tool | Toolset]


async def handle_call(
    ctx: JobContext,
    settings: Settings,
    *,
    agent: MakeAgent = MultimodalAgent,
    tools: Tools = (),
    subscribers: Sequence[Subscriber] = (),
    caller_wait_seconds: float = CALLER_WAIT_SECONDS,
) -> None:
    """Answer the caller of ``ctx``'s room, and see to it that the end of the session is the
    end of the job and of the room.

    ``agent`` makes the agent from what is known of the call: ``MultimodalAgent``, a subclass, or a
    function. ``tools`` are what the agent may call. Each of ``subscribers`` reads the call's events
    in a task of its own; one that fails or is slow does not harm the call. The job ends if nobody
    has joined within ``caller_wait_seconds``.
    """
    give_api(ctx, settings.livekit)
    for secret in settings.secrets():
        add_secret(secret)
    limits = LogLimits.install()
    attributes = RoomAttributes(ctx.room)
    connections: list[PluginHTTPSession] = []
    ctx.add_shutdown_callback(lambda: close_connections_and_log(connections, limits))
    stream = CallStream(attributes)
    ctx.add_shutdown_callback(stream.subscribers.aclose)
    async with end_call_on_failure(ctx, attributes, on_failure=stream.close):
        if not settings.worker.record_to_cloud:
            # Otherwise the log of a call that never comes to a session would be uploaded.
            ctx.init_recording(
                RecordingOptions(audio=False, traces=False, logs=False, transcript=False)
            )
        overridden = apply_metadata(ctx.job.metadata, settings)
        report_problems(overridden.problems, attributes)
        call = Call(ctx, overridden.settings, attributes, stream)
        call.start_subscribers(subscribers)
        if overridden.problems and settings.worker.on_invalid_override == "reject":
            await stream.close("rejected")
            await reject_call(ctx, overridden.problems, attributes)
            return
        connections.append(call.start_connecting())
        await call.run(connections[0], agent, tools, caller_wait_seconds)


async def close_connections_and_log(
    connections: Sequence[PluginHTTPSession], limits: LogLimits
) -> None:
    """Close the connections, then end the limits of the log, which apply to the last lines of a
    connection too. LiveKit runs the callbacks of a shutdown at the same time: this is one."""
    try:
        await asyncio.gather(*(each.aclose() for each in connections))
    finally:
        await limits.report()


class CallStream:
    """The events of a call with their first subscriber, which publishes notices to the client."""

    def __init__(self, attributes: RoomAttributes) -> None:
        self.events = CallEvents()
        self.subscribers = SubscriberTasks(self.events)
        publisher = AttributePublisher(attributes)
        self._publishing = self.subscribers.start("attributes", publisher.run)

    async def close(self, reason: str) -> None:
        """End the stream, once every notice has been handed to the client's attributes."""
        self.events.close(reason)
        await asyncio.wait((self._publishing,), timeout=PUBLISH_SECONDS)


class Call:
    """A call from the first connection to the service until the agent speaks. What comes after
    that is LiveKit's session; ``CallEnd`` ends it."""

    def __init__(
        self, ctx: JobContext, settings: Settings, attributes: RoomAttributes, stream: CallStream
    ) -> None:
        self.room_name = ctx.room.name or ctx.job.room.name
        self.job_id = ctx.job.id
        self.settings = settings
        """The worker's settings with the changes that the job's metadata makes to them."""
        self.info: CallInfo | None = None
        """The facts that the agent is made from; ``None`` until ``CallerJoined``."""
        self.session: AgentSession[None] | None = None
        """LiveKit's session; ``None`` until shortly after ``CallerJoined``."""
        self._ctx = ctx
        self._attributes = attributes
        self._stream = stream
        self._notices = NoticeSource(stream.events)

    def start_subscribers(self, subscribers: Sequence[Subscriber]) -> None:
        for subscriber in subscribers:
            name = getattr(subscriber, "__qualname__", type(subscriber).__qualname__)
            self._stream.subscribers.start(name, partial(subscriber, self))

    async def run(
        self,
        http_session: PluginHTTPSession,
        agent: MakeAgent,
        tools: Tools,
        caller_wait_seconds: float,
    ) -> None:
        """Wait for the caller, and start the session with the agent that ``agent`` makes."""
        ctx = self._ctx
        # The model and the room take a quarter of a second each, and so does a detector that has
        # not been loaded before: all three at the same time.
        loading = asyncio.create_task(asyncio.to_thread(load_detector, self.settings))
        early_audio = PreConnectAudio(ctx.room)
        caller = await wait_for_caller(ctx, caller_wait_seconds)
        await loading
        if caller is None:
            await self._stream.close("no_caller")
            return
        ctx.log_context_fields = {"room": ctx.room.name, "caller": caller.identity}
        self.info = CallInfo(ctx.room.name, caller, self.settings, ctx.job.metadata, tools)
        self._stream.events.publish(CallerJoined(caller=caller))
        self.session = self._create_session(http_session, caller)
        first_agent = agent(self.info)
        early_audio.hand_over()
        await self._start_session(self.session, first_agent, caller)
        await wait_for_subscriber(self.session)

    def start_connecting(self) -> PluginHTTPSession:
        """Begin to open the connection to the service, which the plugin takes over."""
        return PluginHTTPSession(
            self.settings.service_targets(),
            opening=asyncio.create_task(open_websocket(self.settings.service.endpoint)),
            on_notice=self._notices.on_notice,
            gate=create_audio_gate(self.settings),
        )

    def _create_session(
        self, http_session: PluginHTTPSession, caller: Caller
    ) -> AgentSession[None]:
        """Create the session, and have its end be the end of the call."""
        session = create_agent_session(self.settings, http_session, telephone=caller.is_telephone)
        SessionSource(self._stream.events, session, http_session.tap)
        CallEnd(self._ctx, caller, session, self._attributes, on_close=self._on_session_close)
        if self.settings.voice.turn_taking == PUSH_TO_TALK:
            PushToTalk(session, caller.identity).start(self._ctx.room.local_participant)
        return session

    async def _start_session(
        self, session: AgentSession[None], first_agent: MultimodalAgent, caller: Caller
    ) -> None:
        await session.start(
            first_agent,
            room=self._ctx.room,
            room_options=RoomOptions(participant_identity=caller.identity),
            # Upstream's remote control answers anybody in the room: it shows the instructions, the
            # tools and the history, and takes input. Simulations need it. So does the console,
            # which has it whatever is said here.
            session_host=self._ctx.simulation_context() is not None,
            # Left out, the LiveKit Cloud project decides whether audio and transcripts are
            # uploaded.
            record=self.settings.worker.record_to_cloud,
        )

    async def _on_session_close(self, event: CloseEvent) -> None:
        error = getattr(event.error, "error", event.error)
        if error is not None:
            self._notices.on_session_error(str(error))
        await self._stream.close(event.reason.value)
