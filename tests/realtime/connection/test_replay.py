"""What another connection is asked for, and what it is not asked for again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from tests.kit.reconnecting_client import SPEECH, reconnecting_client
from tests.kit.scripted_service import Event, scripted

IMAGE = "data:image/png;base64,iVBORw0KGgo="


def message(item_id: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "user", "content": [content]}


def text(words: str) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


def refusal(event: Event, message: str = "No.", **error: Any) -> Event:
    known = {"type": "invalid_request_error", "code": "invalid_value", "param": None}
    return {**known, "message": message, "event_id": event.get("event_id"), **error}


async def test_settings_changed_while_the_next_connection_waits_are_sent_to_it() -> None:
    async with reconnecting_client() as made:
        await made.client.append(SPEECH)
        made.session.roll_over()
        await made.until(lambda: len(made.seen) == 2 and made.seen[1].sent["session.updated"])
        session = {"type": "realtime", "instructions": "Be brief."}
        await made.client.send("session.update", event_id="handoff", session=session)
        await made.client.until("session.updated", count=2)
        await made.client.send("input_audio_buffer.commit", event_id="commit")
        await made.until(lambda: made.seen[0].closed)
        await made.until(lambda: made.seen[1].as_dict()["session"]["instructions"] == "Be brief.")
        assert made.seen[1].errors == []


async def test_replay_goes_on_after_an_item_that_the_service_refuses() -> None:
    """Later items do not name the refused one as the one before them."""
    items = [message("a", text("one")), message("b", {"type": "input_image", "image_url": IMAGE})]
    items.append(message("c", text("three")))
    async with scripted() as service:
        for item in items:
            await service.client.send("conversation.item.create", item=item)
        await service.client.until("conversation.item.added", count=3)
        known: list[str] = []

        def refuse(event: Event) -> Event | None:
            if event["type"] != "conversation.item.create":
                return None
            before = event.get("previous_item_id")
            if event["item"]["id"] == "b" or before not in (None, "root", *known):
                return refusal(event)
            known.append(event["item"]["id"])
            return None

        service.refuse = refuse
        await service.reconnected()
        await service.until(lambda: known == ["a", "c"])
        assert service.client.errors() == [], "the engine knows nothing of the replay"


async def test_correction_after_a_reconnect_repeats_no_item_of_this_connection() -> None:
    async with reconnecting_client() as made:
        item = await made.greet()
        await made.hang_up()
        seen = await made.reconnected()
        await made.client.send("response.create", event_id="next")
        done = await made.client.until("response.done", count=2)
        own_text = made.texts()[1]
        made.session.record_playback(item, "Hello there,")
        await made.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600
        )
        await made.until(lambda: made.texts() == ["Hello there,", own_text])
        assert seen.received["conversation.item.create"] == 2
        own = done["response"]["output"][0]["id"]
        await made.client.send(
            "conversation.item.truncate", item_id=own, content_index=0, audio_end_ms=100
        )
        await made.client.until("conversation.item.truncated")
        assert seen.errors == []


async def test_refused_item_is_not_replayed() -> None:
    async with scripted(
        lambda event: refusal(event) if event["type"] == "conversation.item.create" else None
    ) as service:
        item = message("a", text("one"))
        await service.client.send("conversation.item.create", event_id="create", item=item)
        await service.client.error("create")
        connection = await service.reconnected()
        assert connection.of("conversation.item.create") == []


async def test_reconnect_drops_an_update_that_was_refused_without_an_event_id() -> None:
    """Nothing in this refusal tells what it refuses; the next connection refuses it again."""

    def refuse(event: Event) -> Event | None:
        rude = event.get("session", {}).get("instructions") == "Rude"
        return refusal(event, event_id=None, code=None) if rude else None

    async with scripted(refuse) as service:
        for event_id, change in (("bad", {"instructions": "Rude"}), ("good", {"tools": []})):
            await service.client.send(
                "session.update", event_id=event_id, session={"type": "realtime", **change}
            )
        await service.client.until("error")
        for _ in range(3):
            connection = await service.reconnected()
        assert connection.session["instructions"] == "Kind"
        assert connection.session["tools"] == []
        assert len(connection.of("session.update")) == 1
        assert "connection_lost" not in service.reported()


async def test_refused_commit_is_not_made_again() -> None:
    async with scripted(
        lambda event: (
            refusal(event, event_id=None, code="input_audio_buffer_commit_empty")
            if event["type"] == "input_audio_buffer.commit"
            else None
        )
    ) as service:
        await service.client.append(bytes(48 * 200))
        await service.client.send("input_audio_buffer.commit", event_id="commit")
        await service.client.until("error")
        connection = await service.reconnected()
        assert connection.of("input_audio_buffer.commit") == []


class FailingOnce:
    """A credential with a defect: the second connection raises what nobody expects."""

    def __init__(self) -> None:
        self._made = 0

    async def headers(self, host: str) -> Mapping[str, str]:
        self._made += 1
        if self._made == 2:
            raise LookupError("no such header")
        return {}

    def is_outdated(self) -> bool:
        return False


async def test_defect_while_reconnecting_is_logged_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted(credential=FailingOnce()) as service:
        await service.newest.socket.close(1001)
        await service.until(lambda: "connection_lost" in service.reported())
        assert "no such header" in str(service.notices[-1])
        assert any(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)


async def test_defect_while_rolling_over_leaves_the_call_on_its_connection(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.realtime.connection.rollover.AGAIN_SECONDS", 0.01)
    async with scripted(credential=FailingOnce()) as service:
        service.session.roll_over()
        await service.until(lambda: len(service.connections) == 2)
        assert "no such header" in caplog.text
