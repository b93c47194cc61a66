"""A worker whose service has two answers ready at once; the agent is interrupted in the first."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentStateChangedEvent

from agent.call import MultimodalAgent
from agent.server import create_server, load_worker_settings

PLAYED_SECONDS = 1.5


class TwoReplies(MultimodalAgent):
    async def on_enter(self) -> None:
        self.session.on("agent_state_changed", self._on_state)
        self.reply("Say the first thing.")

    def _on_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            # The service answers by itself, as one with turn detection may.
            model: Any = self.realtime_llm_session
            model.send_event({"type": "response.create"})
            asyncio.get_running_loop().call_later(PLAYED_SECONDS, self.interrupt)


server = create_server(load_worker_settings(), agent=TwoReplies)
