"""What the service refuses, judged by the recorded facts."""

from agent.local.standin.rules.checker import Context, judge_event
from agent.local.standin.rules.refusals import Refusal
from agent.local.standin.rules.schema import Schema, schema_of

__all__ = ["Context", "Refusal", "Schema", "judge_event", "schema_of"]
