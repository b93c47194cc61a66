"""Services that leave out, repeat and reorder: what can be taken is heard, the rest is told."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents.llm import FunctionCallOutput

from agent.call.log_limits import LogLimits
from agent.redaction import add_secret
from tests.kit.odd_service import (
    SOUND,
    Answer,
    Connection,
    Event,
    calling,
    metadata,
)


async def ordinary(connection: Connection, create: Event) -> None:
    await connection.created(**metadata(create))
    await connection.added()
    await connection.words("Hello")
    await connection.words(" there")
    await connection.item_done()
    await connection.done()


async def unannounced_item(connection: Connection, create: Event) -> None:
    await connection.created(**metadata(create))
    await connection.words("Hello")
    await connection.words(" there")
    await connection.done()


async def audio_before_created(connection: Connection, create: Event) -> None:
    await connection.words("Hello")
    await connection.created(**metadata(create))
    await connection.added()
    await connection.words(" there")
    await connection.item_done()
    await connection.done()


async def never_created(connection: Connection, create: Event) -> None:
    await connection.words("Hello")
    await connection.words(" there")
    await connection.item_done()
    await connection.done()


async def never_created_nor_done(connection: Connection, create: Event) -> None:
    await connection.words("Hello")
    await connection.words(" there")


async def audio_after_done(connection: Connection, create: Event) -> None:
    await connection.created(**metadata(create))
    await connection.added()
    await connection.done()
    await connection.words("Hello")
    await connection.words(" there")


async def no_ids(connection: Connection, create: Event) -> None:
    await connection.created(**metadata(create))
    await connection.added()
    for text in ("Hello", " there"):
        await connection.say("response.output_audio_transcript.delta", delta=text)
        await connection.say("response.output_audio.delta", delta=SOUND)
    await connection.say("response.done", response={"status": "completed"})


async def binary_frames(connection: Connection, create: Event) -> None:
    async def raw(frame: str | bytes) -> None:
        await connection._socket.send(frame.encode() if isinstance(frame, str) else frame)

    connection.raw = raw  # type: ignore[method-assign]
    await ordinary(connection, create)


async def everything_twice(connection: Connection, create: Event) -> None:
    once = connection.raw

    async def raw(frame: str | bytes) -> None:
        await once(frame)
        await once(frame)

    connection.raw = raw  # type: ignore[method-assign]
    await ordinary(connection, create)


@pytest.mark.parametrize(
    "answer",
    [
        ordinary,
        unannounced_item,
        audio_before_created,
        never_created,
        never_created_nor_done,
        audio_after_done,
        no_ids,
        binary_frames,
        everything_twice,
    ],
)
async def test_answer_of_an_odd_service_is_heard(answer: Answer) -> None:
    async with calling(answer) as (caller, _):
        await caller.ask()
        # What comes after the end of a response is an answer of its own.
        async with asyncio.timeout(5):
            while " ".join(await caller.texts(3)).strip() != "Hello there":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert caller.heard_ms == 200
        assert not caller.fatal


def constant_id(event: Event) -> Event:
    return {**event, "event_id": "event_TODO"}


def empty_id(event: Event) -> Event:
    return {**event, "event_id": ""}


def no_metadata(event: Event) -> Event:
    event.get("response", {}).pop("metadata", None)
    return event


@pytest.mark.parametrize("change", [constant_id, empty_id, no_metadata])
async def test_answer_with_useless_ids_is_heard(change: Callable[[Event], Event]) -> None:
    began = time.monotonic()
    async with calling(ordinary, change) as (caller, service):
        assert await caller.ask() == "Hello there"
        assert caller.heard_ms == 200
        for _ in range(2):  # LocalAI sends both with the same id, and none of an item
            await service.connections[0].say("input_audio_buffer.speech_started")
            await service.connections[0].say("input_audio_buffer.speech_stopped")
        await caller.ask()
        assert caller.events == ["input_speech_started", "input_speech_stopped"] * 2
    assert time.monotonic() - began < 4


async def test_response_of_the_services_own_is_not_taken_for_the_one_that_was_asked_for() -> None:
    """Without metadata, while the service owes the answer to a turn that it has committed."""

    async def own_first(connection: Connection, create: Event) -> None:
        await connection.say("input_audio_buffer.committed", item_id="turn")
        await connection.answer("Own.", 1)
        await connection.answer("Asked.", 2, **metadata(create))

    async with calling(own_first, turn_detection="server_vad") as (caller, _):
        generation = await caller.session.generate_reply()
        assert generation.response_id == "r2"


async def test_text_alone_in_an_audio_session_is_reported() -> None:
    async def text(connection: Connection, create: Event) -> None:
        await connection.created(**metadata(create))
        await connection.added()
        await connection.say(
            "response.output_text.delta", response_id="r", item_id="i", delta="Hi."
        )
        await connection.item_done()
        await connection.done()

    async with calling(text) as (caller, _):
        assert await caller.ask() == "Hi."
        assert caller.reported("response_without_audio") == [{"has_text": True}]


async def test_rest_of_a_cancelled_answer_is_not_heard() -> None:
    async def cancelled(connection: Connection, create: Event) -> None:
        await connection.created(**metadata(create))
        await connection.added()
        await connection.words("Hello")
        await connection.done(status="cancelled")
        await connection.words(" there")
        await connection.item_done()

    async with calling(cancelled) as (caller, service):
        assert await caller.ask() == "Hello"
        await service.connections[0].say("input_audio_buffer.speech_started")
        while not caller.events:  # noqa: ASYNC110 - the plugin tells nobody
            await asyncio.sleep(0.01)
        assert caller.heard_ms == 100


async def test_call_of_a_tool_with_an_id_that_was_there_is_dropped_and_told() -> None:
    async def calls(connection: Connection, create: Event) -> None:
        await connection.created(**metadata(create))
        for number in range(3):
            call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
            await connection.added(f"i{number}", **call)
            await connection.item_done(f"i{number}", **call)
        await connection.done()

    async with calling(calls) as (caller, _):
        await caller.ask()
        assert caller.calls == ["c"]
        (reported,) = caller.reported("event_dropped")
        assert reported == {"type": "response.output_item.done", "reason": "repeated_call"}
        assert caller.reported("response_without_audio") == []


async def test_response_of_a_repeated_call_alone_is_reported_as_one_without_audio() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}

    async def calls(connection: Connection, create: Event) -> None:
        await connection.created(**metadata(create))
        await connection.added("i1", **call)
        await connection.item_done("i1", **call)
        await connection.done()

    async with calling(calls) as (caller, _):
        await caller.ask()
        assert caller.reported("response_without_audio") == []
        await caller.ask()
        assert caller.calls == ["c"]
        assert caller.reported("response_without_audio") == [{"has_text": False}]


async def test_thousands_of_spoilt_events_are_a_line_a_kind_without_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spoilt: list[dict[str, Any]] = [
        {"type": "response.output_audio.delta", "item_id": "i", "response_id": "r", "delta": "%%%"},
        {"type": "response.output_audio.delta", "item_id": "i", "response_id": "r", "delta": 5},
        {"type": "response.created", "response": "x"},
        {"type": "error", "error": {"message": "of a-key-of-somebody", "type": "x"}},
        {"type": "conversation.item.added", "item": {"id": "i", "type": "message"}},
    ]

    async def flood(connection: Connection, create: Event) -> None:
        await connection.created(**metadata(create))
        await connection.added()
        for number in range(300):
            await connection.raw("nonsense")
            for each in spoilt:
                await connection.raw(json.dumps({**each, "event_id": f"spoilt_{number}"}))
        await connection.words("Hello")
        await connection.item_done()
        await connection.done()

    limits = LogLimits.install()
    try:
        async with calling(flood) as (caller, _):
            assert await caller.ask(8) == "Hello"
    finally:
        await limits.report()
    lines = [record for record in caplog.records if record.levelname != "DEBUG"]
    assert len(lines) < 25
    assert not [record for record in lines if record.exc_info or record.exc_text]
    assert "a-key-of-somebody" not in caplog.text
    assert "299 more lines" in caplog.text


async def test_close_during_a_flood_is_prompt_and_the_loop_is_never_blocked() -> None:
    began = asyncio.Event()

    async def endless(connection: Connection, create: Event) -> None:
        await connection.created(**metadata(create))
        await connection.added()
        for number in itertools.count():
            await connection.raw(
                json.dumps(
                    {
                        "type": "response.output_audio_transcript.delta",
                        "event_id": f"flood_{number}",
                        "response_id": "r",
                        "item_id": "i",
                        "delta": " word",
                    }
                )
            )
            if number % 50 == 0:
                await asyncio.sleep(0)  # it is in the same process as the caller
            if number == 5000:
                began.set()

    async with calling(endless) as (caller, _):
        caller.session.generate_reply().add_done_callback(lambda done: done.exception())
        await asyncio.wait_for(began.wait(), 10)
        longest = 0.0
        for _ in range(20):
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
        closing = time.monotonic()
        await caller.close()
        assert time.monotonic() - closing < 1.5
        assert longest < 0.3


async def test_frames_quoted_in_the_log_show_no_part_of_a_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = "0Key" * 21  # longer than what is left of the quotation after it begins
    add_secret(key)

    async def answer(connection: Connection, create: Event) -> None:
        await connection.raw("x" * 150 + key)
        await connection.raw(json.dumps({"type": "x" * 150 + key, "event_id": "e", "item": []}))
        await ordinary(connection, create)

    async with calling(answer) as (caller, _):
        assert await caller.ask() == "Hello there"
        assert "xxx0Key" not in str(caller.notices)
    assert "what is no event: xxx" in caplog.text
    assert "0Key" not in caplog.text


async def test_stalled_response_is_released_while_other_events_keep_coming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.plugin.client_events.STALL_SECONDS", 0.5)
    chatter: list[asyncio.Task[None]] = []

    async def answer(connection: Connection, create: Event) -> None:
        if chatter:
            await connection.answer("Hello", 2, **metadata(create))
            return
        await connection.created("r1", **metadata(create))  # and no more of it

        async def say_other_things() -> None:
            while True:
                await connection.say("rate_limits.updated", rate_limits=[])
                await connection.say("response.output_text.done", response_id="r0", text="")
                await asyncio.sleep(0.05)

        chatter.append(asyncio.create_task(say_other_things()))

    async with calling(answer) as (caller, _):
        await caller.session.generate_reply()
        await asyncio.wait_for(caller.session.generate_reply(), 3)
        assert caller.reported("response_stalled") == [{"after_ms": 500}]
        chatter[0].cancel()


CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


@pytest.mark.parametrize("announced", [True, False])
async def test_tool_call_without_response_created_is_taken(announced: bool) -> None:
    async def answer(connection: Connection, create: Event) -> None:
        if announced:
            await connection.added("i", **CALL)
        await connection.item_done("i", **CALL)
        await connection.done()

    async with calling(answer) as (caller, _):
        await caller.ask()
        assert caller.calls == ["c"]


async def test_tool_calls_with_a_constant_call_id_are_taken_once_each_is_answered() -> None:
    numbers = itertools.count()

    async def answer(connection: Connection, create: Event) -> None:
        number = next(numbers)
        await connection.created(f"r{number}", **metadata(create))
        for _ in range(2):
            await connection.added(f"i{number}", f"r{number}", **CALL)
            await connection.item_done(f"i{number}", f"r{number}", **CALL)
        await connection.done(f"r{number}")

    async with calling(answer) as (caller, _):
        for number in range(3):
            await caller.ask()
            assert caller.calls == ["c"] * (number + 1)
            context = caller.session.chat_ctx.copy()
            output = FunctionCallOutput(name="f", call_id="c", output="done", is_error=False)
            context.items.append(output)
            await caller.session.update_chat_ctx(context)


@pytest.mark.parametrize("name", [["insufficient_quota"], {}])
async def test_error_whose_code_and_type_are_no_text_reaches_the_plugin(name: Any) -> None:
    async def answer(connection: Connection, create: Event) -> None:
        await connection.say("error", error={"code": name, "type": name, "message": "odd"})
        await ordinary(connection, create)

    async with calling(answer) as (caller, _):
        assert await caller.ask() == "Hello there"
        assert len(caller.errors) == 1


async def test_event_that_raises_is_reported_as_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_for_odd(event: Event) -> str:
        if event["type"] == "odd.event":
            raise TypeError("odd")
        return ""

    monkeypatch.setattr("agent.realtime.plugin.server_events.fatal_error_message", raise_for_odd)

    async def answer(connection: Connection, create: Event) -> None:
        await connection.say("odd.event")
        await ordinary(connection, create)

    async with calling(answer) as (caller, _):
        assert await caller.ask() == "Hello there"
        assert caller.reported("event_dropped") == [{"type": "odd.event", "reason": "malformed"}]


async def test_flood_of_failed_responses_nobody_waits_for_is_not_told() -> None:
    details = {"error": {"code": "server_error", "type": "x", "message": "odd"}}

    async def flood(connection: Connection, create: Event) -> None:
        await ordinary(connection, create)
        for number in range(500):
            await connection.done(f"r{number}", status="failed", status_details=details)
        await connection.created("r2")
        await connection.done("r2", status="failed", status_details=details)

    async with calling(flood) as (caller, _):
        assert (await caller.ask()).strip() == "Hello there"  # r2, if it has begun, says nothing
        async with asyncio.timeout(3):
            while not caller.reported("response_failed"):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert len(caller.reported("response_failed")) == 1
        reasons = [each["reason"] for each in caller.reported("event_dropped")]
        assert sorted(reasons) == ["out_of_place", "too_many"]


async def test_messages_of_many_values_are_not_parsed(caplog: pytest.LogCaptureFixture) -> None:
    many = json.dumps({"type": "odd.event", "values": [0] * 30_000})

    async def flood(connection: Connection, create: Event) -> None:
        for _ in range(3):
            await connection.raw(many)
        await ordinary(connection, create)

    async with calling(flood) as (caller, _):
        assert await caller.ask() == "Hello there"
    assert "3 such messages in all" in caplog.text
