"""One call: its session, its agent, its lifecycle and what the client is told of it."""

from agent.call.call import handle_call

__all__ = ["handle_call"]
