from __future__ import annotations

import json
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import AgentSession

from agent.voice.push_to_talk import CANCEL, PRESS, RELEASE, PushToTalk


class Methods:
    """Of a local participant, what takes RPC methods."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def register_rpc_method(self, name: str, handler: Any) -> None:
        self.handlers[name] = handler

    async def call(self, name: str, identity: str) -> Any:
        data = rtc.RpcInvocationData("id", identity, "", 1.0)
        return json.loads(await self.handlers[name](data))


@pytest.mark.parametrize("method", [PRESS, RELEASE, CANCEL])
async def test_button_before_the_session_has_started_is_answered_not_ready(method: str) -> None:
    session: AgentSession[None] = AgentSession()
    methods = Methods()
    PushToTalk(session, "caller").start(cast("rtc.LocalParticipant", methods))
    assert await methods.call(method, "caller") == {"turn": "not ready"}
    assert not session.input.audio_enabled
