"""A server of the Realtime API that recognizes and synthesizes speech and needs no account.

It replaces the service in the demo, the tests and the benchmarks. Its rules come from the recorded
facts, never from the worker's own rules: a test double that shares the code under test would share
its errors.
"""

from agent.local.standin.options import StandInOptions
from agent.local.standin.server import StandIn

__all__ = ["StandIn", "StandInOptions"]
