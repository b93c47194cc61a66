"""One job, one room, one call: what it acquires, and what it lets go of."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from livekit import api, rtc
from livekit.agents import JobContext
from livekit.agents.llm import Tool, Toolset
from livekit.agents.voice.room_io import RoomOptions

from agent.ending import CallEnd, ended_if_it_fails
from agent.errors import Problem
from agent.fallback import ways
from agent.instructions import load_instructions
from agent.job_process import give_api
from agent.log_limits import LogLimits
from agent.multimodal import MultimodalAgent
from agent.overrides import summary, take_metadata
from agent.realtime.link import open_socket
from agent.realtime.watch import Notice
from agent.realtime.wire_session import WireSession
from agent.redaction import add_secret, bounded, bounded_detail
from agent.rooms import PERSON_KINDS, close_room
from agent.session import agent_session, local_gate
from agent.settings import Settings
from agent.voice.greeting import Greeting, load_greeting
from agent.voice.listener import until_listened_to
from agent.voice.push_to_talk import PushToTalk
from agent.voice.turn_taking import PUSH_TO_TALK

logger = logging.getLogger("agent.call")

PROBLEMS = "agent.problems"
"""The agent participant's attribute that tells what of the job's metadata does not hold: a JSON
list of objects as `agent check --json` prints them."""
MAX_PROBLEMS = 20
"""Told in the attribute, to stay within LiveKit's 64 KiB."""
MAX_NOTICE_CHARACTERS = 4000
"""Of an attribute that tells of a notice; LiveKit holds 64 KiB of attributes a participant."""


async def handle_call(
    ctx: JobContext, settings: Settings, *, tools: Sequence[Tool | Toolset] = ()
) -> None:
    """Answer the caller of ``ctx``'s room, and see to it that the end of the session is the
    end of the job and of the room. ``tools`` are what the agent may call."""
    give_api(ctx, settings)
    async with ended_if_it_fails(ctx):
        await _handle(ctx, settings, tools)


async def _handle(ctx: JobContext, settings: Settings, tools: Sequence[Tool | Toolset]) -> None:
    for secret in settings.secrets():
        add_secret(secret)
    limits = LogLimits.install()
    ctx.add_shutdown_callback(limits.report)
    overridden = take_metadata(ctx.job.metadata, settings)
    for line in summary(overridden.problems):
        logger.error("%s", line)
    if overridden.problems and settings.agent_on_invalid_override == "reject":
        await _reject(ctx, overridden.problems)
        return
    settings = overridden.settings
    # The model and the room take a quarter of a second each: they are connected side by side.
    opening = asyncio.create_task(open_socket(settings.endpoint))
    notices = Notices(ctx.room)
    wire = WireSession(
        ways(settings),
        opening=opening,
        on_notice=notices.tell,
        gate=local_gate(settings),
    )
    ctx.add_shutdown_callback(wire.aclose)

    caller = await _caller(ctx)
    if caller is None:
        ctx.shutdown("no caller came")
        return
    if overridden.problems:
        await ctx.room.local_participant.set_attributes(_as_attribute(overridden.problems))
    ctx.log_context_fields = {"room": ctx.room.name, "caller": caller.identity}

    session = agent_session(settings, wire, telephone=_is_telephone(caller))
    CallEnd(ctx, caller, session)
    await session.start(
        MultimodalAgent(
            instructions=settings.session["instructions"]
            or load_instructions(settings.agent_persona),
            welcome=settings.agent_welcome,
            verbatim=settings.agent_welcome_verbatim,
            greeting=_stored_greeting(settings),
            tools=list(tools),
        ),
        room=ctx.room,
        room_options=RoomOptions(participant_identity=caller.identity),
    )
    if settings.agent_turn_taking == PUSH_TO_TALK:
        PushToTalk(session, caller.identity).start(ctx.room.local_participant)
    await until_listened_to(session)


def _stored_greeting(settings: Settings) -> Greeting | None:
    audio = settings.agent_greeting_audio
    return load_greeting(Path(audio)) if audio else None


async def _reject(ctx: JobContext, problems: Sequence[Problem]) -> None:
    """Say what is wrong where the caller's side can read it, and close the room: a caller is
    not left alone in it."""
    await ctx.connect()
    attribute = _as_attribute(problems)
    await ctx.room.local_participant.set_attributes(attribute)
    metadata = json.dumps({"rejected": json.loads(attribute[PROBLEMS])})
    request = api.UpdateRoomMetadataRequest(room=ctx.room.name, metadata=metadata)
    await ctx.api.room.update_room_metadata(request)
    await close_room(ctx.api.room, ctx.room.name, besides=None)
    ctx.shutdown("the job's metadata was rejected")


def _as_attribute(problems: Sequence[Problem]) -> dict[str, str]:
    """The attribute that tells of ``problems``, within LiveKit's bound on its length."""
    told = [bounded_detail(problem.as_dict()) for problem in problems[:MAX_PROBLEMS]]
    return {PROBLEMS: json.dumps(told)}


async def _caller(ctx: JobContext) -> rtc.RemoteParticipant | None:
    """The first person in the room; ``None`` where the room closes before one has come."""
    await ctx.connect()
    try:
        return await ctx.wait_for_participant(kind=PERSON_KINDS)
    except RuntimeError:
        return None


def _is_telephone(participant: rtc.Participant) -> bool:
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP


class Notices:
    """Tells the client's side what happened on the wire: an attribute of the agent participant
    for each kind, such as ``agent.response_incomplete``, with a JSON object: that of the latest.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._unsent: dict[str, str] = {}
        self._sending: asyncio.Task[None] | None = None

    def tell(self, notice: Notice) -> None:
        value = json.dumps(notice.detail, default=str)
        if len(value) > MAX_NOTICE_CHARACTERS:
            value = json.dumps({"too_long": bounded(value)})
        self._unsent[f"agent.{notice.name}"] = value
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        """Set what has been told, one request at a time however fast notices come."""
        while self._unsent:
            attributes, self._unsent = self._unsent, {}
            try:
                await self._room.local_participant.set_attributes(attributes)
            except Exception as error:  # the room may be gone; the log has it all the same
                logger.debug("an attribute could not be set: %s", error)
