"""Single rules: what is refused, at which place, and what near it is taken."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from agent.realtime.protocol.dialects import DIALECTS, to_service
from agent.realtime.protocol.rules import Context
from agent.realtime.validation.guard import Guard

Event = dict[str, Any]

SERVER: Event = {"type": "mcp", "server_label": "s", "server_url": "https://mcp.example/sse?a=b"}
LISTED: Event = {
    "type": "mcp_list_tools",
    "server_label": "s",
    "tools": [{"name": "t", "input_schema": {}, "annotations": None, "description": None}],
}
CALLED: Event = {
    "type": "mcp_call",
    "id": "mcp_1",
    "server_label": "s",
    "name": "t",
    "arguments": "{}",
    "output": None,
    "error": {"type": "tool_execution_error", "message": "m"},
}
ASKED: Event = {
    "type": "mcp_approval_request",
    "id": "mcpr_1",
    "server_label": "s",
    "name": "t",
    "arguments": "{}",
}
ANSWERED: Event = {
    "type": "mcp_approval_response",
    "approval_request_id": "mcpr_1",
    "approve": True,
    "reason": None,
}
CLAUSE: Event = {"type": "input_text", "text": "x"}


def judged(event: Event, dialect: str = "openai_ga") -> list[str | None]:
    """The places at which ``event``, in GA, breaks a rule of ``dialect``."""
    said = to_service(copy.deepcopy(event), DIALECTS[dialect])
    found = Guard(DIALECTS[dialect], Context("gpt-realtime-2.1")).check(said)
    return [violation.place for violation in found]


def update(**session: Any) -> Event:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def tool(**changes: Any) -> Event:
    return update(tools=[{key: v for key, v in {**SERVER, **changes}.items() if v != "absent"}])


def item(body: Event, **changes: Any) -> Event:
    body = {key: v for key, v in {**body, **changes}.items() if v != "absent"}
    return {"type": "conversation.item.create", "item": body}


def image(url: str) -> Event:
    part = {"type": "input_image", "image_url": url}
    return item({"type": "message", "role": "user", "content": [part]})


def truncate(index: Any, end_ms: int = 10) -> Event:
    fields = {"item_id": "item_1", "content_index": index, "audio_end_ms": end_ms}
    return {"type": "conversation.item.truncate", **fields}


@pytest.mark.parametrize(
    "event",
    [
        update(tool_choice={"type": "mcp", "server_label": "s", "name": "t"}),
        update(tool_choice={"type": "mcp", "server_label": "s", "name": None}),
        update(tool_choice={"type": "mcp", "server_label": "s"}),
        update(audio={"input": {"transcription": {"model": "gpt-transcribe-2027"}}}),
        tool(),
        tool(server_url="absent", connector_id="connector_gmail"),
        tool(server_url="absent", tunnel_id=f"tunnel_{'a1' * 16}"),
        tool(server_url="http://[::1]:8000/%7Esse", allowed_tools={"read_only": True}),
        tool(allowed_tools=["t"], require_approval="never"),
        tool(require_approval={"always": {"tool_names": ["t"]}, "never": {"read_only": True}}),
        item(LISTED),
        item(CALLED),
        item(CALLED, error=None),
        item(CALLED, error={"type": "http_error", "code": 500, "message": "m"}),
        item(ASKED),
        item(ANSWERED),
        image("data:image/png;base64,iVBORw0KGgo="),
        update(prompt={"id": "p", "variables": {"a": "x", "b": CLAUSE}}),
        update(prompt={"id": "p", "variables": {"a": {"type": "input_image", "file_id": None}}}),
        truncate(1),
        truncate(0, 0),
    ],
)
def test_ga_takes(event: Event) -> None:
    assert judged(event) == []


@pytest.mark.parametrize(
    ("event", "place"),
    [
        (update(tool_choice={"type": "function"}), "session.tool_choice.name"),
        (
            update(tool_choice={"type": "function", "name": "t", "server_label": "s"}),
            "session.tool_choice.server_label",
        ),
        (tool(server_url="absent"), "session.tools[0].server_url"),
        (tool(server_url="mcp.example/sse"), "session.tools[0].server_url"),
        (tool(server_url="https://mcp example"), "session.tools[0].server_url"),
        (tool(server_url="https://mcp.example/%zz"), "session.tools[0].server_url"),
        (tool(server_url="https://"), "session.tools[0].server_url"),
        (tool(server_url="file:///etc/passwd"), "session.tools[0].server_url"),
        (tool(allowed_tools={"names": ["t"]}), "session.tools[0].allowed_tools.names"),
        (tool(allowed_tools={"tool_names": "t"}), "session.tools[0].allowed_tools.tool_names"),
        (tool(require_approval={"ever": {}}), "session.tools[0].require_approval.ever"),
        (
            tool(require_approval={"never": {"read_only": "yes"}}),
            "session.tools[0].require_approval.never.read_only",
        ),
        (item(LISTED, server_label="absent"), "item.server_label"),
        (item(LISTED, tools="absent"), "item.tools"),
        (item(LISTED, tools=[{"name": "t"}]), "item.tools[0].input_schema"),
        (item(LISTED, tools=[{"name": 1, "input_schema": {}}]), "item.tools[0].name"),
        (item(CALLED, id="absent"), "item.id"),
        (item(CALLED, server_label="absent"), "item.server_label"),
        (item(CALLED, arguments={}), "item.arguments"),
        (item(CALLED, error={"type": "http_error", "message": "m"}), "item.error.code"),
        (item(CALLED, error={"type": "odd", "message": "m"}), "item.error.type"),
        (item(ASKED, id="absent"), "item.id"),
        (item(ASKED, name="absent"), "item.name"),
        (item(ASKED, server_label=1), "item.server_label"),
        (image("iVBORw0KGgo="), "item.content[0].image_url"),
        (image("data:"), "item.content[0].image_url"),
        (update(prompt={"id": "p", "variables": {"a": 1}}), "session.prompt.variables.a"),
        (
            update(prompt={"id": "p", "variables": {"a": {"type": "input_text"}}}),
            "session.prompt.variables.a.text",
        ),
        (
            update(
                audio={"input": {"turn_detection": {"type": "server_vad", "model_version": "1"}}}
            ),
            "session.audio.input.turn_detection.model_version",
        ),
        (truncate(-1), "content_index"),
        (truncate(0, -1), "audio_end_ms"),
        (update(instructions="\ud83d"), "session.instructions"),
        (update(include=["\ud83d"]), "session.include[0]"),
    ],
)
def test_ga_refuses(event: Event, place: str) -> None:
    assert judged(event) == [place]


@pytest.mark.parametrize("dialect", ["openai_beta", "azure_preview"])
@pytest.mark.parametrize(
    "event",
    [
        update(tool_choice={"type": "function", "name": "t"}),
        update(tool_choice={"type": "function", "function": {"name": "t"}}),
        update(model="gpt-4o-realtime-preview"),
        update(audio={"input": {"turn_detection": {"threshold": 0.5}}}),
        update(audio={"input": {"turn_detection": {"eagerness": "low"}}}),
        update(audio={"input": {"format": {"type": "audio/pcm", "rate": 24000}}}),
        {"type": "response.create", "response": {"max_output_tokens": 100}},
        {
            "type": "response.create",
            "response": {
                "input": [
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "x"}],
                    }
                ]
            },
        },
    ],
)
def test_flat_dialects_take(event: Event, dialect: str) -> None:
    assert judged(event, dialect) == []


@pytest.mark.parametrize("dialect", ["openai_beta", "azure_preview"])
@pytest.mark.parametrize(
    ("event", "place"),
    [
        (update(tool_choice={"type": "function"}), "session.tool_choice.function"),
        (
            update(tool_choice={"type": "function", "name": "t", "strict": True}),
            "session.tool_choice.strict",
        ),
        (item(LISTED), "item.type"),
        (item(ANSWERED), "item.type"),
        (update(type="transcription"), "session.type"),
        (
            update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
            "session.input_audio_format",
        ),
        (
            update(audio={"output": {"format": {"type": "audio/pcmu", "rate": 8000}}}),
            "session.output_audio_format",
        ),
        (
            {"type": "response.create", "response": {"max_response_output_tokens": 100}},
            "response.max_response_output_tokens",
        ),
    ],
)
def test_flat_dialects_refuse(event: Event, place: str, dialect: str) -> None:
    assert judged(event, dialect)[0] == place


def test_a_client_secret_of_the_beta_needs_its_anchor() -> None:
    def secret(**fields: Any) -> Event:
        return update(client_secret={"expires_after": fields})

    anchor = "session.client_secret.expires_after.anchor"
    assert judged(secret(seconds=60), "openai_beta") == [anchor]
    assert judged(secret(anchor="now"), "openai_beta") == [anchor]
    assert judged(secret(anchor="created_at", seconds=60), "openai_beta") == []


@pytest.mark.parametrize(
    ("audio", "place"),
    [
        ({"input": {"transcription": {"model": ""}}}, "input.transcription.model"),
        ({"output": {"voice": {"id": ""}}}, "output.voice.id"),
        *(
            ({"input": {"turn_detection": {"type": "server_vad", key: value}}}, place)
            for key, value in (
                ("prefix_padding_ms", -1),
                ("silence_duration_ms", -1),
                ("silence_duration_ms", 60_001),
            )
            for place in [f"input.turn_detection.{key}"]
        ),
    ],
)
def test_empty_names_and_durations_without_meaning_are_refused(audio: Event, place: str) -> None:
    assert judged(update(audio=audio)) == [f"session.audio.{place}"]
