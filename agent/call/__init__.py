"""One call: its session, its agent, its lifecycle, its events and what the client reads of it."""

from agent.call.agent import MultimodalAgent
from agent.call.call import Call, Subscriber, handle_call
from agent.call.caller import Caller
from agent.call.events import CallEvents, EventSubscription
from agent.call.info import CallInfo

__all__ = [
    "Call",
    "CallEvents",
    "CallInfo",
    "Caller",
    "EventSubscription",
    "MultimodalAgent",
    "Subscriber",
    "handle_call",
]
