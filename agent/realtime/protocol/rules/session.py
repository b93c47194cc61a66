"""The ``session`` of ``session.update``: every parameter, in every dialect, with its source.

This is the one place to add a parameter to. A row with a ``Setting`` can be set by environment,
per call and at run time; tables and help are made of the same rows.
"""

from __future__ import annotations

from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_BETA, OPENAI_GA
from agent.realtime.protocol.rules.models import (
    DELAYED_TRANSCRIPTION,
    HINTED_TRANSCRIPTION,
    REASONING_MODELS,
    UNPROMPTED_TRANSCRIPTION,
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

_VAD = ("server_vad",)
_SEMANTIC = ("semantic_vad",)
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

_TURN_DETECTION = (
    Row(
        "audio.input.turn_detection",
        Group(),
        LIVE,
        null=True,
        note="model_version, which OpenAI's Agents SDK names, is in no schema: a key that the"
        " service does not know costs the whole update",
    ),
    Row(
        "audio.input.turn_detection.type",
        Text(enum=("server_vad", "semantic_vad")),
        LIVE,
        required=True,
        setting=Setting(
            "Who hears the caller's pauses: server_vad, semantic_vad, or none.",
            "server_vad",
            "OPENAI_TURN_DETECT_TYPE",
        ),
    ),
    Row(
        "audio.input.turn_detection.threshold",
        Number(0, 1),
        f"{SPEC}, description; decimals: {LIVE}",
        when=_VAD,
        setting=Setting("How loud speech must be.", 0.5, "OPENAI_TURN_DETECT_THRESHOLD"),
    ),
    Row(
        "audio.input.turn_detection.prefix_padding_ms",
        Integer(0),
        SPEC,
        when=_VAD,
        note="no bounds are documented; less than no time has no meaning",
        setting=Setting(
            "Audio kept from before speech began, in milliseconds.",
            300,
            "OPENAI_TURN_DETECT_PREFIX_MS",
        ),
    ),
    Row(
        "audio.input.turn_detection.silence_duration_ms",
        Integer(0, 60_000),
        SPEC,
        when=_VAD,
        note="defaults of 200 and 500 are documented: it is always sent. No bounds are documented: "
        "a turn that only a minute of silence ends is a call without answers",
        setting=Setting(
            "The pause that ends a turn, in milliseconds.", 500, "OPENAI_TURN_DETECT_SILENCE_MS"
        ),
    ),
    Row(
        "audio.input.turn_detection.idle_timeout_ms",
        Integer(5000, 30000),
        LIVE,
        EVERYWHERE - {AZURE_PREVIEW},
        null=True,
        when=_VAD,
        setting=Setting("Speak up after this many milliseconds in which nobody spoke."),
    ),
    Row(
        "audio.input.turn_detection.create_response",
        Flag(),
        SPEC,
        when=(*_VAD, *_SEMANTIC),
        setting=Setting("Answer by itself at the end of a turn."),
    ),
    Row(
        "audio.input.turn_detection.interrupt_response",
        Flag(),
        SPEC,
        when=(*_VAD, *_SEMANTIC),
        setting=Setting("Stop speaking when the caller does."),
    ),
    Row(
        "audio.input.turn_detection.eagerness",
        Text(enum=("low", "medium", "high", "auto")),
        SPEC,
        when=_SEMANTIC,
        setting=Setting("How soon a turn is taken to be over; auto is medium."),
    ),
)

_TRANSCRIPTION = (
    Row("audio.input.transcription", Group(), SPEC, null=True),
    Row(
        "audio.input.transcription.model",
        NOT_EMPTY,
        LIVE,
        required=True,
        note="the schema has it optional, the service wants it. Any name: the schema's list is"
        " open, new models come before it names them, and on Azure it is a deployment's",
        setting=Setting(
            "Writes down what the caller says, such as gpt-transcribe or whisper-1; none for no"
            " transcript. A deployment on Azure.",
            "gpt-transcribe",
        ),
    ),
    Row(
        "audio.input.transcription.language",
        Text(),
        SPEC,
        excludes="languages",
        setting=Setting("The caller's language, as ISO 639-1."),
    ),
    Row(
        "audio.input.transcription.languages",
        Texts(min_items=1),
        SPEC,
        GA,
        models=HINTED_TRANSCRIPTION,
        excludes="language",
        setting=Setting("The languages that a caller may speak, as ISO 639-1."),
    ),
    Row(
        "audio.input.transcription.keywords",
        Texts(),
        SPEC,
        GA,
        models=HINTED_TRANSCRIPTION,
        setting=Setting("Words that a caller is likely to say."),
    ),
    Row(
        "audio.input.transcription.prompt",
        Text(max_length=1024),
        f"{SPEC}; length: {LIVE}",
        GA,
        not_models=UNPROMPTED_TRANSCRIPTION,
        setting=Setting("What the transcription should know."),
    ),
    Row("audio.input.transcription.prompt", Text(), BETA, FLAT),
    Row(
        "audio.input.transcription.delay",
        Text(enum=("minimal", "low", "medium", "high", "xhigh")),
        LIVE,
        frozenset({OPENAI_GA}),
        models=DELAYED_TRANSCRIPTION,
        note="Azure refuses it",
        setting=Setting("How long the transcription may lag, for accuracy."),
    ),
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
    *_TURN_DETECTION,
    *_TRANSCRIPTION,
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
