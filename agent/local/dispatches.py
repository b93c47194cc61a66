"""What became of the request for an agent, as the LiveKit server has it."""

from __future__ import annotations

from livekit import api
from livekit.protocol.agent import JobStatus

from agent.call.api_requests import ApiRequestError, send_request
from agent.local.livekit_server import LiveKitAddress


async def why_unanswered(address: LiveKitAddress, room: str, agent_name: str) -> str:
    """A sentence that says why nobody answers in ``room``, and what to do; empty where the server
    does not know."""
    async with api.LiveKitAPI(address.url, address.api_key, address.api_secret) as livekit:
        try:
            dispatches = await send_request(lambda: livekit.agent_dispatch.list_dispatch(room))
        except ApiRequestError:
            return ""
    jobs = [job for dispatch in dispatches for job in dispatch.state.jobs]
    if not dispatches:
        return ""
    if not jobs:
        return (
            f"No worker took the call: none is registered as '{agent_name}', or all are full or"
            " draining. Start one, or see the workers' logs for 'the worker is full'."
        )
    if any(job.state.status == JobStatus.JS_FAILED for job in jobs):
        error = next((job.state.error for job in jobs if job.state.error), "")
        told = f" ({error})" if error else ""
        return f"A worker took the call and failed{told}. Its log says why."
    return ""
