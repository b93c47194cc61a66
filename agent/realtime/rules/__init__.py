"""The rules of the Realtime API as data, and the judge that holds an event against them.

Pure, and independent of the stand-in's: hand-written to be read beside the project's facts.
"""

from agent.realtime.rules.events import check_event
from agent.realtime.rules.judge import Context

__all__ = ["Context", "check_event"]
