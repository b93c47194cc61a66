"""The agent of a call: a Realtime model bridged to the caller's audio."""

from __future__ import annotations

from typing import Any

from livekit.agents import Agent
from livekit.agents.voice import SpeechHandle

from agent.call.info import CallInfo
from agent.errors import Violation
from agent.realtime.plugin.model import RealtimeSession

VERBATIM = "Say exactly the following, word for word, and nothing else: "


class MultimodalAgent(Agent):
    """Speaks first, then answers. Tools are LiveKit's ``@function_tool``, as methods of a
    subclass or in ``tools``.

    The successor, for livekit-agents 1.x, of the class of this name in livekit-agents 0.x.
    """

    def __init__(self, call: CallInfo, **options: Any) -> None:
        """``options`` are those of LiveKit's ``Agent``. They take the place of what ``call``
        gives: ``instructions`` and ``tools``."""
        given = {"instructions": call.instructions, "tools": list(call.tools), **options}
        super().__init__(**given)
        self.call = call
        self._greeting = call.load_greeting()

    async def on_enter(self) -> None:
        if self._greeting is not None:
            self.session.say(self._greeting.text, audio=self._greeting.frames())
        elif self.call.welcome and self.call.is_welcome_verbatim:
            self.say(self.call.welcome)
        elif self.call.welcome:
            self.reply(self.call.welcome)

    def say(self, text: str) -> SpeechHandle:
        """Say ``text`` as it stands: by the TTS if there is one, else by the model on request."""
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
