"""The ``response`` of ``response.create``. What it shares with a session is taken from there."""

from __future__ import annotations

from agent.realtime.protocol.rules.parameter_rules import FLAT, GA, Row
from agent.realtime.protocol.rules.prompt import PROMPT
from agent.realtime.protocol.rules.session import (
    FLAT_MODALITIES,
    FLAT_VOICE,
    GA_MODALITIES,
    GA_VOICE,
    OUTPUT_TOKENS,
    PARALLEL_TOOL_CALLS,
    REASONING,
    TEMPERATURE,
    audio_format,
)
from agent.realtime.protocol.rules.sources import AZURE, LIVE, SPEC
from agent.realtime.protocol.rules.tools import TOOL_CHOICE, TOOLS
from agent.realtime.protocol.rules.value_types import NOT_EMPTY, Group, Groups, Labels, Text

RESPONSE = (
    Row("output_modalities", GA_MODALITIES, LIVE, GA),
    Row("output_modalities", FLAT_MODALITIES, LIVE, FLAT),
    Row(
        "instructions",
        Text(),
        SPEC,
        null=True,
        note="livekit-agents 1.8.9 sends null for none, and the service answers",
    ),
    Row("audio.output.voice", GA_VOICE, LIVE, GA),
    Row("audio.output.voice.id", NOT_EMPTY, SPEC, GA, True),
    Row("audio.output.voice", FLAT_VOICE, LIVE, FLAT),
    *audio_format("audio.output.format"),
    *TOOLS,
    *TOOL_CHOICE,
    PARALLEL_TOOL_CALLS,
    *REASONING,
    Row("temperature", TEMPERATURE, AZURE, FLAT),
    Row(
        "max_output_tokens",
        OUTPUT_TOKENS,
        f"{SPEC}; flat: its RealtimeBetaResponseCreateParams, Azure's rtclient,"
        " go-openai-realtime#2",
        flat_name="max_output_tokens",
        note="a flat session calls it max_response_output_tokens, a flat response does not,"
        " against the openai package's request type alone",
    ),
    *PROMPT,
    Row("conversation", Text(enum=("auto", "none")), SPEC),
    Row(
        "metadata",
        Labels(max_keys=16, max_key_length=64, max_length=512),
        f"{SPEC}, description",
        null=True,
    ),
    Row("input", Groups(Group()), SPEC),
)
