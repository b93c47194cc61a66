"""What the service refuses, judged by the recorded facts."""

from agent.local.standin.rules.judge import Context, judge_event
from agent.local.standin.rules.refusal import Refusal
from agent.local.standin.rules.schema import Schema, schema_of

__all__ = ["Context", "Refusal", "Schema", "judge_event", "schema_of"]
