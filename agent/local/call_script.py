"""A whole call by the calling party: greeting, turns, and how long each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.errors import LiveKitError
from agent.local.caller import Caller

ANSWER_SECONDS = 20.0
"""An agent that has said nothing for so long does not answer."""
REPLY_SECONDS = 60.0
"""The longest reply that is waited for."""
PAUSE_SECONDS = 0.7
"""Silence that ends a reply: longer than the pauses inside generated speech."""
TRANSCRIPT_SECONDS = 3.0
"""Transcripts may come this long after the sound."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller said and was answered."""

    user: str
    agent: str
    latency_ms: int
    """From the last sample of the caller's speech to the first of the answer, both here."""

    def as_dict(self) -> dict[str, Any]:
        return {"user": self.user, "agent": self.agent, "latency_ms": self.latency_ms}


@dataclass(slots=True)
class Conversation:
    greeting: str = ""
    greeting_ms: int = 0
    """From the moment of joining to the first sound of the agent's voice."""
    turns: list[Turn] = field(default_factory=list)


async def run_call(
    caller: Caller,
    utterances: Sequence[bytes],
    *,
    on_greeting: Callable[[Conversation], None] = lambda _: None,
    on_turn: Callable[[Turn], None] = lambda _: None,
    answer_seconds: float = ANSWER_SECONDS,
) -> Conversation:
    """Wait for the greeting, ``answer_seconds`` at most, then say each of ``utterances`` (48 kHz)
    and hear the answer out.

    Raises ``LiveKitError`` where no answer comes.
    """
    conversation = Conversation()
    greeted = await caller.speech_after(caller.joined_at, answer_seconds)
    if greeted is None:
        raise LiveKitError(_silence(caller, answer_seconds), "The worker's log may say why.")
    conversation.greeting_ms = round((greeted - caller.joined_at) * 1000)
    conversation.greeting = await _hear_out(caller, caller.joined_at, greeted)
    on_greeting(conversation)
    for utterance in utterances:
        turn = await run_turn(caller, utterance)
        conversation.turns.append(turn)
        on_turn(turn)
    return conversation


async def run_turn(caller: Caller, utterance: bytes) -> Turn:
    """Say ``utterance`` (48 kHz) and hear the answer out; ``LiveKitError`` where none comes."""
    began = time.monotonic()
    said = await caller.say(utterance)
    answered = await caller.speech_after(said, ANSWER_SECONDS)
    if answered is None:
        raise LiveKitError(_silence(caller), "The worker's log may say why.")
    words = await _hear_out(caller, began, answered)
    user = caller.words(caller.identity, began)
    return Turn(user, words, round((answered - said) * 1000))


async def _hear_out(caller: Caller, since: float, first_sound: float) -> str:
    """Until the agent has finished; its words since ``since``."""
    await caller.quiet(PAUSE_SECONDS, REPLY_SECONDS, since=first_sound)
    deadline = time.monotonic() + TRANSCRIPT_SECONDS
    while not (words := caller.words(caller.agent_identity() or "", since)):
        if not await caller.more(deadline):
            break
    return words


def _silence(caller: Caller, seconds: float = ANSWER_SECONDS) -> str:
    if caller.disconnected.is_set():
        return "The call was ended from the other side before an answer came."
    if caller.agent_identity() is None:
        return f"No agent came within {seconds:g} s."
    return f"The agent said nothing for {seconds:g} s."
