"""What is done to rooms from outside, by LiveKit's API."""

from __future__ import annotations

import logging
import time

from livekit import api, rtc
from livekit.agents.types import ATTRIBUTE_AGENT_NAME
from livekit.api.room_service import RoomService
from livekit.protocol.models import ParticipantInfo

from agent.call.api_requests import ApiRequestError, send_request

logger = logging.getLogger("agent.call")

PERSON_KINDS = [
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
]
"""Participants that stand for a person; agents, recorders and streams do not."""


async def list_people(rooms: RoomService, room: str, *, within: float = 0.0) -> set[str]:
    """Identities of the persons in ``room``; the server is asked, since who has joined in this
    moment is not yet known elsewhere. Raises ``ApiRequestError``; ``within`` as for
    ``send_request``."""
    # The API and the room count the same kinds, in types of their own.
    kinds = {int(kind) for kind in PERSON_KINDS}
    listed = await _participants(rooms, room, within)
    return {each.identity for each in listed if int(each.kind) in kinds}


async def close_room(
    rooms: RoomService, room: str, *, besides: str | None, within: float = 0.0
) -> bool:
    """Delete ``room``, unless a person is in it ``besides`` the caller; ``None``: besides the
    one that there may be.

    Try for ``within`` seconds while the API is unreachable or unavailable. Never raises for what
    the API does; returns whether another attempt is pointless.
    """
    deadline = time.monotonic() + within
    try:
        there = await list_people(rooms, room, within=within)
        others = there - {besides} if besides else set(sorted(there)[1:])
        if not others:
            await send_request(
                lambda: rooms.delete_room(api.DeleteRoomRequest(room=room)),
                within=deadline - time.monotonic(),
            )
    except ApiRequestError as error:
        if error.is_not_found:
            return True
        logger.warning("the room '%s' could not be closed: %s", room, error)
        return not error.is_transient
    return True


async def earlier_agent(
    rooms: RoomService, room: rtc.Room, agent_name: str, *, ignored: str = ""
) -> str | None:
    """Identity of an agent called ``agent_name`` that joined ``room`` before this one; ``None``
    if there is none. ``ignored`` is an identity that does not count.

    The API is asked only where the room shows such an agent, since two that join at the same time
    may see each other: the order in which the server took them in decides. Without an answer
    this agent stays.
    """

    def is_rival(participant: rtc.RemoteParticipant | ParticipantInfo) -> bool:
        # A client may set any attribute of its own; its kind comes from its token.
        return (
            int(participant.kind) == int(rtc.ParticipantKind.PARTICIPANT_KIND_AGENT)
            and participant.attributes.get(ATTRIBUTE_AGENT_NAME) == agent_name
            and participant.identity not in (ignored, room.local_participant.identity)
        )

    if not any(is_rival(each) for each in room.remote_participants.values()):
        return None
    try:
        listed = await _participants(rooms, room.name, 0.0)
    except ApiRequestError as error:
        logger.warning("who joined '%s' first is unknown: %s", room.name, error)
        return None
    own = [_arrival(each) for each in listed if each.identity == room.local_participant.identity]
    rivals = sorted(_arrival(each) for each in listed if is_rival(each))
    return rivals[0][-1] if own and rivals and rivals[0] < own[0] else None


def _arrival(participant: ParticipantInfo) -> tuple[int, str]:
    return participant.joined_at_ms or participant.joined_at * 1000, participant.identity


async def _participants(rooms: RoomService, room: str, within: float) -> list[ParticipantInfo]:
    request = api.ListParticipantsRequest(room=room)
    listed = await send_request(lambda: rooms.list_participants(request), within=within)
    return list(listed.participants)
