"""The session's parameters of the caller's audio: turn detection and transcription."""

from __future__ import annotations

from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA
from agent.realtime.protocol.rules.models import (
    DELAYED_TRANSCRIPTION,
    HINTED_TRANSCRIPTION,
    UNPROMPTED_TRANSCRIPTION,
)
from agent.realtime.protocol.rules.parameter_rules import EVERYWHERE, FLAT, GA, Row, Setting
from agent.realtime.protocol.rules.sources import BETA, LIVE, SPEC
from agent.realtime.protocol.rules.value_types import (
    NOT_EMPTY,
    Flag,
    Group,
    Integer,
    Number,
    Text,
    Texts,
)

_VAD = ("server_vad",)
_SEMANTIC = ("semantic_vad",)

TURN_DETECTION = (
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

TRANSCRIPTION = (
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
