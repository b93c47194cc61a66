"""A caller's transcript may complete before the answer, during it, or after it."""

from __future__ import annotations

import pytest

from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA, Dialect
from tests.kit.plugin_client import SCRIPT
from tests.kit.reconnecting_client import reconnecting_client

COMPLETED = "conversation.item.input_audio_transcription.completed"
ANSWER = SCRIPT.turns[0].say


@pytest.mark.parametrize("dialect", [OPENAI_GA, AZURE_PREVIEW], ids=lambda each: each.name)
@pytest.mark.parametrize("transcript_ms", [0, None, 600])
async def test_reconnect_replays_the_turn_before_its_answer_in_any_order(
    dialect: Dialect, transcript_ms: int | None
) -> None:
    given = {"transcription.model": "whisper-1"}
    async with reconnecting_client(
        dialect=dialect, given=given, transcript_ms=transcript_ms
    ) as line:
        await line.greet()
        await line.speak()
        await line.client.send("response.create", event_id="answer")
        await line.client.until("response.done", count=2)
        await line.client.until(COMPLETED)
        kinds = [event["type"] for event in line.client.events]
        begun, ended = (
            len(kinds) - 1 - kinds[::-1].index(kind)
            for kind in ("response.output_item.added", "response.done")
        )
        place = {0: range(begun), None: range(begun, ended), 600: range(ended, len(kinds))}
        assert kinds.index(COMPLETED) in place[transcript_ms]
        await line.hang_up()
        seen = await line.reconnected()
        assert line.texts() == [SCRIPT.greeting, "hello", ANSWER]
        assert seen.errors == []
