"""Faults of the real service, injected on demand, each with a public report of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.errors import LocalError

_GITHUB = "https://github.com/"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault: what it does, where it was reported, and its argument."""

    effect: str
    thread: str
    """The GitHub issue that reports it, as ``owner/name#number``."""
    default: float | None = None
    """The default of its argument; ``None`` if it takes no number."""
    unit: str = ""
    words: tuple[str, ...] = ()
    """The words it takes as argument, instead of a number."""

    @property
    def url(self) -> str:
        repository, _, number = self.thread.partition("#")
        return f"{_GITHUB}{repository}/issues/{number}"


KINDS: dict[str, FaultKind] = {
    "audio-in-text-session": FaultKind(
        "sends audio and its transcript in a text-only session", "livekit/agents#4423"
    ),
    "text-in-audio-session": FaultKind(
        "sends a response as text in an audio session", "livekit/agents#1143"
    ),
    "content-filter": FaultKind(
        "ends a response as incomplete: content_filter", "livekit/agents-js#1128"
    ),
    "close-mid-reply": FaultKind(
        "closes the connection after some audio of each response",
        "livekit/agents#5276",
        3,
        "deltas",
    ),
    "close-after-accept": FaultKind(
        "accepts every connection, then closes it", "livekit/agents#7805", 0, "ms"
    ),
    "stall": FaultKind("does not answer response.create", "livekit/agents#6223"),
    "slow-first-audio": FaultKind(
        "delays the first audio of each response", "aplisay/llm-agent#336", 3000, "ms"
    ),
    "quota": FaultKind(
        "answers response.create with insufficient_quota and closes the connection",
        "livekit/agents#6009",
    ),
    "rate-limit": FaultKind(
        "fails responses with rate_limit_exceeded", "openai/openai-agents-js#1022"
    ),
    "server-error": FaultKind(
        "fails the first response with server_error, or with 'sticky' every response",
        "livekit/agents#6040",
        words=("once", "sticky"),
    ),
    "http-401": FaultKind("refuses the handshake with HTTP 401", "livekit/agents#6352"),
    "http-503": FaultKind("refuses the handshake with HTTP 503", "livekit/agents#3101"),
    "half-open": FaultKind(
        "keeps the connection open, but reads nothing, sends nothing and answers no ping",
        "livekit/agents#3145",
        0,
        "ms after connecting",
    ),
    "expire": FaultKind(
        "ends the session with session_expired", "livekit/agents#1073", 60, "seconds"
    ),
    "reorder": FaultKind("swaps neighbouring events of a response", "openai/openai-agents-js#1778"),
    "duplicate": FaultKind("sends every event of a response twice", "openai/openai-agents-js#1778"),
    "late-event": FaultKind(
        "sends a delta of a response after its response.done", "openai/openai-realtime-embedded#25"
    ),
    "garbage": FaultKind(
        "sends invalid JSON, unknown events and events without their fields",
        "pipecat-ai/pipecat#3677",
    ),
    "echo-differs": FaultKind(
        "shows another voice and silence in session.updated than the client set",
        "dograh-hq/dograh#629",
    ),
    "transcription-failed": FaultKind(
        "fails every transcription, as Azure does if the model is not a deployment",
        "openai/openai-agents-js#297",
    ),
    "refuse-first-update": FaultKind(
        "refuses the first session.update of a session", "livekit/agents#1807"
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """An injected fault. ``amount`` is in the unit of its kind."""

    name: str
    amount: float = 0.0
    word: str = ""

    def __str__(self) -> str:
        argument = self.word or (f"{self.amount:g}" if KINDS[self.name].default is not None else "")
        return f"{self.name}={argument}" if argument else self.name


def parse_fault(text: str) -> Fault:
    """Parse ``NAME`` or ``NAME=ARG``; raise ``LocalError`` if it is not a fault."""
    name, _, argument = text.strip().partition("=")
    kind = KINDS.get(name)
    if kind is None:
        raise LocalError(
            f"There is no fault '{name}'.", "Use one that `agent realtime --faults` lists."
        )
    if kind.words:
        word = argument or kind.words[0]
        if word not in kind.words:
            raise LocalError(
                f"The fault '{name}' takes {' or '.join(kind.words)}, not '{argument}'.",
                f"Use {name}={kind.words[0]}, for example.",
            )
        return Fault(name, word=word)
    if kind.default is None:
        if argument:
            raise LocalError(
                f"The fault '{name}' takes no argument, but got '{argument}'.", f"Use {name}."
            )
        return Fault(name)
    try:
        amount = float(argument) if argument else kind.default
    except ValueError:
        amount = -1
    if not 0 <= amount < float("inf"):
        raise LocalError(
            f"The fault '{name}' takes a number of {kind.unit}, at least 0, not '{argument}'.",
            f"Use {name}={kind.default:g}, for example.",
        )
    return Fault(name, amount)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Parse several faults, separated by commas."""
    return tuple(parse_fault(part) for part in text.split(",") if part.strip())


@dataclass(slots=True)
class Faults:
    """The faults of one session: its own, and the server's, which may change at any time."""

    server: dict[str, Fault]
    own: dict[str, Fault] = field(default_factory=dict)

    def get(self, name: str) -> Fault | None:
        return self.own.get(name) or self.server.get(name)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[Fault]:
        return iter({**self.server, **self.own}.values())


def faults_by_name(faults: Iterable[Fault]) -> dict[str, Fault]:
    return {fault.name: fault for fault in faults}
