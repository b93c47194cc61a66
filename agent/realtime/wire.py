"""The wire: what the plugin holds as its WebSocket, and what everything of ours hangs on.

The plugin's engine touches the network in four places: ``http_session.ws_connect``, and
``send_str``, ``receive`` and ``close`` on what that returned. ``WireSession`` is the first,
``Wire`` the other three, so every event in both directions passes through here:

    plugin ─► gate ─► complete ─► leg ─► service
           ◄─ watch ◄─ floor ◄─ history ◄─ leg ◄─┘

The engine sees one connection from the beginning of a call to its end. Beneath it there is one leg
after another: the next is made when one is lost, and before it expires.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import aiohttp

from agent.errors import ServiceError, Violation
from agent.realtime.accepted import Accepted
from agent.realtime.conversation import as_object
from agent.realtime.dialects import Event
from agent.realtime.echo import Difference
from agent.realtime.floor import Floor, ended
from agent.realtime.guard import appended_bytes, error_event, parse
from agent.realtime.history import History, responding
from agent.realtime.leg import Leg
from agent.realtime.legs import Legs, lost
from agent.realtime.link import FATAL_CLOSE, Link, gone_for_good
from agent.realtime.microphone import Microphone
from agent.realtime.roller import Roller
from agent.realtime.rollover import Moment
from agent.realtime.service_socket import Closed, ServiceSocket
from agent.realtime.sieve import Sieve
from agent.realtime.sound import BYTES_PER_MS, PCM
from agent.realtime.watch import Notice, Watch
from agent.voice.gate import Gate, Piece

logger = logging.getLogger("agent.realtime")

STALE_SECONDS = 9.0
"""A request for an answer that waited longer is not sent: the engine gives up at 10 s, and what
came then would be an answer that nobody asked for (upstream 1.8.9, defects D4 and D27)."""


@dataclass(frozen=True, slots=True)
class Held:
    """An event that waits for a connection."""

    event: Event
    pieces: Sequence[Piece] = ()
    """Audio that has to come before it."""


class Wire:
    """One connection as the plugin sees it, in GA."""

    def __init__(
        self,
        socket: ServiceSocket,
        link: Link,
        *,
        on_notice: Callable[[Notice], None] | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._link = link
        self._on_notice = on_notice
        self._gate = gate
        self._history, self._accepted, self._floor = History(), Accepted(), Floor()
        self._microphone = Microphone()
        self._watch = Watch(text_only=link.way.parameters["output_modalities"] == ["text"])
        self._sieve = Sieve()
        self._legs = Legs(link, self._accepted, self._history)
        self._leg = Leg(socket, link.way)
        self._connected = True
        self._closing = False
        self._numbers = itertools.count(1)
        self._first_update: Event | None = None
        self._configured = False
        self._detection: Event = {}
        """The service's own detection of turns; empty where it is off."""
        self._transcribes = False
        self._closing_legs: list[asyncio.Task[None]] = []
        self._asked_at: dict[str, float] = {}
        """When the engine asked for an answer, by event id."""
        self._asked_again = False
        """The answer that is awaited was lost once already."""
        self._committing: deque[Held] = deque()
        """Commits that the service has not confirmed, with their audio."""
        self._held: list[Held] = []
        self._for_plugin: asyncio.Queue[str | None] = asyncio.Queue()
        self._roller = Roller(self._legs, self._moment, self._switch)
        self._roller.follow(self._leg)
        self._running = asyncio.create_task(self._run())

    # What the plugin calls.

    async def send_str(self, text: str) -> None:
        """Take an event of the plugin. One that breaks a rule is answered here and not sent."""
        size = appended_bytes(text)
        if size is not None:
            pieces = [(text, size)]
            if self._gate is not None:
                pieces = list(self._gate.take((text, size), size / BYTES_PER_MS[PCM]))
            self._hear(pieces)
            return
        event = parse(text)
        if isinstance(event, Violation):
            self._refuse({}, event)
            return
        if self._gate is not None and event.get("type") == "input_audio_buffer.clear":
            self._gate.forget()
        if event.get("event_id") is None:
            # So that the service's answer can be told to belong to it.
            event["event_id"] = f"event_wire_{next(self._numbers)}"
        if responding(event):
            self._asked_at[str(event["event_id"])] = time.monotonic()
        if self._connected:
            self._send(event)
        else:
            self._hold(event)

    async def receive(self) -> aiohttp.WSMessage:
        """The next event for the plugin: the service's, or one of ours."""
        text = await self._for_plugin.get()
        if text is None:
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
        return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, None)

    async def close(self) -> None:
        """Let go of the service. A second time nothing happens."""
        if self._closing:
            return
        self._closing = True
        self._roller.leave()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(self._leg.close(), *self._closing_legs)
        self._for_plugin.put_nowait(None)
        if self._watch.leaked_audio_ms:
            logger.warning("in all: %s", Notice("audio_leaked", self._watch.leaked()))
        logger.info("closed the connection to %s", self._leg.host)

    # What the rest of the call asks of it.

    def hear(self, speaking: bool) -> None:
        """The caller has begun to speak, or has ended."""
        if self._gate is not None:
            self._hear(self._gate.open() if speaking else self._gate.close())

    def judge(self, event: Event) -> list[Violation]:
        """What ``event``, in GA, would be refused for if it were to leave now."""
        return self._leg.judge(event)

    def unheard(self, heard: Collection[str]) -> list[str]:
        """Ids of what the agent said in whole that is not among ``heard``, and was not cut."""
        return self._history.unheard(heard)

    def played(self, item_id: str, text: str) -> None:
        """Of the agent's item, interrupted, the caller has heard ``text``."""
        self._history.heard(item_id, text)

    def roll_over(self) -> None:
        """Move to another connection at the next quiet moment."""
        self._roller.hurry()

    # Towards the service.

    def _hear(self, pieces: Iterable[Piece]) -> None:
        speaking = self._floor.sentence or not self._detection
        for piece in pieces:
            now = time.monotonic()
            self._microphone.take(piece, now, speaking=speaking, connected=self._connected)
            if self._connected:
                self._leg.send_audio(piece)

    def _send(self, event: Event) -> None:
        kind = event.get("type")
        if kind == "session.update" and isinstance(event.get("session"), dict):
            event = self._leg.way.completed(event, first=self._first_update is None)
            self._first_update = self._first_update or event
        if self._is_past(event):
            self._correct(event)
        elif (admitted := self._leg.admitted(event)) is not None:
            self._leave(admitted)

    def _leave(self, event: Event, pieces: Sequence[Piece] | None = None) -> None:
        """``pieces`` is the audio that a commit is about, if not all that there is."""
        if self._is_stale(event):
            logger.warning("not sent, it waited too long: %s", event["event_id"])
            return
        if violation := self._leg.leave(event):
            self._refuse(event, violation)
            return
        self._history.sent(event)
        self._accepted.sent(event)
        self._floor.sent(event)
        match event["type"]:
            case "input_audio_buffer.commit":
                kept = self._microphone.clear() if pieces is None else pieces
                self._committing.append(Held(event, kept))
            case "input_audio_buffer.clear":
                self._microphone.clear()
            case "session.update":
                self._note_settings()

    def _is_stale(self, event: Event) -> bool:
        asked = self._asked_at.get(str(event.get("event_id")))
        return asked is not None and time.monotonic() - asked > STALE_SECONDS

    def _is_past(self, event: Event) -> bool:
        """Whether ``event`` changes an item that the service knows by our words only."""
        kind, item_id = event.get("type"), str(event.get("item_id"))
        if kind not in ("conversation.item.truncate", "conversation.item.delete"):
            return False
        if kind == "conversation.item.truncate" and item_id in self._leg.told:
            return True
        return item_id in self._history and item_id not in self._leg.conversation.items

    def _correct(self, event: Event) -> None:
        """Change such an item: what stands for its sound is a text, which cannot be truncated."""
        self._history.sent(event)
        self._legs.catch_up(self._leg)
        if event["type"] == "conversation.item.delete":
            self._tell({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    def _hold(self, event: Event) -> None:
        """Keep ``event`` for the next connection."""
        match event.get("type"):
            case "response.cancel":
                # What it is about has ended with the connection, or was never begun.
                self._held = [held for held in self._held if not responding(held.event)]
            case "input_audio_buffer.clear":
                self._microphone.clear()
            case "input_audio_buffer.commit":
                self._held.append(Held(event, self._microphone.clear()))
            case _:
                self._held.append(Held(event))

    def _refuse(self, event: Event, violation: Violation) -> None:
        logger.error("not sent: %s", violation.message)
        self._tell(error_event(violation, event))

    # Towards the plugin.

    def _tell(self, event: Event) -> None:
        self._for_plugin.put_nowait(json.dumps(event))

    async def _run(self) -> None:
        """Take what comes, from one leg after another, until there is none to be had."""
        try:
            while True:
                leg = self._leg
                frame = await leg.receive()
                if leg is not self._leg or frame is None:
                    continue
                closed = frame if isinstance(frame, Closed) else self._take(frame)
                if closed is not None:
                    await self._recover(lost(leg, closed))
        except ServiceError as error:
            logger.error("%s", error)
            self._notify(Notice("connection_lost", {"reason": str(error)}, logging.ERROR))
        finally:
            self._for_plugin.put_nowait(None)

    def _take(self, frame: str) -> Closed | None:
        """A frame of the service; ``Closed`` where it means the end of the connection."""
        leg = self._leg
        read = leg.read(frame)
        if read is None:
            return None
        event, text = read
        if (reason := gone_for_good(event)) and self._link.has_another_way:
            return Closed(FATAL_CLOSE, reason)
        if self._is_for_us(event):
            return None
        hidden = leg.hides(event)
        for difference in leg.note(event):
            self._notify(differing(difference))
        self._note(event, hidden=hidden)
        for notice in self._watch.notices(event):
            self._notify(notice)
        while (waiting := leg.arbiter.next()) is not None:
            self._leave(waiting)
        if not hidden and self._watch.lets_through(event) and self._sieve.lets_through(event):
            self._for_plugin.put_nowait(text)
        self._roller.look()
        return None

    def _is_for_us(self, event: Event) -> bool:
        """Whether ``event`` is dealt with here, and nothing for the engine."""
        if event.get("type") != "error":
            return False
        error = as_object(event.get("error"))
        if error.get("code") == "session_expired":
            logger.warning("%s: %s", self._leg.host, error.get("message"))
            return True
        first = self._first_update
        if first is None or self._configured or error.get("event_id") != first["event_id"]:
            return False
        # Services have refused a session's first settings and taken them when asked again; a call
        # with settings that nobody chose is worse than either.
        logger.warning("%s refused the session's settings: %s", self._leg.host, error)
        self._leg.note(event)
        self._accepted.received(event)
        self._configured = True
        self._leave({**first, "event_id": f"event_wire_{next(self._numbers)}"})
        return True

    def _note(self, event: Event, *, hidden: bool) -> None:
        """Remember what ``event`` means for the call."""
        self._accepted.received(event)
        if not hidden:
            self._history.received(event)
        unasked = bool(self._detection) and self._detection.get("create_response") is not False
        self._floor.received(event, answers_unasked=unasked)
        match event.get("type"):
            case "session.updated":
                self._configured = True
                self._link.had()
                self._note_settings()
            case "input_audio_buffer.committed" if isinstance(event.get("item_id"), str):
                kept = self._committing.popleft().pieces if self._committing else None
                pieces = kept if kept is not None else self._microphone.clear()
                self._history.committed(event["item_id"], pieces, awaited=self._transcribes)
            case "response.done" if as_object(event.get("response")).get("status") == "completed":
                self._asked_again = False

    def _note_settings(self) -> None:
        settings = as_object(as_object(self._accepted.session.get("audio")).get("input"))
        self._detection = as_object(settings.get("turn_detection"))
        self._transcribes = bool(settings.get("transcription"))

    def _notify(self, notice: Notice) -> None:
        logger.log(notice.level, "%s: %s", self._leg.host, notice)
        if self._on_notice is not None:
            self._on_notice(notice)

    # From one leg to the next.

    async def _recover(self, error: ServiceError) -> None:
        """The leg is lost: have another. Raises ``ServiceError`` where there is none to be had."""
        began = time.monotonic()
        leg = self._leg
        self._roller.leave()
        self._end_what_is_lost()
        await leg.close()
        self._link.failed(error)
        self._switch(await self._legs.next())
        after_ms = round((time.monotonic() - began) * 1000)
        self._notify(Notice("reconnected", {"reason": error.reason, "after_ms": after_ms}))

    def _end_what_is_lost(self) -> None:
        """End for the engine what the leg will not bring, and hold what is to be sent again."""
        self._connected = False
        conversation, floor = self._leg.conversation, self._floor
        again = [*self._committing]
        self._committing.clear()
        if self._is_to_be_asked_again():
            self._asked_again = True
            again.append(Held(self._own(floor.create)))
        if conversation.unconfirmed is not None and not conversation.cancelled:
            again.append(Held(conversation.unconfirmed))
        again += [Held(event) for event in self._leg.arbiter.waiting]
        self._held = [*again, *self._held]
        if floor.reply is not None:
            self._notify(Notice("reply_lost", {"asked_again": self._asked_again}))
        for event in [*floor.lost(), *map(ended, conversation.aside)]:
            self._note(event, hidden=False)
            if self._sieve.lets_through(event):
                self._tell(event)

    def _is_to_be_asked_again(self) -> bool:
        """A reply that is owed, or was lost with nothing of it come, and not for the second time;
        what a tool was called for is answered after the tool."""
        floor = self._floor
        if floor.owed:
            return True
        if floor.reply is None or self._asked_again or self._leg.conversation.cancelled:
            return False
        return not any(
            self._history.began(item) or self._history.is_call(item) for item in floor.items
        )

    def _own(self, create: Event | None) -> Event:
        """A request of ours for what ``create`` asked for. Nobody waits for it by its id."""
        event: Event = {
            "type": "response.create",
            "event_id": f"event_wire_{next(self._numbers)}",
        }
        response = {**as_object((create or {}).get("response"))}
        response.pop("metadata", None)
        return {**event, "response": response} if response else event

    def _switch(self, leg: Leg) -> None:
        """From here on ``leg`` is the call's connection."""
        if self._connected:
            self._end_what_is_lost()
            old = self._leg
            old.wake()
            self._closing_legs.append(asyncio.create_task(old.close()))
            logger.info("moved to another connection at %s", leg.host)
        self._leg, self._connected = leg, True
        self._legs.catch_up(leg)
        held, self._held = self._held, []
        for each in held:
            for piece in each.pieces:
                leg.send_audio(piece)
            if each.event.get("type") == "input_audio_buffer.commit":
                self._leave(each.event, each.pieces)
            else:
                self._send(each.event)
        for piece in self._microphone.again():
            leg.send_audio(piece)
        self._roller.follow(leg)

    def _moment(self) -> Moment:
        """What goes on now, for a planned change of the leg."""
        leg, floor = self._leg, self._floor
        if floor.reply is not None or floor.owed or leg.answering:
            return Moment.REPLY
        if self._history.open_calls():
            return Moment.TOOL
        speaking = floor.sentence if self._detection else self._microphone.ms > 0
        if speaking or self._committing or self._history.awaits_words or not leg.settled:
            return Moment.SENTENCE
        return Moment.QUIET


def differing(difference: Difference) -> Notice:
    detail = {"setting": difference.path, "asked": difference.asked, "got": difference.got}
    return Notice("setting_differs", detail)
