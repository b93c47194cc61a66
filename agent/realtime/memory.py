"""What a call knows beyond the connection that it has. Pure; in GA.

It is told of what leaves and of what comes, and says, when a connection is gone, what the engine
must hear of it and what the next connection is to be sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.realtime.accepted import Accepted
from agent.realtime.conversation import Conversation, as_object
from agent.realtime.dialects import Event
from agent.realtime.floor import Floor, ended
from agent.realtime.history import History, responding
from agent.realtime.microphone import Microphone
from agent.realtime.refusals import refused_commit
from agent.realtime.rollover import Moment
from agent.voice.gate import Piece

STALE_SECONDS = 9.0
"""A request for an answer that waited longer is not sent: the engine gives up at 10 s, and what
came then would be an answer that nobody asked for (upstream 1.8.9, defects D4 and D27)."""


@dataclass(frozen=True, slots=True)
class Held:
    """An event that waits for a connection."""

    event: Event
    pieces: Sequence[Piece] = ()
    """Audio that has to come before it."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the end of a connection means."""

    told: list[Event]
    """To the engine, so that it waits for nothing that will not come."""
    reply: bool
    """A reply was in flight …"""
    asked_again: bool
    """… and is asked for again."""


class Memory:
    def __init__(self) -> None:
        self.history, self.accepted = History(), Accepted()
        self.floor, self.microphone = Floor(), Microphone()
        self._committing: deque[Held] = deque()
        """Commits that the service has not confirmed, with their audio."""
        self._held: list[Held] = []
        """What waits for the next connection."""
        self._asked_at: dict[str, float] = {}
        """When the engine asked for an answer, by event id."""
        self._asked_again = False
        """The answer that is awaited was lost once already."""
        self._detection: Event = {}
        """The service's own detection of turns; empty where it is off."""
        self._transcribes = False

    # What it is told of.

    def heard(self, piece: Piece, now: float, *, connected: bool) -> None:
        """A piece of the caller's audio came at ``now``, in seconds."""
        speaking = self.floor.sentence or not self._detection
        self.microphone.take(piece, now, speaking=speaking, connected=connected)

    def sent(self, event: Event, pieces: Sequence[Piece] | None = None) -> None:
        """``event`` has left; ``pieces`` is the audio that a commit is about, if not all that
        there is."""
        self.history.sent(event)
        self.accepted.sent(event)
        self.floor.sent(event)
        match event["type"]:
            case "input_audio_buffer.commit":
                kept = self.microphone.clear() if pieces is None else pieces
                self._committing.append(Held(event, kept))
            case "input_audio_buffer.clear":
                self.microphone.clear()
            case "session.update":
                self._note_settings()

    def received(self, event: Event, *, hidden: bool = False) -> None:
        """``event`` has come; ``hidden``: it is about what was known before."""
        self.accepted.received(event)
        if not hidden:
            self.history.received(event)
        unasked = bool(self._detection) and self._detection.get("create_response") is not False
        self.floor.received(event, answers_unasked=unasked)
        match event.get("type"):
            case "session.updated":
                self._note_settings()
            case "input_audio_buffer.committed" if isinstance(event.get("item_id"), str):
                kept = self._committing.popleft().pieces if self._committing else None
                pieces = kept if kept is not None else self.microphone.clear()
                self.history.committed(event["item_id"], pieces, awaited=self._transcribes)
            case "error":
                self._forget_refused_commit(as_object(event.get("error")))
            case "response.done" if as_object(event.get("response")).get("status") == "completed":
                self._asked_again = False

    def _forget_refused_commit(self, error: dict[str, Any]) -> None:
        pending = [str(held.event.get("event_id")) for held in self._committing]
        refused = refused_commit(error, pending)
        if refused is not None:
            del self._committing[pending.index(refused)]

    def _note_settings(self) -> None:
        settings = as_object(as_object(self.accepted.session.get("audio")).get("input"))
        self._detection = as_object(settings.get("turn_detection"))
        self._transcribes = bool(settings.get("transcription"))

    def asked(self, event: Event, now: float) -> None:
        """The engine wants ``event`` sent."""
        if responding(event):
            self._asked_at[str(event["event_id"])] = now

    def hold(self, event: Event) -> None:
        """Keep ``event`` for the next connection."""
        match event.get("type"):
            case "response.cancel":
                # What it is about has ended with the connection, or was never begun.
                self._held = [held for held in self._held if not responding(held.event)]
            case "input_audio_buffer.clear":
                self.microphone.clear()
            case "input_audio_buffer.commit":
                self._held.append(Held(event, self.microphone.clear()))
            case _:
                self._held.append(Held(event))

    # What it says.

    def take_held(self) -> list[Held]:
        """What has waited for a connection, in order."""
        held, self._held = self._held, []
        return held

    def is_stale(self, event: Event, now: float) -> bool:
        """Whether nobody waits any more for what ``event`` asks for."""
        asked = self._asked_at.get(str(event.get("event_id")))
        return asked is not None and now - asked > STALE_SECONDS

    def moment(self, *, answering: bool, settled: bool) -> Moment:
        """What goes on now. ``answering``: the connection is asked for an answer; ``settled``: it
        owes nothing else."""
        floor = self.floor
        if floor.reply is not None or floor.owed or answering:
            return Moment.REPLY
        if self.history.open_calls():
            return Moment.TOOL
        speaking = floor.sentence if self._detection else self.microphone.ms > 0
        if speaking or self._committing or self.history.awaits_words or not settled:
            return Moment.SENTENCE
        return Moment.QUIET

    def lost(self, conversation: Conversation, waiting: Sequence[Event], event_id: str) -> Loss:
        """The connection with ``conversation`` is gone, and what was ``waiting`` there for its
        turn, which is held for the next; ``event_id`` is for a request of ours."""
        floor = self.floor
        reply = floor.reply is not None
        ask = self._is_to_be_asked_again(conversation)
        again = [*self._committing]
        self._committing.clear()
        if ask:
            self._asked_again = True
            again.append(Held(_own(floor.create, event_id)))
        if conversation.unconfirmed is not None and not conversation.cancelled:
            again.append(Held(conversation.unconfirmed))
        again += [Held(event) for event in waiting]
        told = [*floor.lost(), *map(ended, conversation.aside)]
        for event in told:
            self.received(event)
        self._held = [*again, *self._held]
        return Loss(told, reply, ask)

    def _is_to_be_asked_again(self, conversation: Conversation) -> bool:
        """A reply that is owed, or was lost with nothing of it come, and not for the second time;
        what a tool was called for is answered after the tool."""
        floor = self.floor
        if floor.owed:
            return True
        if floor.reply is None or self._asked_again or conversation.cancelled:
            return False
        return not any(
            self.history.began(item) or self.history.is_call(item) for item in floor.items
        )


def _own(create: Event | None, event_id: str) -> Event:
    """A request of ours for what ``create`` asked for. Nobody waits for it by its id."""
    event: Event = {"type": "response.create", "event_id": event_id}
    response = {**as_object((create or {}).get("response"))}
    response.pop("metadata", None)
    return {**event, "response": response} if response else event
