"""A worker whose jobs are threads of its own process, with an agent that is a closure."""

from __future__ import annotations

from livekit.agents import JobExecutorType

from agent.call import MultimodalAgent
from agent.server import create_server, load_worker_settings

server = create_server(
    load_worker_settings(),
    agent=lambda call: MultimodalAgent(call, instructions=f"You are in {call.room}."),
    job_executor_type=JobExecutorType.THREAD,
)
