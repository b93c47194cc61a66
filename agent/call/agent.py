"""The agent of a call: a Realtime model bridged to the caller's audio."""

from __future__ import annotations

from typing import Any

from livekit.agents import Agent
from livekit.agents.llm import Tool, Toolset
from livekit.agents.voice import SpeechHandle

from agent.errors import Violation
from agent.realtime.plugin.model import RealtimeSession
from agent.voice.greeting import Greeting

VERBATIM = "Say exactly the following, word for word, and nothing else: "


class MultimodalAgent(Agent):
    """Speaks first, then answers. Tools are LiveKit's ``@function_tool``, as methods of a
    subclass or in ``tools``.

    The successor, for livekit-agents 1.x, of the class of this name in livekit-agents 0.x.
    """

    def __init__(
        self,
        *,
        instructions: str,
        welcome: str = "",
        verbatim: bool = False,
        greeting: Greeting | None = None,
        tools: list[Tool | Toolset] | None = None,
    ) -> None:
        """``welcome`` tells the model what to say first, or with ``verbatim`` is what is said;
        empty, the agent waits for the caller. A stored ``greeting`` takes its place."""
        super().__init__(instructions=instructions, tools=tools or [])
        self._welcome = welcome
        self._verbatim = verbatim
        self._greeting = greeting

    async def on_enter(self) -> None:
        if self._greeting is not None:
            self.session.say(self._greeting.text, audio=self._greeting.frames())
        elif self._welcome and self._verbatim:
            self.say(self._welcome)
        elif self._welcome:
            self.reply(self._welcome)

    def say(self, text: str) -> SpeechHandle:
        """Say ``text`` as it stands: by the TTS where there is one, else by the model, which is
        told to."""
        if self.session.tts is not None:
            return self.session.say(text)
        return self.session.generate_reply(instructions=f"{VERBATIM}{text}")

    def reply(self, instructions: str = "") -> SpeechHandle:
        """Let the model speak now, with ``instructions`` for this once."""
        if instructions:
            return self.session.generate_reply(instructions=instructions)
        return self.session.generate_reply()

    def interrupt(self) -> None:
        """Stop what the agent is saying, and what it was going to say after that."""
        self.session.interrupt()

    def update(self, **parameters: Any) -> list[Violation]:
        """Change the session's parameters now, by the names of docs/parameters.md with ``_`` for
        a dot or as the plugin has them. What is returned was refused, and nothing has changed.
        """
        session = self.realtime_llm_session
        assert isinstance(session, RealtimeSession)
        return session.update_options(**parameters)
