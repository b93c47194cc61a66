"""What is done to rooms from outside, by LiveKit's API."""

from __future__ import annotations

import logging

from livekit import api, rtc
from livekit.api.room_service import RoomService

logger = logging.getLogger("agent.call")

PERSON_KINDS = [
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_CONNECTOR,
]
"""Participants that stand for a person; agents, recorders and streams do not."""


async def people(rooms: RoomService, room: str) -> set[str]:
    """Identities of the persons in ``room``; the server is asked, since who has joined in this
    moment is not yet known elsewhere. Raises ``api.ServerError``."""
    # The API and the room count the same kinds, in types of their own.
    kinds = {int(kind) for kind in PERSON_KINDS}
    listed = await rooms.list_participants(api.ListParticipantsRequest(room=room))
    return {each.identity for each in listed.participants if int(each.kind) in kinds}


async def close_room(rooms: RoomService, room: str, *, besides: str | None) -> None:
    """Delete ``room``, unless a person is in it ``besides`` the caller; ``None``: besides the
    one that there may be."""
    try:
        there = await people(rooms, room)
        others = there - {besides} if besides else set(sorted(there)[1:])
        if not others:
            await rooms.delete_room(api.DeleteRoomRequest(room=room))
    except api.ServerError as error:
        if error.code != api.ServerErrorCode.NOT_FOUND:
            logger.warning("the room could not be closed: %s", error.message)
