"""End a process that has used LiveKit's native library."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys


class ProcessExit:
    """Ends the process after the ``atexit`` handlers, without finalizing the interpreter.

    The library's threads call into Python, for example with log records, even after its own exit
    handler. Python before 3.14 unwinds a thread that calls while the interpreter is finalized;
    Rust forbids that and aborts the process. Create this before LiveKit is imported, so that
    LiveKit's own exit handler, registered later, runs earlier.
    """

    def __init__(self) -> None:
        self.code = 1
        atexit.register(self._exit_now)

    def record(self, end: SystemExit) -> None:
        """Exit with the code of ``end``, as Python interprets it."""
        self.code = end.code if isinstance(end.code, int) else int(end.code is not None)

    def _exit_now(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # closed at this end or the other
                stream.flush()
        os._exit(self.code)
