"""A handoff to an agent with a model of its own opens another session of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from livekit.agents import Agent, RunContext, function_tool

from agent.local.standin.script import Call, Script, Turn
from agent.realtime.plugin.model import RealtimeModel, realtime_model
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.roomless_session import talking
from tests.kit.scripted_service import ScriptedService, scripted

SCRIPT = Script(
    turns=(
        Turn(hear=("sales please",), call=Call(name="transfer")),
        Turn(hear=("a red one",), say="A red one it is."),
    )
)


class Sales(Agent):
    async def on_enter(self) -> None:
        self.session.generate_reply(user_input="A red one.")


class Reception(Agent):
    @function_tool
    async def transfer(self, context: RunContext[None]) -> Agent:
        """Let sales speak to the caller."""
        model = context.session.llm
        assert isinstance(model, RealtimeModel)
        own = model.with_options(voice="ash", speed=1.2)
        return Sales(instructions="Sell.", llm=own, chat_ctx=context.session.history.copy())


async def test_handoff_to_another_voice_goes_on_with_the_conversation(tmp_path: Path) -> None:
    async with talking(SCRIPT, Reception(instructions="Be kind."), tmp_path=tmp_path) as talk:
        talk.session.generate_reply(user_input="Sales please.")
        await talk.until(lambda: len(talk.seen) == 2 and "A red one it is." in talk.texts())
        await talk.until(lambda: talk.seen[0].closed)
        first, second = talk.seen
        config = second.as_dict()["session"]
        assert (
            config["audio"]["output"] | {"voice": "ash", "speed": 1.2} == config["audio"]["output"]
        )
        assert config["instructions"] == "Sell."
        assert talk.texts("user") == ["Sales please.", "A red one."]
        assert first.as_dict()["session"]["audio"]["output"]["voice"] != "ash"
        assert not first.errors
        assert not second.errors
        assert not second.closed


def types_received(service: ScriptedService) -> list[str]:
    return [event["type"] for each in service.connections for event in each.events]


async def test_each_session_of_a_model_has_a_connection_of_its_own() -> None:
    async with scripted() as service:
        model = realtime_model(service.way.parameters, service.new_session())
        one, two = model.session(), model.session()
        await service.until(lambda: len(service.connections) == 3)
        await one.aclose()
        two.send_event({"type": "response.create"})
        await service.until(lambda: "response.create" in types_received(service))
        service.sessions[-1].roll_over()
        await service.until(lambda: len(service.connections) == 4)
        await service.sessions[-1].aclose()  # as at the end of a job
        await service.until(lambda: not any(each.is_open for each in service.connections[1:]))
        await two.aclose()
        await model.aclose()


@pytest.mark.parametrize(
    ("options", "error"),
    [({"speed": 99}, ValueError), ({"warmth": 1}, TypeError), ({"model": "m"}, TypeError)],
)
async def test_options_that_cannot_be_are_refused(
    options: dict[str, Any], error: type[Exception]
) -> None:
    async with scripted() as service:
        model = realtime_model(with_defaults({}, OPENAI_GA), service.new_session())
        with pytest.raises(error):
            model.with_options(**options)
        detection = model.with_options(turn_detection_type="semantic_vad")
        assert detection.capabilities.turn_detection
