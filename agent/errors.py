"""Every exception a user can meet.

AgentError                 one line for people, and an exit code
├── SettingsError          the settings are wrong; holds every problem found (exit 2)
├── ServiceError           the Realtime service refused or could not be reached
└── LocalError             a part on this machine could not be had or started
    └── LiveKitError       the LiveKit server refused or could not be reached
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the Realtime service that an event or a setting breaks.

    The fields are those of the service's own ``error`` event, so that what is printed here can
    be looked up there.
    """

    code: str | None
    param: str | None
    message: str
    type: str = "invalid_request_error"
    at: str | None = field(default=None, compare=False)
    """The place it is about, where ``param`` does not say: for some rules the service does not."""

    @property
    def place(self) -> str | None:
        return self.at or self.param


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the settings, and what to do about it."""

    violation: Violation
    setting: str
    """The name it came from, such as ``REALTIME_TEMPERATURE``; empty if none did."""
    source: str
    """Where that name was set: ``environment``, a file's name, ``default``; empty if nowhere."""
    fix: str
    summary: str = ""
    """For people: the value and the rule, in place of the violation's own message."""

    def __str__(self) -> str:
        return f"{self.explanation} {self.fix}".rstrip()

    @property
    def explanation(self) -> str:
        """The value, the rule and the origin, in one sentence."""
        message = self.summary or self.violation.message
        if self.setting and self.setting not in message:
            message = f"{self.setting}: {message}"
        stop = message[-1:] if message.endswith((".", "!", "?")) else "."
        origin = f" ({_origin(self.source)})" if self.source else ""
        if stop == ".":
            return f"{message.removesuffix('.')}{origin}."
        return f"{message}{origin}"

    def as_dict(self) -> dict[str, str | None]:
        """The object that ``--json`` prints."""
        return {
            "code": self.violation.code,
            "type": self.violation.type,
            "param": self.violation.param,
            "message": self.violation.message,
            "setting": self.setting,
            "source": self.source,
            "fix": self.fix,
            "explanation": self.explanation,
        }


def _origin(source: str) -> str:
    """``source`` of a problem in words."""
    if source == "default":
        return "the default"
    if source == "job metadata":
        return "set in the job's metadata"
    if source.startswith("environment"):
        return f"set in the {source.replace(',', '')}"
    return f"set with {source}" if source == "--set" else f"set in {source}"


class AgentError(Exception):
    """Base of all: ``str()`` is one line that names the value, the rule and what to do."""

    exit_code = 1


class SettingsError(AgentError):
    """One or more settings are wrong. ``problems`` holds all of them, not the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class ServiceError(AgentError):
    """The Realtime service could not be reached, or refused the connection."""

    def __init__(self, host: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(host, reason, status)
        self.host = host
        self.reason = reason
        self.status = status
        """HTTP status of a refused handshake or WebSocket close code; ``None`` if neither."""

    def __str__(self) -> str:
        status = f" ({self.status})" if self.status is not None else ""
        return f"Realtime service at {self.host}{status}: {self.reason}"


class LocalError(AgentError):
    """A part on this machine could not be had or started. ``fix`` says what to do."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what, fix)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.what} {self.fix}".rstrip()


class LiveKitError(LocalError):
    """The LiveKit server could not be reached, or did not accept the key."""


def describe(error: BaseException) -> str:
    """``error`` in a line, with the place that raised it instead of a traceback."""
    places = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    return f"{type(error).__name__}: {error}{place}"
