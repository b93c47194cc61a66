"""Run a scripted call: the greeting, then turns, with the latency of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.errors import LiveKitError
from agent.local.caller import Caller

ANSWER_SECONDS = 20.0
"""An agent that is silent for this long does not answer."""
REPLY_SECONDS = 60.0
"""The longest reply that the caller waits for."""
PAUSE_SECONDS = 0.7
"""Silence that ends a reply: longer than the pauses within generated speech."""
TRANSCRIPT_SECONDS = 3.0
"""How long after the audio a transcript may arrive."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance of the caller and the agent's answer, as transcripts."""

    user: str
    agent: str
    latency_ms: int
    """From the last sample of the caller's speech to the first of the answer, at the caller."""

    def as_dict(self) -> dict[str, Any]:
        return {"user": self.user, "agent": self.agent, "latency_ms": self.latency_ms}


@dataclass(slots=True)
class CallResult:
    """The transcripts and latencies of a call."""

    greeting: str = ""
    greeting_ms: int = 0
    """From joining to the first sound of the agent's voice."""
    turns: list[Turn] = field(default_factory=list)


async def run_call(
    caller: Caller,
    utterances: Sequence[bytes],
    *,
    on_greeting: Callable[[CallResult], None] = lambda _: None,
    on_turn: Callable[[Turn], None] = lambda _: None,
    answer_seconds: float = ANSWER_SECONDS,
) -> CallResult:
    """Wait for the greeting, then say each of ``utterances`` and wait for the whole answer.

    ``utterances`` are PCM at 48 kHz; the greeting may take ``answer_seconds``. Raises
    ``LiveKitError`` if no answer comes.
    """
    result = CallResult()
    greeted = await caller.wait_for_speech(caller.joined_at, answer_seconds)
    if greeted is None:
        raise LiveKitError(
            _describe_silence(caller, answer_seconds), "Look for the reason in the worker's log."
        )
    result.greeting_ms = round((greeted - caller.joined_at) * 1000)
    result.greeting = await _wait_for_reply(caller, caller.joined_at, greeted)
    on_greeting(result)
    for utterance in utterances:
        turn = await run_turn(caller, utterance)
        result.turns.append(turn)
        on_turn(turn)
    return result


async def run_turn(caller: Caller, utterance: bytes) -> Turn:
    """Say ``utterance`` (PCM at 48 kHz) and wait for the whole answer.

    Raises ``LiveKitError`` if no answer comes.
    """
    began = time.monotonic()
    said = await caller.say(utterance)
    answered = await caller.wait_for_speech(said, ANSWER_SECONDS)
    if answered is None:
        raise LiveKitError(_describe_silence(caller), "Look for the reason in the worker's log.")
    words = await _wait_for_reply(caller, began, answered)
    user = caller.transcript(caller.identity, began)
    return Turn(user, words, round((answered - said) * 1000))


async def _wait_for_reply(caller: Caller, since: float, first_sound: float) -> str:
    """Wait until the agent stops speaking; return its transcript since ``since``."""
    await caller.wait_for_silence(PAUSE_SECONDS, REPLY_SECONDS, since=first_sound)
    deadline = time.monotonic() + TRANSCRIPT_SECONDS
    while not (words := caller.transcript(caller.agent_identity() or "", since)):
        if not await caller.wait_for_audio(deadline):
            break
    return words


def _describe_silence(caller: Caller, seconds: float = ANSWER_SECONDS) -> str:
    if caller.disconnected.is_set():
        return "The agent or the server ended the call before an answer came."
    if caller.agent_identity() is None:
        return f"No agent joined the room within {seconds:g} s."
    return f"The agent said nothing for {seconds:g} s."
