"""One job, one room, one call: what it acquires, and what it lets go of."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from livekit import api, rtc
from livekit.agents import JobContext
from livekit.agents.llm import Tool, Toolset
from livekit.agents.voice.agent_session import RecordingOptions
from livekit.agents.voice.room_io import RoomOptions

from agent.call.agent import MultimodalAgent
from agent.call.api_requests import ApiRequestError, give_api, send_request
from agent.call.attributes import RoomAttributes, bounded_json
from agent.call.lifecycle import ENDED, CallEnd, end_call_on_failure, end_job
from agent.call.log_limits import LogLimits
from agent.call.pre_connect_audio import PreConnectAudio
from agent.call.rooms import PERSON_KINDS, earlier_agent
from agent.call.session import create_agent_session, create_audio_gate, load_detector
from agent.config.fallback import service_targets
from agent.config.instructions import load_instructions
from agent.config.overrides import apply_metadata, summary
from agent.config.settings import Settings
from agent.errors import Problem
from agent.realtime.connection.connector import open_websocket
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.response_monitor import Notice
from agent.redaction import add_secret, bounded_detail
from agent.voice.greeting import Greeting, load_greeting
from agent.voice.push_to_talk import PushToTalk
from agent.voice.track_subscription import wait_for_subscriber
from agent.voice.turn_detection import PUSH_TO_TALK

logger = logging.getLogger("agent.call")

PROBLEMS = "agent.problems"
"""The agent participant's attribute that tells what of the job's metadata does not hold: a JSON
list of objects as `agent check --json` prints them."""
MAX_PROBLEMS = 20
"""Told in the attribute, one by one; the log has a few and their number."""
MAX_PROBLEMS_BYTES = 16_384
CONNECTION_LOST = "connection_lost"
"""Name of the wire's notice that there is no connection any more, and none to be had."""
CALLER_WAIT_SECONDS = 60.0
"""How long a job waits for a person to be in its room. Machines do not count: an agent beside a
recorder alone would wait for as long as that records."""


async def handle_call(
    ctx: JobContext,
    settings: Settings,
    *,
    tools: Sequence[Tool | Toolset] = (),
    make_agent: Callable[..., MultimodalAgent] = MultimodalAgent,
    caller_wait_seconds: float = CALLER_WAIT_SECONDS,
) -> None:
    """Answer the caller of ``ctx``'s room, and see to it that the end of the session is the
    end of the job and of the room.

    ``tools`` are what the agent may call. ``make_agent`` is ``MultimodalAgent`` or a subclass. The
    job ends if nobody has joined within ``caller_wait_seconds``.
    """
    give_api(ctx, settings)
    for secret in settings.secrets():
        add_secret(secret)
    limits = LogLimits.install()
    attributes = RoomAttributes(ctx.room)
    connections: list[PluginHTTPSession] = []
    ctx.add_shutdown_callback(lambda: close_connections_and_log(connections, limits))
    async with end_call_on_failure(ctx, attributes):
        if not settings.agent_record_to_cloud:
            # Otherwise the log of a call that never comes to a session would be uploaded.
            ctx.init_recording(
                RecordingOptions(audio=False, traces=False, logs=False, transcript=False)
            )
        overridden = apply_metadata(ctx.job.metadata, settings)
        for line in summary(overridden.problems):
            logger.error("%s", line)
        if overridden.problems:
            attributes.put(PROBLEMS, _as_dicts(overridden.problems), max_bytes=MAX_PROBLEMS_BYTES)
            if settings.agent_on_invalid_override == "reject":
                await _reject(ctx, overridden.problems, attributes)
                return

        def agent() -> MultimodalAgent:
            return _agent(overridden.settings, tools, make_agent)

        await _handle(
            ctx, overridden.settings, attributes, agent, caller_wait_seconds, connections.append
        )


async def close_connections_and_log(
    connections: Sequence[PluginHTTPSession], limits: LogLimits
) -> None:
    """Close the connections, then end the limits of the log, which hold for the last lines of a
    connection, too. LiveKit runs the callbacks of a shutdown at the same time: this is one."""
    try:
        await asyncio.gather(*(each.aclose() for each in connections))
    finally:
        await limits.report()


async def _handle(
    ctx: JobContext,
    settings: Settings,
    attributes: RoomAttributes,
    agent: Callable[[], MultimodalAgent],
    caller_wait_seconds: float,
    on_connection: Callable[[PluginHTTPSession], None],
) -> None:
    # The model and the room take a quarter of a second each, and so does a detector that has not
    # been loaded before: all three at the same time.
    opening = asyncio.create_task(open_websocket(settings.endpoint))
    loading = asyncio.create_task(asyncio.to_thread(load_detector, settings))
    notices = Notices(attributes)
    wire = PluginHTTPSession(
        service_targets(settings),
        opening=opening,
        on_notice=notices.publish,
        gate=create_audio_gate(settings),
    )
    on_connection(wire)

    early_audio = PreConnectAudio(ctx.room)
    caller = await _caller(ctx, caller_wait_seconds)
    await loading
    if caller is None:
        return
    ctx.log_context_fields = {"room": ctx.room.name, "caller": caller.identity}

    session = create_agent_session(settings, wire, telephone=_is_telephone(caller))
    CallEnd(ctx, caller, session, attributes, on_error=notices.tell_lost)
    if settings.agent_turn_taking == PUSH_TO_TALK:
        PushToTalk(session, caller.identity).start(ctx.room.local_participant)
    first_agent = agent()
    early_audio.hand_over()
    await session.start(
        first_agent,
        room=ctx.room,
        room_options=RoomOptions(participant_identity=caller.identity),
        # Upstream's remote control answers anybody in the room: it tells the instructions, the
        # tools and the history, and takes input. Simulations need it. So does the console, which
        # has it whatever is said here.
        session_host=ctx.simulation_context() is not None,
        # Left out, the LiveKit Cloud project decides whether audio and transcripts are uploaded.
        record=settings.agent_record_to_cloud,
    )
    await wait_for_subscriber(session)


def _agent(
    settings: Settings,
    tools: Sequence[Tool | Toolset],
    make_agent: Callable[..., MultimodalAgent],
) -> MultimodalAgent:
    return make_agent(
        instructions=settings.session["instructions"] or load_instructions(settings.agent_persona),
        welcome=settings.agent_welcome,
        verbatim=settings.agent_welcome_verbatim,
        greeting=_stored_greeting(settings),
        tools=list(tools),
    )


def _stored_greeting(settings: Settings) -> Greeting | None:
    audio = settings.agent_greeting_audio
    return load_greeting(Path(audio)) if audio else None


async def _reject(ctx: JobContext, problems: Sequence[Problem], attributes: RoomAttributes) -> None:
    """Say what is wrong where the caller's side can read it, and close the room: a caller is
    not left alone in it."""
    await ctx.connect()
    attributes.put(ENDED, {"reason": "rejected"})
    await attributes.flush()
    metadata = bounded_json({"rejected": _as_dicts(problems)}, MAX_PROBLEMS_BYTES)
    request = api.UpdateRoomMetadataRequest(room=ctx.room.name, metadata=metadata)
    try:
        await send_request(lambda: ctx.api.room.update_room_metadata(request))
    except ApiRequestError as error:
        logger.warning("the room's metadata could not be set: %s", error)
    await end_job(ctx, "the job's metadata was rejected", besides=None)


def _as_dicts(problems: Sequence[Problem]) -> list[dict[str, str | None]]:
    return [bounded_detail(problem.as_dict()) for problem in problems[:MAX_PROBLEMS]]


async def _caller(ctx: JobContext, within: float) -> rtc.RemoteParticipant | None:
    """The first person in the room; ``None`` where this job has none to wait for, and has been
    ended: the room closes, nobody comes in time, or another agent of this name serves it."""
    await ctx.connect()
    earlier = await _earlier_agent(ctx)
    if earlier is not None:
        logger.warning(
            "two dispatches of '%s' in room '%s': '%s' was there first, this one leaves",
            *(ctx.job.agent_name, ctx.room.name, earlier),
        )
        ctx.shutdown("another agent of this name is in the room")
        return None
    try:
        async with asyncio.timeout(within):
            return await ctx.wait_for_participant(kind=PERSON_KINDS)
    except TimeoutError:
        logger.warning("no person joined room '%s' within %g s", ctx.room.name, within)
    except RuntimeError:  # the room has closed
        pass
    ctx.shutdown("no caller came")
    return None


async def _earlier_agent(ctx: JobContext) -> str | None:
    if ctx.is_fake_job():
        return None
    try:
        resumed = json.loads(ctx.job.metadata or "{}")["resumed"]["job"]
    except (ValueError, KeyError, TypeError, RecursionError):
        resumed = ""
    # The agent whose process died may be listed still; this one takes its place.
    ignored = f"agent-{resumed}"
    return await earlier_agent(ctx.api.room, ctx.room, ctx.job.agent_name, ignored=ignored)


def _is_telephone(participant: rtc.Participant) -> bool:
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP


class Notices:
    """Tells the client's side what happened on the wire: an attribute of the agent participant
    for each kind, such as ``agent.response_incomplete``, with a JSON object: that of the latest.
    """

    def __init__(self, attributes: RoomAttributes) -> None:
        self._attributes = attributes
        self._told_of_loss = False

    def publish(self, notice: Notice) -> None:
        self._told_of_loss |= notice.name == CONNECTION_LOST
        self._attributes.put(f"agent.{notice.name}", notice.detail)

    def tell_lost(self, reason: str) -> None:
        """Tell why the connection to the model is gone for good, unless the wire has done so."""
        if not self._told_of_loss:
            self.publish(Notice(CONNECTION_LOST, {"reason": reason}, logging.ERROR))
