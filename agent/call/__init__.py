"""One call: its session, its agent, its lifecycle and what the client is told of it."""

from agent.call.agent import MultimodalAgent
from agent.call.call import handle_call
from agent.call.caller import Caller
from agent.call.info import CallInfo

__all__ = ["CallInfo", "Caller", "MultimodalAgent", "handle_call"]
