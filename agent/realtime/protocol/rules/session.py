"""The ``session`` of ``session.update``: every parameter, in every dialect, with its source.

This is the place to add a parameter to; ``audio_input`` has those of turn detection and
transcription. A row with a ``Setting`` can be set by environment, per call and at run time; tables
and help are made of the same rows.
"""

from __future__ import annotations

from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_BETA
from agent.realtime.protocol.rules.audio_input import TRANSCRIPTION, TURN_DETECTION
from agent.realtime.protocol.rules.models import (
    REASONING_MODELS,
)
from agent.realtime.protocol.rules.parameter_rules import EVERYWHERE, FLAT, GA, Row, Setting
from agent.realtime.protocol.rules.prompt import PROMPT
from agent.realtime.protocol.rules.sources import AZURE, BETA, LIVE, SPEC
from agent.realtime.protocol.rules.tools import TOOL_CHOICE, TOOLS
from agent.realtime.protocol.rules.value_types import (
    NOT_EMPTY,
    Either,
    Flag,
    Group,
    Integer,
    Literals,
    Number,
    Text,
    Texts,
)

GA_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"),
    *("marin", "cedar"),
)
FLAT_VOICES = GA_VOICES[:8]

TEMPERATURE = Number(0.6, 1.2)
OUTPUT_TOKENS = Either(Literals(("inf",)), Integer(1, 4096))
GA_MODALITIES = Texts(combinations=(("audio",), ("text",)))
FLAT_MODALITIES = Texts(combinations=(("text",), ("text", "audio"), ("audio", "text")))
GA_VOICE = Either(Text(known=GA_VOICES), Group())
FLAT_VOICE = Text(known=FLAT_VOICES)
FLAT_FORMAT = Text(enum=("pcm16", "g711_ulaw", "g711_alaw"))
EFFORT = Text(enum=("minimal", "low", "medium", "high"))
EFFORT_NOTE = "xhigh is in the schema only, none is disputed: neither is sent"

_ONLY_REASONING = "Remove it, or use a model that reasons, such as gpt-realtime-2.1."
_NO_TEMPERATURE = "Remove it: the GA API has no temperature, the instructions set the style."


def audio_format(path: str) -> tuple[Row, ...]:
    return (
        Row(path, Group(), LIVE, GA),
        Row(f"{path}.type", Text(enum=("audio/pcm", "audio/pcmu", "audio/pcma")), SPEC, GA, True),
        Row(
            f"{path}.rate",
            Integer(24000, 24000),
            "openai-openapi#513",
            GA,
            True,
            when=("audio/pcm",),
            note="the schema has it optional, the service wants it; G.711 has none",
        ),
        Row(path, FLAT_FORMAT, BETA, FLAT),
    )


REASONING = (
    Row("reasoning", Group(), LIVE, GA, models=REASONING_MODELS),
    Row(
        "reasoning.effort",
        EFFORT,
        SPEC,
        GA,
        note=EFFORT_NOTE,
        setting=Setting("How long the model thinks before it speaks.", lacking=_ONLY_REASONING),
    ),
)
PARALLEL_TOOL_CALLS = Row(
    "parallel_tool_calls",
    Flag(),
    LIVE,
    GA,
    models=REASONING_MODELS,
    setting=Setting("Call several tools at once.", lacking=_ONLY_REASONING),
)

SESSION = (
    Row("type", Text(enum=("realtime",)), LIVE, GA, True),
    Row(
        "model",
        Text(),
        f"{SPEC}; for azure_preview Azure's rtclient and livekit-agents 1.8.9, which state it",
        note="chosen by the URL: another one is refused, the same one left out",
    ),
    Row(
        "instructions",
        Text(),
        SPEC,
        setting=Setting(
            "What the model is asked to be, instead of the persona's instructions.",
            alias="OPENAI_INSTRUCTIONS",
        ),
    ),
    Row(
        "output_modalities",
        GA_MODALITIES,
        LIVE,
        GA,
        setting=Setting("What the model answers in: audio or text."),
    ),
    Row("output_modalities", FLAT_MODALITIES, LIVE, FLAT),
    Row(
        "audio.output.voice",
        GA_VOICE,
        LIVE,
        GA,
        setting=Setting("The voice it speaks with.", "marin", "OPENAI_VOICE"),
    ),
    Row("audio.output.voice.id", NOT_EMPTY, SPEC, GA, True),
    Row(
        "audio.output.voice",
        FLAT_VOICE,
        LIVE,
        FLAT,
        note="3, 8 and 10 voices are documented: the 8 that the beta named",
    ),
    Row(
        "audio.output.speed",
        Number(0.25, 1.5),
        SPEC,
        EVERYWHERE - {AZURE_PREVIEW},
        setting=Setting("How fast it speaks, as a factor."),
    ),
    Row(
        "temperature",
        TEMPERATURE,
        f"lower bound: {LIVE}; upper: {AZURE}",
        FLAT,
        setting=Setting(
            "How freely it words its answers.",
            alias="OPENAI_TEMPERATURE",
            lacking=_NO_TEMPERATURE,
        ),
    ),
    Row(
        "max_output_tokens",
        OUTPUT_TOKENS,
        SPEC,
        note="models with longer answers exist; every schema says 4096",
        setting=Setting("The longest answer in tokens, or inf.", alias="OPENAI_MAX_TOKENS"),
    ),
    *TURN_DETECTION,
    *TRANSCRIPTION,
    Row("audio.input.noise_reduction", Group(), SPEC, null=True, note="strength is not sent"),
    Row(
        "audio.input.noise_reduction.type",
        Text(enum=("near_field", "far_field")),
        SPEC,
        setting=Setting("Filter the caller's noise: near_field, far_field, or none."),
    ),
    *audio_format("audio.input.format"),
    *audio_format("audio.output.format"),
    *TOOLS,
    *TOOL_CHOICE,
    PARALLEL_TOOL_CALLS,
    *REASONING,
    Row(
        "truncation",
        Either(Literals(("auto", "disabled")), Group()),
        SPEC,
        GA,
        setting=Setting("What is forgotten when the conversation is full: auto, disabled, JSON."),
    ),
    Row("truncation.type", Text(enum=("retention_ratio",)), SPEC, GA, True),
    Row("truncation.retention_ratio", Number(0, 1), SPEC, GA, True),
    Row("truncation.token_limits", Group(), SPEC, GA),
    Row("truncation.token_limits.post_instructions", Integer(0), SPEC, GA),
    *PROMPT,
    Row(
        "include",
        Texts(enum=("item.input_audio_transcription.logprobs",)),
        SPEC,
        GA,
        setting=Setting("What else the service is to send."),
    ),
    Row(
        "tracing",
        Either(Literals(("auto",)), Group()),
        SPEC,
        EVERYWHERE - {AZURE_PREVIEW},
        null=True,
        setting=Setting("Trace calls in the service's dashboard: auto, or a JSON object."),
    ),
    Row("tracing.workflow_name", Text(), SPEC, EVERYWHERE - {AZURE_PREVIEW}),
    Row("tracing.group_id", Text(), SPEC, EVERYWHERE - {AZURE_PREVIEW}),
    Row("tracing.metadata", Group(), SPEC, EVERYWHERE - {AZURE_PREVIEW}),
    Row("client_secret", Group(), BETA, frozenset({OPENAI_BETA})),
    Row("client_secret.expires_after", Group(), BETA, frozenset({OPENAI_BETA})),
    Row(
        "client_secret.expires_after.anchor",
        Text(enum=("created_at",)),
        BETA,
        frozenset({OPENAI_BETA}),
        True,
    ),
    Row("client_secret.expires_after.seconds", Integer(10, 7200), BETA, frozenset({OPENAI_BETA})),
)
