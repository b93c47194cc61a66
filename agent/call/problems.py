"""Problems of a job's metadata: how the client reads them, and how a call is refused for them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from livekit import api
from livekit.agents import JobContext

from agent.call.api_requests import ApiRequestError, send_request
from agent.call.attributes import RoomAttributes, bounded_json
from agent.call.lifecycle import ENDED, end_job
from agent.config.overrides import summary
from agent.errors import Problem
from agent.redaction import bounded_detail

logger = logging.getLogger("agent.call")

PROBLEMS = "agent.problems"
"""The agent participant's attribute that lists the problems of the job's metadata: a JSON list of
objects as `agent check --json` prints them."""
MAX_PROBLEMS = 20
"""In the attribute; the log has a few and their number."""
MAX_PROBLEMS_BYTES = 16_384


def report_problems(problems: Sequence[Problem], attributes: RoomAttributes) -> None:
    """Log ``problems`` and set the attribute; nothing happens where there are none."""
    for line in summary(problems):
        logger.error("%s", line)
    if problems:
        attributes.put(PROBLEMS, _as_dicts(problems), max_bytes=MAX_PROBLEMS_BYTES)


async def reject_call(
    ctx: JobContext, problems: Sequence[Problem], attributes: RoomAttributes
) -> None:
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
