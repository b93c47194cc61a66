"""What is dropped, and what is told."""

from __future__ import annotations

import base64
import logging
from typing import Any

from agent.realtime.plugin.response_monitor import ResponseMonitor, setting_differs_notice
from agent.realtime.state.settings_comparison import SettingDifference

SECOND = base64.b64encode(bytes(48_000)).decode()


def test_nothing_that_leaks_into_a_text_session_comes_through() -> None:
    watch = ResponseMonitor(text_only=True)
    leaks: list[dict[str, Any]] = [
        {"type": "response.output_audio.delta", "delta": SECOND},
        {"type": "response.output_audio.done"},
        {"type": "response.output_audio_transcript.delta", "delta": "hello"},
        {"type": "response.output_audio_transcript.done", "transcript": "hello"},
        {"type": "response.content_part.added", "part": {"type": "audio"}},
        {"type": "response.content_part.done", "part": {"type": "output_audio"}},
    ]
    assert not any(watch.should_forward(event) for event in leaks)
    for kind in ("response.output_text.delta", "response.output_item.added", "response.done"):
        assert watch.should_forward({"type": kind})
    assert watch.should_forward({"type": "response.content_part.added", "part": {"type": "text"}})
    assert watch.leaked_audio_ms == 1000


def test_an_audio_session_gets_all_of_it() -> None:
    watch = ResponseMonitor(text_only=False)
    assert watch.should_forward({"type": "response.output_audio.delta", "delta": SECOND})
    assert watch.leaked_audio_ms == 0


def test_a_leak_is_reported_once() -> None:
    watch = ResponseMonitor(text_only=True)
    usage = {"output_token_details": {"audio_tokens": 20}}
    done = {"type": "response.done", "response": {"status": "completed", "usage": usage}}
    for _ in range(2):
        watch.should_forward({"type": "response.output_audio.delta", "delta": SECOND})
    (notice,) = watch.notices(done)
    assert notice.name == "audio_leaked"
    assert notice.detail == {"leaked_audio_ms": 2000, "leaked_audio_tokens": 20}
    watch.should_forward({"type": "response.output_audio.delta", "delta": SECOND})
    assert watch.notices(done) == []
    assert watch.leak_detail() == {"leaked_audio_ms": 3000, "leaked_audio_tokens": 40}


def test_endings_are_reported_apart() -> None:
    watch = ResponseMonitor(text_only=False)

    def reported(**response: object) -> list[tuple[str, object, int]]:
        notices = watch.notices({"type": "response.done", "response": response})
        return [(each.name, dict(each.detail), each.level) for each in notices]

    assert reported(status="cancelled") == []
    assert reported(status="completed") == [
        ("response_without_audio", {"has_text": False}, logging.WARNING)
    ]
    watch.notices({"type": "response.output_audio.delta", "delta": SECOND})
    assert reported(status="completed") == []
    for reason in ("max_output_tokens", "content_filter"):
        details = {"type": "incomplete", "reason": reason}
        assert reported(status="incomplete", status_details=details) == [
            ("response_incomplete", {"reason": reason}, logging.WARNING)
        ]
    error = {"code": "rate_limit_exceeded", "type": "tokens", "message": "Too many."}
    assert reported(status="failed", status_details={"type": "failed", "error": error}) == [
        ("response_failed", error, logging.ERROR)
    ]


def test_an_event_that_is_none_does_no_harm() -> None:
    watch = ResponseMonitor(text_only=True)
    odd: list[Any] = [None, 5, [], {"status": "failed", "status_details": "x", "usage": 3}]
    for response in odd:
        watch.notices({"type": "response.done", "response": response})
    watch.should_forward({"type": "response.output_audio.delta", "delta": 5})
    watch.should_forward({"type": "response.content_part.added", "part": None})
    assert watch.leaked_audio_ms == 0


def test_setting_differs_shows_no_instructions_tools_or_prompts() -> None:
    text = "You are the agent of a bank. Never mention the password."
    tool = {"type": "function", "name": "transfer", "description": text}
    for path, asked, got in (
        ("instructions", text, None),
        ("tools", [tool], []),
        ("prompt", {"id": "p", "variables": {"a": text}}, None),
        ("audio.input.transcription.prompt", text, ""),
        ("audio.output.voice", "marin", text * 2),
    ):
        notice = setting_differs_notice(SettingDifference(path, asked, got))
        assert notice.detail["setting"] == path
        assert "bank" not in f"{notice} {notice.detail}"
    shown = setting_differs_notice(
        SettingDifference("output_modalities", ["text"], ["audio"])
    ).detail
    assert (shown["asked"], shown["got"]) == (["text"], ["audio"])


def test_response_failed_with_a_long_message_is_bounded() -> None:
    error = {"code": "x" * 100_000, "type": {"a": ["y" * 100_000] * 1000}, "message": "z" * 100_000}
    response = {"status": "failed", "status_details": {"error": error}}
    (notice,) = ResponseMonitor(text_only=False).notices(
        {"type": "response.done", "response": response}
    )
    assert len(str(notice)) < 12_000
    assert "(100000 characters)" in notice.detail["message"]
