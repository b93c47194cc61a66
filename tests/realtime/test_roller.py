"""A session is moved to another connection before the service ends it."""

from __future__ import annotations

import asyncio
import time

from tests.realtime.holding import SPEECH, held_line
from tests.realtime.wired import SCRIPT


async def test_d2_d3_a_session_is_moved_before_it_expires_in_a_quiet_moment() -> None:
    async with held_line("expire=4", pace=2) as made:
        made.stand_in.faults.clear()
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.output_audio.delta")
        await made.client.until("response.done")
        ended = time.monotonic()
        assert len(made.seen) == 1, "it was moved inside a reply"
        await made.until(lambda: len(made.seen) == 2 and made.seen[0].closed)
        assert time.monotonic() - ended < 3
        assert made.texts() == [SCRIPT.greeting]
        await made.client.send("response.create", event_id="next")
        await made.client.until("response.done", count=2)
        assert made.client.errors() == []
        assert "connection_lost" not in made.told()


async def test_a_hard_limit_moves_it_within_a_reply() -> None:
    async with held_line("expire=2", pace=0.5) as made:
        made.stand_in.faults.clear()
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.output_audio.delta")
        lost = await made.client.until("response.done")
        assert lost["response"]["status"] == "cancelled"
        await made.until(lambda: made.seen[0].closed)
        assert made.client.errors() == []
        await made.client.send("response.create", event_id="next")
        await made.until(lambda: made.seen[-1].received["response.create"] == 1)


async def test_a_session_is_moved_on_demand_with_the_sentence_that_is_being_said() -> None:
    async with held_line() as made:
        made.session.roll_over()
        await made.until(lambda: len(made.seen) == 2 and made.seen[0].closed)
        await made.client.append(SPEECH)
        made.session.roll_over()
        await asyncio.sleep(0.5)
        assert not made.seen[1].closed, "it was moved inside the caller's sentence"
        await made.client.send("input_audio_buffer.commit", event_id="commit")
        await made.until(lambda: made.seen[1].closed)
        assert made.texts() == ["hello"]
