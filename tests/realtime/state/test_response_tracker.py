"""Which responses are requested, in flight and cancelled."""

from __future__ import annotations

from typing import Any

from agent.realtime.state.response_tracker import MAX_OPEN, UNKNOWN, ResponseTracker

OUT_OF_BAND = {"conversation": "none"}


def request(event_id: str, **response: Any) -> dict[str, Any]:
    return {"type": "response.create", "event_id": event_id, "response": response}


def active(*items: str) -> ResponseTracker:
    """A tracker with a response in flight that was requested."""
    responses = ResponseTracker()
    responses.on_request(request("e1", metadata={"a": "b"}))
    responses.on_created({"id": "r1", "metadata": {"a": "b"}})
    for item in items:
        assert responses.add_item("r1", item)
    return responses


def test_request_blocks_others_until_its_response_is_done() -> None:
    responses = ResponseTracker()
    assert not responses.is_pending
    responses.on_request(request("e1"))
    assert responses.is_pending
    responses.on_created({"id": "r1"})
    assert responses.unconfirmed_request is None
    assert responses.request == request("e1")
    assert responses.is_pending
    responses.on_done("r2")
    assert responses.is_pending
    responses.on_done("r1")
    assert not responses.is_pending
    assert responses.request is None


def test_response_without_the_requests_metadata_does_not_answer_it() -> None:
    responses = ResponseTracker()
    responses.on_request(request("e1", metadata={"a": "b"}))
    responses.on_created({"id": "vad"})
    assert responses.unconfirmed_request is not None
    assert responses.request is None


def test_refused_request_blocks_no_longer() -> None:
    responses = ResponseTracker()
    responses.on_request(request("e1"))
    responses.on_refusal("e2")
    assert responses.is_pending
    responses.on_refusal("e1")
    assert not responses.is_pending


def test_out_of_band_response_blocks_nothing_and_can_be_cancelled_by_id() -> None:
    responses = ResponseTracker()
    responses.on_request(request("e1", **OUT_OF_BAND))
    assert not responses.is_pending
    assert responses.is_audio_possible
    responses.on_created({"id": "aside", "conversation_id": None})
    assert responses.out_of_band == ["aside"]
    assert not responses.may_cancel(None)
    assert responses.may_cancel("aside")
    responses.on_cancel("aside")
    assert not responses.is_audio_possible


def test_active_response_is_cancelled_once() -> None:
    responses = active()
    assert responses.may_cancel("r1")
    assert not responses.may_cancel("r2")
    responses.on_cancel(None)
    assert not responses.may_cancel(None)
    responses.on_done("r1")
    assert not responses.is_cancelled


def test_stalled_response_delays_no_request_and_is_known_still() -> None:
    responses = active("i1")
    responses.on_stall()
    assert not responses.is_pending
    assert not responses.may_cancel("r1")
    assert responses.known_active == "r1"
    responses.on_request(request("e2"))
    responses.on_lost_race()
    assert responses.is_pending
    assert responses.active == "r1"


def test_lost_race_leaves_an_unknown_response_that_any_end_ends() -> None:
    responses = ResponseTracker()
    responses.on_request(request("e1"))
    responses.on_lost_race()
    assert (responses.active, responses.known_active) == (UNKNOWN, None)
    responses.on_done("whatever")
    assert not responses.is_pending


def test_connection_lost_ends_every_response_the_active_one_first() -> None:
    responses = ResponseTracker()
    responses.begin("aside", out_of_band=True)
    responses.begin("r1")
    responses.is_owed = True
    assert responses.on_connection_lost() == ["r1", "aside"]
    assert (responses.active, responses.open, responses.is_owed) == (None, {}, False)


def test_items_belong_to_open_responses_and_come_once() -> None:
    responses = active("i1")
    assert not responses.add_item("r1", "i1")
    assert not responses.add_item("r2", "i2")
    assert responses.active_items == ["i1"]
    responses.on_done("r1")
    assert not responses.has_item("i1")


def test_open_responses_are_bounded_and_the_active_one_stays() -> None:
    responses = active()
    for number in range(MAX_OPEN + 5):
        responses.begin(f"aside{number}", out_of_band=True)
    assert len(responses.open) == MAX_OPEN
    assert responses.known_active == "r1"
