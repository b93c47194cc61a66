"""One job, one room, one call: what it acquires, and what it lets go of."""

from __future__ import annotations

import asyncio
import logging

from livekit import api, rtc
from livekit.agents import AgentSession, CloseEvent, JobContext, TurnHandlingOptions
from livekit.agents.voice.room_io import RoomOptions

from agent.multimodal import MultimodalAgent, load_instructions
from agent.realtime.model import realtime_model
from agent.realtime.wire import WireSession, open_socket
from agent.settings import Settings

logger = logging.getLogger("agent.call")

PERSON_KINDS = [
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
]
"""Participants that stand for a person; agents, recorders and streams do not."""

AEC_WARMUP_SECONDS = 3.0
"""While a browser's echo canceller adapts, the agent does not let its own echo interrupt it.
LiveKit's default. A telephone has none to wait for."""


async def handle_call(ctx: JobContext, settings: Settings) -> None:
    """Answer the caller of ``ctx``'s room, and see to it that the end of the session is the
    end of the job and of the room."""
    # The model and the room take a quarter of a second each: they are connected side by side.
    opening = asyncio.create_task(open_socket(settings.endpoint))
    wire = WireSession(settings.endpoint, settings.session, opening=opening)
    ctx.add_shutdown_callback(wire.aclose)

    caller = await _caller(ctx)
    if caller is None:
        ctx.shutdown("no caller came")
        return
    ctx.log_context_fields = {"room": ctx.room.name, "caller": caller.identity}

    session: AgentSession[None] = AgentSession(
        llm=realtime_model(settings.session, wire),
        vad=None,
        turn_handling=TurnHandlingOptions(turn_detection="realtime_llm"),
        aec_warmup_duration=None if _is_telephone(caller) else AEC_WARMUP_SECONDS,
    )
    end = CallEnd(ctx, caller)
    session.on("close", end.on_session_close)
    await session.start(
        MultimodalAgent(
            instructions=settings.realtime_instructions
            or load_instructions(settings.agent_persona),
            welcome=settings.agent_welcome,
        ),
        room=ctx.room,
        room_options=RoomOptions(participant_identity=caller.identity),
    )


async def _caller(ctx: JobContext) -> rtc.RemoteParticipant | None:
    """The first person in the room; ``None`` where the room closes before one has come."""
    await ctx.connect()
    try:
        return await ctx.wait_for_participant(kind=PERSON_KINDS)
    except RuntimeError:
        return None


def _is_telephone(participant: rtc.Participant) -> bool:
    return participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP


class CallEnd:
    """Ends the job, and the room with it, once the agent session has closed.

    LiveKit does neither by itself: the caller would stay in a room with a silent agent, or in an
    empty one (upstream 1.8.9, defects D1 and D24).
    """

    def __init__(self, ctx: JobContext, caller: rtc.RemoteParticipant) -> None:
        self._ctx = ctx
        self._caller = caller
        self._room = ctx.room.name
        self._rooms = ctx.api.room
        self._ending: asyncio.Task[None] | None = None

    def on_session_close(self, event: CloseEvent) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(event.reason.value))

    async def _end(self, reason: str) -> None:
        logger.info("the session has closed: %s", reason)
        try:
            if not await self._others():
                await self._rooms.delete_room(api.DeleteRoomRequest(room=self._room))
        except api.ServerError as error:
            if error.code != api.ServerErrorCode.NOT_FOUND:
                logger.warning("the room could not be closed: %s", error.message)
        self._ctx.shutdown(reason)

    async def _others(self) -> list[str]:
        """People in the room besides this caller.

        The server is asked: who has joined in this moment is not yet known to the room here.
        """
        # The API and the room count the same kinds, in types of their own.
        kinds = {int(kind) for kind in PERSON_KINDS}
        listed = await self._rooms.list_participants(api.ListParticipantsRequest(room=self._room))
        return [
            participant.identity
            for participant in listed.participants
            if int(participant.kind) in kinds and participant.identity != self._caller.identity
        ]
