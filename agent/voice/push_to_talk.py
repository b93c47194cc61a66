"""The client's buttons: press to speak, release to be answered, cancel to take it back.

Three RPC methods of the agent participant, by the names that LiveKit's own examples use. Only the
caller of this call may use them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

PRESS = "start_turn"
RELEASE = "end_turn"
CANCEL = "cancel_turn"

MIN_PRESS_SECONDS = 0.1
"""A shorter one is a slip of the finger. The service commits no less than 100 ms, and upstream
asks for an answer all the same (1.8.9, defect D15)."""

_NOT_THE_CALLER = 1403
"""Error code of an RPC from somebody else, in the range that LiveKit leaves to applications."""


Handler = Any
"""LiveKit's types let no handler through that is given and not decorated."""


class PushToTalk:
    """Listens only while the caller's button is down."""

    def __init__(self, session: AgentSession[None], caller: str) -> None:
        self._session = session
        self._caller = caller
        self._pressed_at: float | None = None

    def start(self, participant: rtc.LocalParticipant) -> None:
        """Take the caller's buttons; nothing is heard before the first press. May be called before
        the session has started."""
        self._session.input.set_audio_enabled(False)
        for name, act in ((PRESS, self._press), (RELEASE, self._release), (CANCEL, self._cancel)):
            participant.register_rpc_method(name, self._checked(act))

    def _checked(self, act: Callable[[], dict[str, str]]) -> Handler:
        async def handle(data: rtc.RpcInvocationData) -> str:
            if data.caller_identity != self._caller:
                raise rtc.RpcError(_NOT_THE_CALLER, "only the caller of this call may speak")
            if self._session.agent_state == "initializing":
                # Not started yet, or closed again: nothing would listen.
                return json.dumps({"turn": "not ready"})
            return json.dumps(act())

        return handle

    def _press(self) -> dict[str, str]:
        self._session.interrupt()
        self._session.clear_user_turn()
        self._session.input.set_audio_enabled(True)
        self._pressed_at = time.monotonic()
        return {"turn": "started"}

    def _release(self) -> dict[str, str]:
        pressed_at, self._pressed_at = self._pressed_at, None
        self._session.input.set_audio_enabled(False)
        if pressed_at is None or time.monotonic() - pressed_at < MIN_PRESS_SECONDS:
            self._session.clear_user_turn()
            return {"turn": "too short"}
        self._session.commit_user_turn()
        return {"turn": "ended"}

    def _cancel(self) -> dict[str, str]:
        self._pressed_at = None
        self._session.input.set_audio_enabled(False)
        self._session.clear_user_turn()
        return {"turn": "cancelled"}
