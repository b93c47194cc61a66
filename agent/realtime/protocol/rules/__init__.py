"""The rules of the Realtime API as data, and the checker that holds an event against them.

Pure, and independent of the stand-in's: hand-written to be read beside the project's facts.
"""

from agent.realtime.protocol.rules.checker import Context
from agent.realtime.protocol.rules.events import check_event

__all__ = ["Context", "check_event"]
