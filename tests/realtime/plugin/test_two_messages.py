"""A response with two message items, the first a preamble (livekit/agents#5684), interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
from livekit.agents import Agent

from agent.local.standin.script import Script, Turn
from tests.kit.roomless_session import Talk, talking

PREAMBLE = "Let me look that up for you, it takes only a moment."
ANSWER = "Your order arrives tomorrow in the morning, between nine and eleven."
SCRIPT = Script(turns=(Turn(preamble=PREAMBLE, say=ANSWER),))
SHORT = "Let me look."


def messages(talk: Talk) -> list[str]:
    """The ids of the agent's messages that the newest connection holds."""
    return [item["id"] for item in talk.items() if item.get("role") == "assistant"]


async def interrupted(talk: Talk, message: int) -> None:
    """Ask, and interrupt in that message of the answer while the service has two of them."""
    talk.session.generate_reply(user_input="Where is my order?")
    await talk.until(lambda: talk.loudspeaker.segments == message and len(messages(talk)) == 2)
    await talk.until(lambda: talk.loudspeaker.position_ms >= 500)
    await talk.session.interrupt()
    await talk.until(lambda: talk.seen[0].received["conversation.item.truncate"] == 1)


def heard_ms(talk: Talk, item_id: str) -> float:
    found: float = talk.seen[0].as_dict()["heard_ms"][item_id]
    return found


async def replayed(talk: Talk) -> list[str]:
    """What another connection is told of the agent's words."""
    before = len(talk.seen)
    talk.http_session.roll_over()
    await talk.until(lambda: len(talk.seen) > before and talk.seen[before - 1].closed)
    return talk.texts()


@pytest.mark.parametrize("pace", [50.0, 3.0], ids=["generated", "being generated"])
async def test_interruption_in_the_first_message_deletes_the_second(
    pace: float, tmp_path: Path
) -> None:
    async with talking(
        SCRIPT, Agent(instructions="Be kind."), pace=pace, tmp_path=tmp_path
    ) as talk:
        await interrupted(talk, 1)
        await talk.until(lambda: len(messages(talk)) == 1)
        (first,) = messages(talk)
        assert heard_ms(talk, first) == pytest.approx(talk.loudspeaker.played_ms[0], abs=50)
        (said,) = await replayed(talk)
        assert PREAMBLE.startswith(said)
        assert 0 < len(said) < len(PREAMBLE)
        assert talk.seen[0].errors == talk.seen[1].errors == []


async def test_interruption_in_the_second_message_keeps_the_first(tmp_path: Path) -> None:
    script = Script(turns=(Turn(preamble=SHORT, say=ANSWER),))
    async with talking(script, Agent(instructions="Be kind."), tmp_path=tmp_path) as talk:
        await interrupted(talk, 2)
        for item_id, played_ms in zip(messages(talk), talk.loudspeaker.played_ms, strict=True):
            assert heard_ms(talk, item_id) == pytest.approx(played_ms, abs=50)
        preamble, said = await replayed(talk)
        assert preamble == SHORT
        assert ANSWER.startswith(said)
        assert 0 < len(said) < len(ANSWER)
        assert talk.seen[0].errors == talk.seen[1].errors == []
