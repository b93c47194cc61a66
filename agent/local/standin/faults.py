"""What goes wrong with the real service, on demand, each with a thread that reports it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.errors import LocalError

_GITHUB = "https://github.com/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault that can be asked for."""

    effect: str
    thread: str
    """Where users met it."""
    default: float | None = None
    """Of its argument; ``None`` where it takes none."""
    unit: str = ""
    words: tuple[str, ...] = ()
    """Arguments that are words instead of numbers."""

    @property
    def url(self) -> str:
        repository, _, number = self.thread.partition("#")
        return f"{_GITHUB}{repository}/issues/{number}"


KINDS: dict[str, Kind] = {
    "audio-in-text-session": Kind(
        "audio and its transcript come in a session that asked for text", "livekit/agents#4423"
    ),
    "text-in-audio-session": Kind(
        "an answer comes as text in a session that asked for audio", "livekit/agents#1143"
    ),
    "content-filter": Kind(
        "an answer breaks off as incomplete: content_filter", "livekit/agents-js#1128"
    ),
    "close-mid-reply": Kind(
        "the connection closes after some audio of each answer", "livekit/agents#5276", 3, "deltas"
    ),
    "close-after-accept": Kind(
        "every connection is accepted, then closed", "livekit/agents#7805", 0, "ms"
    ),
    "stall": Kind("no response.create is answered", "livekit/agents#6223"),
    "slow-first-audio": Kind(
        "the first sound of each answer comes late", "aplisay/llm-agent#336", 3000, "ms"
    ),
    "quota": Kind(
        "asked for an answer, it says insufficient_quota and closes", "livekit/agents#6009"
    ),
    "rate-limit": Kind("answers fail as rate_limit_exceeded", "openai/openai-agents-js#1022"),
    "server-error": Kind(
        "an answer fails as server_error: the first one, or with 'sticky' all of the session",
        "livekit/agents#6040",
        words=("once", "sticky"),
    ),
    "http-401": Kind("the handshake is refused with 401", "livekit/agents#6352"),
    "http-503": Kind("the handshake is refused with 503", "livekit/agents#3101"),
    "half-open": Kind(
        "the connection stays open, but nothing is read, written or ponged any more",
        "livekit/agents#3145",
        0,
        "ms after connecting",
    ),
    "expire": Kind("the session ends with session_expired", "livekit/agents#1073", 60, "seconds"),
    "reorder": Kind("neighbouring events of an answer swap places", "openai/openai-agents-js#1778"),
    "duplicate": Kind("every event of an answer comes twice", "openai/openai-agents-js#1778"),
    "late-event": Kind(
        "a delta of an answer comes after its response.done", "openai/openai-realtime-embedded#25"
    ),
    "garbage": Kind(
        "invalid JSON, unknown events and events without their fields come in between",
        "pipecat-ai/pipecat#3677",
    ),
    "echo-differs": Kind(
        "session.updated shows another voice and silence than were asked for",
        "dograh-hq/dograh#629",
    ),
    "transcription-failed": Kind(
        "what the caller says is not transcribed, as on Azure with a model that is no deployment",
        "openai/openai-agents-js#297",
    ),
    "refuse-first-update": Kind(
        "the first session.update of a session is refused", "livekit/agents#1807"
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that has been asked for. ``amount`` is in the kind's unit."""

    name: str
    amount: float = 0.0
    word: str = ""

    def __str__(self) -> str:
        argument = self.word or (f"{self.amount:g}" if KINDS[self.name].default is not None else "")
        return f"{self.name}={argument}" if argument else self.name


def parse_fault(text: str) -> Fault:
    """``NAME`` or ``NAME=ARG``; raises ``LocalError`` for what is not a fault."""
    name, _, argument = text.strip().partition("=")
    kind = KINDS.get(name)
    if kind is None:
        raise LocalError(f"There is no fault '{name}'.", "`agent realtime --faults` lists them.")
    if kind.words:
        word = argument or kind.words[0]
        if word not in kind.words:
            raise LocalError(f"'{name}' takes {' or '.join(kind.words)}, not '{argument}'.")
        return Fault(name, word=word)
    if kind.default is None:
        if argument:
            raise LocalError(f"'{name}' takes no argument, but got '{argument}'.")
        return Fault(name)
    try:
        amount = float(argument) if argument else kind.default
    except ValueError:
        amount = -1
    if not 0 <= amount < float("inf"):
        raise LocalError(f"'{name}' takes a number of {kind.unit}, not '{argument}'.")
    return Fault(name, amount)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Several, with commas between."""
    return tuple(parse_fault(part) for part in text.split(",") if part.strip())


@dataclass(slots=True)
class Faults:
    """Those of one session: its own, and the server's, which may change while it runs."""

    server: dict[str, Fault]
    own: dict[str, Fault] = field(default_factory=dict)

    def get(self, name: str) -> Fault | None:
        return self.own.get(name) or self.server.get(name)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[Fault]:
        return iter({**self.server, **self.own}.values())


def by_name(faults: Iterable[Fault]) -> dict[str, Fault]:
    return {fault.name: fault for fault in faults}
