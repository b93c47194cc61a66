"""Where guard and stand-in judge differently on purpose: patterns of the refusal, and why."""

from __future__ import annotations

STRICTER = (
    (r"Missing required parameter: 'response\.input\[\d+\]\.id'", "a reference names something"),
    (r"Invalid value: .* 'auto' and 'none'\.", "any string, to the package; an enum in the schema"),
    (
        r"Invalid type for 'item\.(output|approval_request_id)': .* null",
        "null only for an MCP call, with which the facts' rows are shared",
    ),
    (r"Unknown parameter: '(session|response)\.audio\.output\.voice\.", "a voice has an id"),
    (
        r"Unknown parameter: '(session|response)\.tool_choice\.server_label'",
        "of an MCP server's choice only",
    ),
    (
        r"Missing required parameter: one of '(session|response)\.tool_choice\.function' or",
        "a function's choice names it, in one of two places",
    ),
    (
        r"Unknown parameter: '(session|response)\.tools\[\d+\]\.",
        "keys of another kind of tool",
    ),
    (
        r"Missing required parameter: '(session|response)\.tools\[\d+\]",
        "a function's name, an MCP server's label",
    ),
    (
        r".* '(session|response)\.tools\[\d+\]\.(allowed_tools|require_approval)\.",
        "a filter of a server's tools is open in the facts",
    ),
    (r"Missing required parameter: 'response\.audio\.output\.voice\.id'", "as in a session"),
    (r"Missing required parameter: one of '.*\.server_url'", "an MCP server is somewhere"),
    (r"Invalid '[^']*url'\. Expected a valid URL", "the facts have the format, and no pattern"),
    (r"Missing required parameter: 'item\.(approve|approval_request_id|role|content)", "by kind"),
    (
        r"Missing required parameter: 'item\.(id|server_label|tools|name|arguments)|"
        r".* '?item\.(tools|error)\b|Invalid type for 'item\.name'",
        "what an MCP item is made of is open in the facts",
    ),
    (
        r"Invalid value: '.*'\. Supported values are: 'message', 'function_call', "
        r"and 'function_call_output'|"
        r"Unknown parameter: 'item\.(server_label|approv\w+|reason)'",
        "the flat dialects have no MCP",
    ),
    (
        r".* '(session|response)\.prompt\.variables\.|"
        r".* '(input_text', 'input_image', and 'input_file|low', 'high', 'auto', and 'original)'",
        "open in the facts",
    ),
    (r".* 'protocol_error', 'tool_execution_error', and 'http_error'", "as the rest of MCP items"),
    (r"Unknown parameter: 'item\.content\[\d+\]\.", "keys of another kind of content"),
    (r"Invalid type for 'response': .* null", "taken of other clients; ours leaves it out"),
    (r"Invalid value: 'none'\. .*'semantic_vad'", "taken by azure_preview; ours sends null"),
)
"""Why the guard may refuse what the stand-in takes: places where the facts' rows are looser."""


LOOSER = (
    (
        r"Invalid value: '\d+'\. Value must be '0'\.",
        "which part of an item has audio is the conversation's to know, not the schema's",
    ),
)
"""Why the stand-in may refuse what the guard alone takes."""
