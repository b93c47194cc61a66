"""A server that speaks the Realtime API, hears and talks, and needs no account.

It stands in for the service in the demo, the tests and the benchmarks. What it knows of the
protocol comes from the recorded facts, never from the worker's own rules: a double that shares
the code under test would be wrong together with it.
"""

from agent.local.standin.options import StandInOptions
from agent.local.standin.server import StandIn

__all__ = ["StandIn", "StandInOptions"]
