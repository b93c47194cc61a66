"""The rules of the service for client events, from the recorded facts."""

from agent.local.standin.rules.checker import Context, check_event
from agent.local.standin.rules.refusals import Refusal
from agent.local.standin.rules.schema import Schema, schema_of

__all__ = ["Context", "Refusal", "Schema", "check_event", "schema_of"]
