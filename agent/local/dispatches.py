"""Explain, from the LiveKit server's dispatches, why no agent answered."""

from __future__ import annotations

from livekit import api
from livekit.protocol.agent import JobStatus

from agent.local.livekit_server import LiveKitAddress


async def explain_missing_answer(address: LiveKitAddress, room: str, agent_name: str) -> str:
    """Return why no agent answers in ``room`` and what to do; empty if the server does not know."""
    # Imported here: agent.call registers plugins, which only the main thread may do, and the demo
    # imports this module in another one.
    from agent.call.api_requests import ApiRequestError, send_request

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
            f"No worker accepted the call: none is registered as '{agent_name}', or all are full or"
            " draining. Start one, or look for 'the worker is full' in the workers' logs."
        )
    if any(job.state.status == JobStatus.JS_FAILED for job in jobs):
        error = next((job.state.error for job in jobs if job.state.error), "")
        reason = f" ({error})" if error else ""
        return f"A worker accepted the call and failed{reason}. Look for the reason in its log."
    return ""
