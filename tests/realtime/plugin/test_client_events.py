"""The plugin's events on their way to a service that accepts most of them."""

from __future__ import annotations

import pytest

from tests.kit.scripted_service import Event, scripted


async def test_request_that_lost_a_race_is_sent_again_though_the_service_says_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.plugin.client_events.STALL_SECONDS", 0.3)
    requests: list[Event] = []

    def refuse_first_request(event: Event) -> Event | None:
        if event["type"] != "response.create":
            return None
        requests.append(event)
        code = "conversation_already_has_active_response"
        return {"code": code, "event_id": event["event_id"]} if len(requests) == 1 else None

    async with scripted(refuse_first_request) as service:
        await service.client.send("response.create", event_id="ask")
        await service.until(lambda: len(requests) == 2)
        assert [each["event_id"] for each in requests] == ["ask", "ask"]
        assert service.reported() == ["response_stalled"]
        assert service.client.errors() == []


async def test_plugin_gets_no_refusal_of_a_deletion_that_it_did_not_ask_for() -> None:
    def refuse_deletions(event: Event) -> Event | None:
        if event["type"] != "conversation.item.delete":
            return None
        return {"code": "invalid_value", "event_id": event.get("event_id"), "message": "No."}

    content = [{"type": "output_text", "text": "Hello there, friend"}]
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": content}
    async with scripted(refuse_deletions) as service:
        await service.client.send("conversation.item.create", item=item)
        await service.client.until("conversation.item.added")
        connection = await service.reconnected()
        service.session.record_playback("item_1", "Hello")
        await service.client.send(
            "conversation.item.truncate", item_id="item_1", content_index=0, audio_end_ms=600
        )
        await service.until(lambda: connection.of("conversation.item.delete"))
        await service.client.send("session.update", session={"type": "realtime", "tools": []})
        await service.client.until("session.updated", count=2)
        assert service.client.errors() == []
