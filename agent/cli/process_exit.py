"""How a process that has used LiveKit's native library ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys


class ProcessExit:
    """Ends the process after the handlers of ``atexit``, without finalising the interpreter.

    The library's threads call into Python, with log records for example, and go on doing so
    after its own exit handler. Python before 3.14 ends a thread that calls while the
    interpreter is finalised by unwinding it, Rust forbids that, and a call that went well ends
    with an abort. To be made before LiveKit is imported, so that LiveKit's own exit handler,
    registered later, runs earlier.
    """

    def __init__(self) -> None:
        self.code = 1
        atexit.register(self._exit_now)

    def record(self, end: SystemExit) -> None:
        """Leave with the code that ``end`` carries, as Python itself reads it."""
        self.code = end.code if isinstance(end.code, int) else int(end.code is not None)

    def _exit_now(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # closed, or nobody reads it any more
                stream.flush()
        os._exit(self.code)
