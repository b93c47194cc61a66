"""A stored prompt of the service, and the values of its variables: in a session and a response."""

from __future__ import annotations

from agent.realtime.protocol.rules.parameter_rules import GA, Row, Setting
from agent.realtime.protocol.rules.sources import PACKAGE, SPEC
from agent.realtime.protocol.rules.tools import URI
from agent.realtime.protocol.rules.value_types import Either, Entries, Group, Text

_WITH_FILE = ("input_image", "input_file")
_DETAIL = Text(enum=("low", "high", "auto", "original"))

PROMPT = (
    Row(
        "prompt",
        Group(),
        SPEC,
        GA,
        null=True,
        setting=Setting("A stored prompt of the service: its id, or a JSON object."),
    ),
    Row("prompt.id", Text(), SPEC, GA, True),
    Row("prompt.version", Text(), SPEC, GA, null=True),
    Row("prompt.variables", Entries(Either(Text(), Group())), SPEC, GA, null=True),
    Row(
        "prompt.variables.type",
        Text(enum=("input_text", "input_image", "input_file")),
        SPEC,
        GA,
        True,
    ),
    Row("prompt.variables.text", Text(), SPEC, GA, True, when=("input_text",)),
    Row("prompt.variables.detail", _DETAIL, PACKAGE, GA, when=_WITH_FILE),
    Row("prompt.variables.image_url", Text(url=URI), SPEC, GA, null=True, when=("input_image",)),
    Row("prompt.variables.file_id", Text(), SPEC, GA, null=True, when=_WITH_FILE),
    Row("prompt.variables.filename", Text(), SPEC, GA, when=("input_file",)),
    Row("prompt.variables.file_data", Text(), SPEC, GA, when=("input_file",)),
    Row("prompt.variables.file_url", Text(url=URI), SPEC, GA, when=("input_file",)),
    Row("prompt.variables.prompt_cache_breakpoint", Group(), PACKAGE, GA),
)
