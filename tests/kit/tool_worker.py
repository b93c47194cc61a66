"""A worker's module with a tool, an agent that is no plain function, and a server."""

from __future__ import annotations

from livekit.agents import function_tool
from pydantic import SecretStr

from agent.call import MultimodalAgent
from agent.config.settings import LiveKitSettings, Settings
from agent.server import create_server


@function_tool
async def opening_hours() -> str:
    """When the restaurant is open."""
    return "noon to ten"


TOOLS = [opening_hours]
server = create_server(
    Settings(
        livekit=LiveKitSettings(
            url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr("secret" * 8)
        )
    ),
    agent=lambda call: MultimodalAgent(call),
    tools=TOOLS,
)
