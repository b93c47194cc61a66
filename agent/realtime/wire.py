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
from collections.abc import Callable, Collection, Iterable, Sequence

import aiohttp

from agent.errors import ServiceError, Violation, describe
from agent.realtime.conversation import as_object
from agent.realtime.dialects import Event
from agent.realtime.first_settings import SILENT, FirstSettings
from agent.realtime.flood import Dropped, Flood
from agent.realtime.floor import ended
from agent.realtime.guard import appended_bytes, error_event, event_of, parse
from agent.realtime.leg import Leg
from agent.realtime.legs import Legs, lost
from agent.realtime.link import FATAL_CLOSE, Link, gone_for_good
from agent.realtime.memory import Memory
from agent.realtime.plugin_queue import EVENTS_A_TURN, PluginQueue
from agent.realtime.repair import Repair
from agent.realtime.roller import Roller
from agent.realtime.rollover import Moment
from agent.realtime.service_socket import Closed, ServiceSocket, brief
from agent.realtime.sieve import Sieve
from agent.realtime.sound import BYTES_PER_MS, PCM
from agent.realtime.watch import Notice, Watch, differing
from agent.realtime.whole_samples import WholeSamples
from agent.redaction import add_private
from agent.voice.gate import Gate, Piece

logger = logging.getLogger("agent.realtime")

CALLER_SPEECH = "agent.caller_speech"
"""An event of ours among the plugin's: the caller has begun to speak (``speaking``), or has ended.
It comes in its place among the audio, however long the connection takes to be made."""
STALL_SECONDS = 3.0
"""A response of which nothing has come for so long keeps no other from being asked for."""

QUIET_SECONDS = 1.5
"""A response that the service has not announced, and does not end, ends after so long without
anything of it."""


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
        self._memory = Memory()
        self._watch = Watch(text_only=link.way.parameters["output_modalities"] == ["text"])
        self._sieve = Sieve()
        self._whole_samples = WholeSamples()
        self._legs = Legs(link, self._memory.accepted, self._memory.history)
        self._leg = Leg(socket, link.way)
        self._connected = True
        self._closing: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._settings = FirstSettings()
        self._leaving: set[asyncio.Task[None]] = set()
        """Legs that are no longer the call's."""
        self._for_plugin = PluginQueue()
        self._repair, self._flood, self._dropped = Repair(), Flood(), Dropped()
        self._output_at = 0.0
        """When something last came of a response that ``Repair`` has announced."""
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
            self._refuse(event_of(text), event)
            return
        if event.get("type") == CALLER_SPEECH:
            self.hear(bool(event.get("speaking")))
            return
        if self._gate is not None and event.get("type") == "input_audio_buffer.clear":
            self._gate.forget()
        if event.get("event_id") is None:
            # So that the service's answer can be told to belong to it.
            event["event_id"] = self._event_id()
        self._memory.asked(event, time.monotonic())
        if self._connected:
            self._send(event)
        else:
            self._memory.hold(event)

    async def receive(self) -> aiohttp.WSMessage:
        """The next event for the plugin: the service's, or one of ours."""
        text = await self._for_plugin.get()
        if text is None:
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
        return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, None)

    async def close(self) -> None:
        """Close the connection to the service, once, and wait for it.

        The plugin cancels its first call of this as soon as ``receive`` has returned the end, and
        calls it again (1.8.9): neither the cancelling nor the second call may cut it short. How
        long it takes is bounded by the socket.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._for_plugin.close()
        self._roller.leave()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(self._leg.close(), self._legs.aclose(), *self._leaving)
        if self._watch.leaked_audio_ms:
            logger.warning("in all: %s", Notice("audio_leaked", self._watch.leaked()))
        if dropped := str(self._dropped):
            logger.warning("events of %s that were dropped: %s", self._leg.host, dropped)
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
        """Ids of what the agent said that is not among ``heard``, and was not cut. Of a response
        in flight, only if it has been cancelled."""
        cancelled = self._leg.conversation.cancelled
        cut_off = self._memory.floor.items if cancelled else ()
        return self._memory.history.unheard(heard, cut_off)

    def played(self, item_id: str, text: str) -> None:
        """Of the agent's item, interrupted, the caller has heard ``text``."""
        self._memory.history.heard(item_id, text)

    def roll_over(self) -> None:
        """Move to another connection at the next quiet moment."""
        self._roller.hurry()

    # Towards the service.

    def _hear(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._memory.heard(piece, time.monotonic(), connected=self._connected)
            if self._connected:
                self._leg.send_audio(piece)

    def _send(self, event: Event) -> None:
        kind = event.get("type")
        _keep_private(event)
        if kind == "session.update" and isinstance(event.get("session"), dict):
            first = self._settings.update is None
            event = self._leg.way.completed(event, first=first)
            if first:
                self._settings.asked(event, time.monotonic())
                self._leg.wake()  # its confirmation is waited for from now on
        if self._is_past(event):
            self._correct(event)
        elif (admitted := self._leg.admitted(event)) is not None:
            self._leave(admitted)
        elif self._leg.arbiter.waiting:
            self._unstick(self._leg)

    def _unstick(self, leg: Leg) -> None:
        """A service may announce a response and never end it: what waits for that is sent."""
        if leg is not self._leg or not self._connected or not leg.arbiter.waiting:
            return
        left = leg.heard_at + STALL_SECONDS - time.monotonic()
        if left > 0:
            asyncio.get_running_loop().call_later(left, self._unstick, leg)
        else:
            leg.arbiter.release()
            self._let_go()

    def _let_go(self) -> None:
        """Send what has waited for its turn."""
        while (waiting := self._leg.arbiter.next()) is not None:
            self._leave(waiting)

    def _leave(self, event: Event, pieces: Sequence[Piece] | None = None) -> None:
        """``pieces`` is the audio that a commit is about, if not all that there is."""
        if self._memory.is_stale(event, time.monotonic()):
            logger.warning("not sent, it waited too long: %s", event["event_id"])
            return
        if violation := self._leg.leave(event):
            self._refuse(event, violation)
            return
        self._memory.sent(event, pieces)

    def _is_past(self, event: Event) -> bool:
        """Whether ``event`` changes an item that the service knows by our words only."""
        kind, item_id = event.get("type"), str(event.get("item_id"))
        if kind not in ("conversation.item.truncate", "conversation.item.delete"):
            return False
        if kind == "conversation.item.truncate" and item_id in self._leg.told:
            return True
        return item_id in self._memory.history and item_id not in self._leg.conversation.items

    def _correct(self, event: Event) -> None:
        """Change such an item: what stands for its sound is a text, which cannot be truncated."""
        if violations := self._leg.check(event):
            self._refuse(event, violations[0])
            return
        self._memory.sent(event)
        self._legs.catch_up(self._leg)
        if event["type"] == "conversation.item.delete":
            self._tell({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    def _refuse(self, event: Event, violation: Violation) -> None:
        logger.error("not sent: %s", violation.message)
        self._tell(error_event(violation, event))

    # Towards the plugin.

    def _tell(self, event: Event) -> None:
        self._for_plugin.put(event)

    async def _run(self) -> None:
        """Take what comes, from one leg after another, until there is none to be had."""
        try:
            for number in itertools.count(1):
                if number % EVENTS_A_TURN == 0:
                    await asyncio.sleep(0)  # frames that wait let no one else have the loop
                leg = self._leg
                frame = await self._frame(leg)
                if leg is not self._leg or frame is None:
                    continue
                closed = frame if isinstance(frame, Closed) else self._taken(frame)
                if closed is not None:
                    await self._recover(lost(leg, closed))
        except ServiceError as error:
            self._lost(error)
        except Exception as error:
            logger.exception("the connection to %s ends: a defect of this worker", self._leg.host)
            self._notify(Notice("connection_lost", {"reason": repr(error)}, logging.ERROR))
        finally:
            self._for_plugin.end()

    async def _frame(self, leg: Leg) -> str | Closed | None:
        """The next frame of ``leg``; ``Closed`` where a new session says nothing in time."""
        deadline = self._settings.deadline(leg.opened, leg.heard_at)
        if deadline is None:
            return await leg.receive()
        seconds = deadline - time.monotonic()
        if not leg.has_spoken:
            seconds = min(seconds, self._link.left())
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await leg.receive()
        except TimeoutError:
            if not leg.has_spoken:
                return Closed(None, SILENT)
            self._settle()
            self._legs.service_confirms = False
            self._notify(Notice("settings_unconfirmed"))
            return None

    def _settle(self) -> None:
        """The settings that the session begins with are no longer waited for."""
        self._settings.settled = True
        self._link.had()

    def _taken(self, frame: str) -> Closed | None:
        """As ``_take``, whatever it is: no event of a service is worth a call."""
        try:
            return self._take(frame)
        except Exception as error:
            logger.error(
                "an event of %s could not be taken: %s: %.200s",
                *(self._leg.host, describe(error), frame),
            )
            return None

    def _take(self, frame: str) -> Closed | None:
        """A frame of the service; ``Closed`` where it means the end of the connection."""
        leg = self._leg
        read = leg.read(frame)
        if read is None:
            return None
        event, text = read
        if reason := gone_for_good(event):
            if self._link.has_another_way:
                return Closed(FATAL_CLOSE, reason)
            self._lost(ServiceError(leg.host, reason))  # the engine ends with the event itself
        if self._is_for_us(event):
            return None
        if refusal := self._settings.refusal(event):
            if not self._settings.refused_for_good:
                self._ask_again(refusal)
                return None
            if closed := self._refused(refusal):
                return closed
            event, text = refusal, json.dumps(refusal)
        request, is_owed = leg.conversation.unconfirmed, self._memory.floor.owed
        repaired = self._repair.complete(event, request=request, is_owed=is_owed)
        if self._repair.dropped:
            self._drop(event, self._repair.dropped)
        for each in repaired:
            self._accept(each, text if each is event else None)
        if repaired and self._repair.is_to_be_ended:
            self._output_at = time.monotonic()
            asyncio.get_running_loop().call_later(QUIET_SECONDS, self._end_repaired)
        self._roller.look()
        return None

    def _end_repaired(self) -> None:
        """End the response that ``Repair`` has announced, if nothing more has come of it."""
        if time.monotonic() - self._output_at >= QUIET_SECONDS and not self._closing:
            for event in self._repair.end():
                self._accept(event)

    def _accept(self, event: Event, text: str | None = None) -> None:
        """Take note of ``event``, and pass it on."""
        leg = self._leg
        if not self._flood.lets_through(event, leg.conversation, time.monotonic()):
            self._drop(event, "too_many")
            return
        hidden = leg.hides(event)
        for difference in leg.note(event):
            self._notify(differing(difference))
        self._memory.received(event, hidden=hidden)
        if event.get("type") == "session.updated":
            self._settle()
            self._legs.service_confirms = True
        for notice in self._watch.notices(event):
            self._notify(notice)
        self._let_go()
        if not hidden and self._watch.lets_through(event):
            self._pass_on(event, text)

    def _pass_on(self, event: Event, text: str | None) -> None:
        before = self._sieve.response
        if self._sieve.lets_through(event):
            if before is not None and self._sieve.response not in (before, None):
                # The engine would wait for the rest of the one before, for ever.
                self._tell(ended(before))
            whole = self._whole_samples.take(event)
            if whole is not None:
                self._for_plugin.put(whole, text if whole is event else None)
        else:
            self._drop(event, self._sieve.reason)

    def _drop(self, event: Event, reason: str) -> None:
        if notice := self._dropped.add(event, reason):
            self._notify(notice)

    def _is_for_us(self, event: Event) -> bool:
        """Whether ``event`` is dealt with here, and nothing for the engine."""
        error = as_object(event.get("error"))
        if event.get("type") != "error" or error.get("code") != "session_expired":
            return False
        logger.warning("%s: %s", self._leg.host, error.get("message"))
        return True

    def _ask_again(self, refusal: Event) -> None:
        """Send the settings that the service has refused once more."""
        error = refusal["error"]
        logger.warning("%s refused the session's settings: %.500s", self._leg.host, error)
        self._leg.note(refusal)
        self._memory.accepted.received(refusal)
        again: Event = {**(self._settings.update or {}), "event_id": self._event_id()}
        self._settings.asked(again, time.monotonic())
        self._leave(again)

    def _refused(self, refusal: Event) -> Closed | None:
        """The service will not take the settings: ``Closed`` where another service may."""
        reason = brief(str(refusal["error"].get("message")))
        if self._link.has_another_way:
            return Closed(FATAL_CLOSE, f"it refuses the session's settings: {reason}")
        self._settle()
        self._notify(Notice("settings_refused", {"reason": reason}, logging.ERROR))
        return None

    def _lost(self, error: ServiceError) -> None:
        """The service is gone for good."""
        logger.error("%s", error)
        self._notify(Notice("connection_lost", {"reason": str(error)}, logging.ERROR))

    def _notify(self, notice: Notice) -> None:
        logger.log(notice.level, "%s: %s", self._leg.host, notice, extra={"notice": notice.name})
        if self._on_notice is not None:
            self._on_notice(notice)

    # From one leg to the next.

    async def _recover(self, error: ServiceError) -> None:
        """The leg is lost: have another. Raises ``ServiceError`` where there is none to be had."""
        began = time.monotonic()
        self._roller.leave()
        self._end_what_is_lost()
        self._let_close(self._leg)
        self._link.failed(error)
        self._switch(await self._legs.next())
        after_ms = round((time.monotonic() - began) * 1000)
        self._notify(Notice("reconnected", {"reason": error.reason, "after_ms": after_ms}))

    def _end_what_is_lost(self) -> None:
        """End for the engine what the leg will not bring, and hold what is to be sent again."""
        self._connected = False
        self._repair.forget()
        waiting = self._leg.arbiter.waiting
        loss = self._memory.lost(self._leg.conversation, waiting, self._event_id())
        if loss.reply:
            self._notify(Notice("reply_lost", {"asked_again": loss.asked_again}))
        for event in loss.told:
            if self._sieve.lets_through(event):
                self._tell(event)

    def _switch(self, leg: Leg) -> None:
        """From here on ``leg`` is the call's connection."""
        if self._connected:
            self._end_what_is_lost()
            self._leg.wake()
            self._let_close(self._leg)
            logger.info("moved to another connection at %s", leg.host)
        self._leg, self._connected = leg, True
        if leg.confirmed is not None:
            self._settings.settled = True
        if leg.confirmed is False:
            self._notify(Notice("settings_unconfirmed"))
        for update in self._legs.changed_settings(leg):
            self._leave(update)
        self._legs.catch_up(leg)
        for each in self._memory.take_held():
            for piece in each.pieces:
                leg.send_audio(piece)
            if each.event.get("type") == "input_audio_buffer.commit":
                self._leave(each.event, each.pieces)
            else:
                self._send(each.event)
        for piece in self._memory.microphone.again():
            leg.send_audio(piece)
        self._roller.follow(leg)

    def _let_close(self, leg: Leg) -> None:
        """Close ``leg`` without waiting for it: a dead connection takes its time."""
        leaving = asyncio.create_task(leg.close())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _moment(self) -> Moment:
        leg = self._leg
        return self._memory.moment(answering=leg.answering, settled=leg.settled)

    def _event_id(self) -> str:
        return f"event_wire_{next(self._numbers)}"


def _keep_private(event: Event) -> None:
    """Keep the instructions that ``event`` carries out of logs and notices."""
    for key in ("session", "response"):
        instructions = as_object(event.get(key)).get("instructions")
        if isinstance(instructions, str):
            add_private(instructions)
