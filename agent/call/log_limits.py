"""Keep a call's log short and free of secrets, whatever the Realtime service sends.

livekit-agents writes a traceback for each event that it cannot use (1.8.9,
``llm/_realtime/openai.py``), and quotes errors whole. One filter on the loggers that speak of a
service passes the first line of each kind, without a traceback, bounded and redacted; a count of
the others follows at the end of the call.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

import aiohttp
from livekit.agents import APIError
from livekit.agents.llm import RealtimeError

from agent.errors import ServiceError, describe
from agent.redaction import bounded, redact

logger = logging.getLogger("agent.call")

LOGGERS = (
    *("agent", "agent.call", "agent.realtime", "agent.worker", "agent.voice"),
    *("livekit", "livekit.agents", "livekit.plugins.openai", "asyncio"),
)
"""By name: a logger's filter sees what is logged with that very logger, and nothing of others."""
MAX_MESSAGE_CHARACTERS = 1000
MAX_TRACEBACK_CHARACTERS = 8000
LINES_A_KIND = {True: 1, False: 10}
"""Lines of a kind that pass in a call: of those that a service causes, and of all others."""

_PLUGIN = "/llm/_realtime/"
"""Where upstream reads what a service sends."""
_OURS = "agent.realtime"
_EVENT = "lk.pii.event"
"""Upstream's extra that holds a whole event."""
_ALL_PASS = frozenset({"reconnected", "reply_lost", "connection_lost"})
"""Notices whose number the retry budget bounds."""
_SUBJECTS = ("setting", "code", "param")
"""Extras that say what a line of ours is about: the setting that a service did not take, the rule
that an event breaks."""
_CAUSED_BY_SERVICE = (APIError, RealtimeError, ServiceError, aiohttp.ClientError)
_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

Kind = tuple[object, ...]


@dataclass(slots=True)
class _Count:
    lines: int
    name: str
    first: str
    all_passed: bool


class LogLimits(logging.Filter):
    """The limits of one call, which has the process to itself."""

    _installed: LogLimits | None = None

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[Kind, _Count] = {}
        self._lock = threading.Lock()

    @classmethod
    def install(cls) -> LogLimits:
        """Begin to limit this process's log, in place of the limits that there were."""
        if cls._installed is not None:
            cls._installed.remove()
        cls._installed = limits = cls()
        for name in LOGGERS:
            logging.getLogger(name).addFilter(limits)
        return limits

    def remove(self) -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            return self._limited(record)
        except Exception as error:  # a log line is never worth a call
            reason = bounded(describe(error), 200)
            record.msg, record.args = f"a log line could not be read: {reason}", ()
            record.exc_info = None
            return True

    def _limited(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        caused = _is_caused_by_service(record, error)
        with self._lock:
            new = _Count(0, record.name, "", _always_passes(record))
            count = self._counts.setdefault(_kind(record, error), new)
            count.lines += 1
            if count.lines > LINES_A_KIND[caused] and not count.all_passed:
                return False
        message = record.getMessage()
        if error is not None and caused:
            message = f"{message}: {describe(error)}"
            record.exc_info = record.exc_text = None
        elif error is not None:
            _bound_traceback(record)
        record.msg, record.args = bounded(message, MAX_MESSAGE_CHARACTERS), ()
        _bound_extras(record)
        count.first = count.first or bounded(message, 200)
        return True

    async def report(self) -> None:
        """Log how many lines did not pass, and end the limits."""
        self.remove()
        with self._lock:
            counts, self._counts = self._counts, {}
        for (*_, caused), count in counts.items():
            more = count.lines - LINES_A_KIND[bool(caused)]
            if more > 0 and not count.all_passed:
                logger.warning("%d more lines of %s like: %s", more, count.name, count.first)


def _always_passes(record: logging.LogRecord) -> bool:
    """Whether ``record`` is of a kind whose number nobody else determines."""
    if record.name.startswith("agent") and record.levelno < logging.WARNING:
        return True
    return _notice(record) in _ALL_PASS or "attempt" in record.__dict__


def _kind(record: logging.LogRecord, error: BaseException | None) -> Kind:
    """What makes two lines alike: where they were written, by our own template or notice, about
    which setting or rule, or by upstream of what error; and at last whether a service causes
    them."""
    ours = record.msg if record.name.startswith("agent") else None
    args = record.args if isinstance(record.args, tuple) else ()
    status = next((each.status for each in args if isinstance(each, ServiceError)), None)
    return (
        *(record.pathname, record.lineno, record.levelno),
        *(ours, status, _notice(record), type(error)),
        *(record.__dict__.get(key) for key in _SUBJECTS),
        _is_caused_by_service(record, error),
    )


def _notice(record: logging.LogRecord) -> str | None:
    return record.__dict__.get("notice")


def _is_caused_by_service(record: logging.LogRecord, error: BaseException | None) -> bool:
    if _is_refusal(record):
        return False
    if _PLUGIN in record.pathname or record.name == _OURS:
        return True
    while error is not None:
        # Upstream's decorator logs from elsewhere what the plugin raised.
        if isinstance(error, _CAUSED_BY_SERVICE) or _is_raised_in_plugin(error):
            return True
        error = error.__cause__
    return False


def _is_refusal(record: logging.LogRecord) -> bool:
    """Whether the worker has refused an event of its own side, which no service causes."""
    return record.name == _OURS and "param" in record.__dict__


def _is_raised_in_plugin(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if _PLUGIN in trace.tb_frame.f_code.co_filename:
            return True
        trace = trace.tb_next
    return False


def _bound_traceback(record: logging.LogRecord) -> None:
    assert record.exc_info
    text = logging.Formatter().formatException(record.exc_info)
    # The end has the error and the place. A secret at the cut is seen whole.
    kept = redact(text[-2 * MAX_TRACEBACK_CHARACTERS :])[-MAX_TRACEBACK_CHARACTERS:]
    if kept != text:
        record.exc_info, record.exc_text = None, kept


def _bound_extras(record: logging.LogRecord) -> None:
    for key in [key for key in record.__dict__ if key not in _PLAIN]:
        value: Any = record.__dict__[key]
        if key == _EVENT:
            record.__dict__[key] = value.get("type") if isinstance(value, dict) else None
        elif not isinstance(value, int | float | bool | None):
            record.__dict__[key] = bounded(str(value))
