"""The script of what the stand-in says, from a YAML file.

    language: en-us                # an espeak-ng voice
    greeting: Hello, how can I help?
    turns:
      - hear: what are your opening hours      # a phrase, or a list of them
        say: We are open from nine to five.
      - hear: book a table for two
        say: One moment.                       # may be left out
        call: {name: book_table, arguments: {people: 2}}
        then: Your table is booked.            # once the tool has answered
        after_ms: 500                          # think first
      - hear: where is my order
        preamble: Let me look.                 # a message item of its own before `say` or `call`
        say: It arrives tomorrow.              # in the same response
    idle: Are you still there?                 # after the session's idle_timeout_ms
    otherwise: Sorry, could you say that again?

A turn with ``hear`` answers those phrases only. Turns without ``hear`` are used in order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from agent.errors import LocalError


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Call(BaseModel):
    """A tool call: the tool's name and its arguments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Turn(BaseModel):
    """One answer of the script."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hear: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    preamble: str = ""
    """A message item of its own before the reply, in the same response, as models that reason
    send it. ``after_ms`` is then the time between the two."""
    say: str = ""
    call: Call | None = None
    then: str = ""
    after_ms: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _check_content(self) -> Turn:
        if not (self.say or self.call):
            raise ValueError("a turn needs `say` or `call`")
        return self


class Script(BaseModel):
    """All that the stand-in says, and to what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: str = "en-us"
    greeting: str = "Hello, this is the stand-in. How can I help you?"
    turns: tuple[Turn, ...] = ()
    idle: str = "Are you still there?"
    otherwise: str = "I am only a stand-in, but I heard you."

    @property
    def phrases(self) -> tuple[str, ...]:
        """All phrases that the script expects from the caller."""
        return tuple(phrase for turn in self.turns for phrase in turn.hear)

    @property
    def lines(self) -> tuple[str, ...]:
        """All sentences that the script may say."""
        said = [line for turn in self.turns for line in (turn.preamble, turn.say, turn.then)]
        return (self.greeting, *filter(None, said), self.idle, self.otherwise)


def load_script(path: Path) -> Script:
    """Read a script; raise ``LocalError`` with the file, the key and the error if it is invalid."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalError(
            f"The script {path} cannot be read ({error.strerror}).", "Give the path of a YAML file."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LocalError(
            f"The script {path} is not YAML ({' '.join(str(error).split())})."
        ) from None
    try:
        return Script.model_validate(content if content is not None else {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top"
        raise LocalError(f"The script {path} is wrong at {where}: {first['msg']}.") from None
