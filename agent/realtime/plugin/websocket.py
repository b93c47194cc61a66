"""The wire: what the plugin holds as its WebSocket, and what everything of ours hangs on.

The plugin's engine touches the network in four places: ``http_session.ws_connect``, and
``send_str``, ``receive`` and ``close`` on what that returned. ``PluginHTTPSession`` is the first,
``PluginWebSocket`` the other three, so every event in both directions passes through here:

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
from agent.realtime.connection.connector import FATAL_CLOSE, Connector, fatal_error_message
from agent.realtime.connection.resume import SessionResumer, connection_error
from agent.realtime.connection.rollover import RolloverScheduler
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.connection.websocket import Closed, ServiceWebSocket, brief
from agent.realtime.plugin.event_filter import EventFilter
from agent.realtime.plugin.flood_limit import DroppedEvents, FloodLimit
from agent.realtime.plugin.plugin_queue import PluginQueue, Turn
from agent.realtime.plugin.response_monitor import Notice, ResponseMonitor, setting_differs_notice
from agent.realtime.plugin.response_repair import ResponseRepair
from agent.realtime.plugin.sample_alignment import WholeSamples
from agent.realtime.protocol.audio import BYTES_PER_MS, PCM
from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.event_json import event_of, parse
from agent.realtime.state.call_activity import CallActivity
from agent.realtime.state.call_state import CallState
from agent.realtime.state.connection_state import as_object
from agent.realtime.state.initial_settings import SILENT, InitialSettings
from agent.realtime.state.turn_state import cancelled_response_done
from agent.realtime.validation.guard import appended_bytes, error_event
from agent.redaction import add_private, bounded
from agent.voice.audio_gate import AudioGate, Piece

logger = logging.getLogger("agent.realtime")

CALLER_SPEECH = "agent.caller_speech"
"""An event of ours among the plugin's: the caller has begun to speak (``speaking``), or has ended.
It comes in its place among the audio, however long the connection takes to be made."""
STALL_SECONDS = 3.0
"""A response of which nothing has come for so long keeps no other from being asked for."""

QUIET_SECONDS = 1.5
"""A response that the service has not announced, and does not end, ends after so long without
anything of it."""


class PluginWebSocket:
    """One connection as the plugin sees it, in GA."""

    def __init__(
        self,
        socket: ServiceWebSocket,
        link: Connector,
        *,
        on_notice: Callable[[Notice], None] | None = None,
        gate: AudioGate | None = None,
    ) -> None:
        self._connector = link
        self._on_notice = on_notice
        self._gate = gate
        self._state = CallState()
        self._response_monitor = ResponseMonitor(
            text_only=link.target.parameters["output_modalities"] == ["text"]
        )
        self._event_filter = EventFilter()
        self._whole_samples = WholeSamples()
        self._resumer = SessionResumer(link, self._state.accepted, self._state.history)
        self._connection = ServiceConnection(socket, link.target)
        self._connected = True
        self._closing: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._settings = InitialSettings()
        self._closing_connections: set[asyncio.Task[None]] = set()
        """Legs that are no longer the call's."""
        self._for_plugin = PluginQueue()
        self._repair, self._flood, self._dropped = ResponseRepair(), FloodLimit(), DroppedEvents()
        self._is_end_reported = False
        """An event has said that the service will answer nothing more."""
        self._output_at = 0.0
        """When something last came of a response that ``ResponseRepair`` has announced."""
        self._rollover = RolloverScheduler(self._resumer, self._activity, self._switch_to)
        self._rollover.start(self._connection)
        self._running = asyncio.create_task(self._run())

    # What the plugin calls.

    async def send_str(self, text: str) -> None:
        """Take an event of the plugin. One that breaks a rule is answered here and not sent."""
        size = appended_bytes(text)
        if size is not None:
            pieces = [(text, size)]
            if self._gate is not None:
                pieces = list(self._gate.push((text, size), size / BYTES_PER_MS[PCM]))
            self._send_audio(pieces)
            return
        event = parse(text)
        if isinstance(event, Violation):
            self._refuse(event_of(text), event)
            return
        if event.get("type") == CALLER_SPEECH:
            self.on_caller_speaking(bool(event.get("speaking")))
            return
        if self._gate is not None and event.get("type") == "input_audio_buffer.clear":
            self._gate.clear()
        if event.get("event_id") is None:
            # So that the service's answer can be told to belong to it.
            event["event_id"] = self._event_id()
        self._state.on_plugin_event(event, time.monotonic())
        self._repair.on_plugin_event(event)
        if self._connected:
            self._send(event)
        else:
            self._state.hold(event)

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
        self._rollover.stop()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(
            self._connection.close(), self._resumer.aclose(), *self._closing_connections
        )
        if self._response_monitor.leaked_audio_ms:
            logger.warning(
                "in all: %s", Notice("audio_leaked", self._response_monitor.leak_detail())
            )
        if dropped := str(self._dropped):
            logger.warning("events of %s that were dropped: %s", self._connection.host, dropped)
        logger.info("closed the connection to %s", self._connection.host)

    # What the rest of the call asks of it.

    def on_caller_speaking(self, speaking: bool) -> None:
        """The caller has begun to speak, or has ended."""
        if self._gate is not None:
            self._send_audio(self._gate.open() if speaking else self._gate.close())

    def violations(self, event: Event) -> list[Violation]:
        """What ``event``, in GA, would be refused for if it were to leave now."""
        return self._connection.violations(event)

    def unheard_items(self, heard: Collection[str]) -> list[str]:
        """Ids of what the agent said that is not among ``heard``, and was not cut. Of a response
        in flight, only if it has been cancelled."""
        cancelled = self._connection.state.is_cancelled
        cut_off = self._state.turns.response_items if cancelled else ()
        return self._state.history.unheard_items(heard, cut_off)

    def record_playback(self, item_id: str, text: str) -> None:
        """Of the agent's item, interrupted, the caller has heard ``text``."""
        self._state.history.record_playback(item_id, text)

    def roll_over(self) -> None:
        """Move to another connection at the next quiet moment."""
        self._rollover.request()

    # Towards the service.

    def _send_audio(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._state.on_caller_audio(piece, time.monotonic(), connected=self._connected)
            if self._connected:
                self._connection.send_audio(piece)

    def _send(self, event: Event) -> None:
        kind = event.get("type")
        _keep_private(event)
        if kind == "session.update" and isinstance(event.get("session"), dict):
            first = self._settings.update is None
            event = self._connection.target.complete_session_update(event, first=first)
            if first:
                self._settings.asked(event, time.monotonic())
                self._connection.wake()  # its confirmation is waited for from now on
        if self._is_replayed_item_change(event):
            self._change_replayed_item(event)
        elif (admitted := self._connection.admit(event)) is not None:
            self._send_checked(admitted)
        elif self._connection.response_queue.waiting:
            self._release_stalled_response(self._connection)

    def _release_stalled_response(self, leg: ServiceConnection) -> None:
        """A service may announce a response and never end it: what waits for that is sent."""
        if leg is not self._connection or not self._connected or not leg.response_queue.waiting:
            return
        left = leg.response_active_at + STALL_SECONDS - time.monotonic()
        if left > 0:
            asyncio.get_running_loop().call_later(left, self._release_stalled_response, leg)
        else:
            leg.response_queue.release_stalled()
            self._notify(Notice("response_stalled", {"after_ms": round(STALL_SECONDS * 1000)}))
            self._send_queued_responses()

    def _send_queued_responses(self) -> None:
        """Send what has waited for its turn."""
        while (waiting := self._connection.response_queue.next()) is not None:
            self._send_checked(waiting)

    def _send_checked(self, event: Event, pieces: Sequence[Piece] | None = None) -> None:
        """``pieces`` is the audio that a commit is about, if not all that there is."""
        if self._state.is_stale(event, time.monotonic()):
            logger.warning("not sent, it waited too long: %s", event["event_id"])
            return
        if violation := self._connection.send(event):
            self._refuse(event, violation)
            return
        self._state.on_client_event(event, pieces)

    def _is_replayed_item_change(self, event: Event) -> bool:
        """Whether ``event`` changes an item that the service knows by our words only."""
        kind, item_id = event.get("type"), str(event.get("item_id"))
        if kind not in ("conversation.item.truncate", "conversation.item.delete"):
            return False
        if kind == "conversation.item.truncate" and item_id in self._connection.replayed_items:
            return True
        return item_id in self._state.history and item_id not in self._connection.state.items

    def _change_replayed_item(self, event: Event) -> None:
        """Change such an item: what stands for its sound is a text, which cannot be truncated."""
        if violations := self._connection.shape_violations(event):
            self._refuse(event, violations[0])
            return
        self._state.on_client_event(event)
        self._resumer.sync_history(self._connection)
        if event["type"] == "conversation.item.delete":
            self._send_to_plugin({"type": "conversation.item.deleted", "item_id": event["item_id"]})

    def _refuse(self, event: Event, violation: Violation) -> None:
        logger.error("not sent: %s", violation.message)
        self._send_to_plugin(error_event(violation, event))

    # Towards the plugin.

    def _send_to_plugin(self, event: Event) -> None:
        self._for_plugin.put(event)

    async def _run(self) -> None:
        """Take what comes, from one leg after another, until there is none to be had."""
        try:
            turn = Turn()
            while True:
                await turn.give_way()  # frames that wait let no one else have the loop
                leg = self._connection
                frame = await self._frame(leg)
                if leg is not self._connection or frame is None:
                    continue
                closed = frame if isinstance(frame, Closed) else self._handle_frame_safely(frame)
                if closed is not None:
                    await self._recover(connection_error(leg, closed))
        except ServiceError as error:
            self._lost(error)
        except Exception as error:
            logger.exception(
                "the connection to %s ends: a defect of this worker", self._connection.host
            )
            self._notify(Notice("connection_lost", {"reason": repr(error)}, logging.ERROR))
        finally:
            self._for_plugin.end()

    async def _frame(self, leg: ServiceConnection) -> str | Closed | None:
        """The next frame of ``leg``; ``Closed`` where a new session says nothing in time."""
        deadline = self._settings.deadline(leg.opened_at, leg.last_received_at)
        if deadline is None:
            return await leg.receive()
        seconds = deadline - time.monotonic()
        if not leg.has_spoken:
            seconds = min(seconds, self._connector.left())
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await leg.receive()
        except TimeoutError:
            if not leg.has_spoken:
                return Closed(None, SILENT)
            self._settle()
            self._resumer.service_confirms = False
            self._notify(Notice("settings_unconfirmed"))
            return None

    def _settle(self) -> None:
        """The settings that the session begins with are no longer waited for."""
        self._settings.settled = True
        self._connector.on_session_ready()

    def _handle_frame_safely(self, frame: str) -> Closed | None:
        """As ``_take``, whatever it is: no event of a service is worth a call."""
        try:
            return self._handle_frame(frame)
        except Exception as error:
            logger.error(
                "an event of %s could not be taken: %s: %s",
                *(self._connection.host, describe(error), bounded(frame, 200)),
            )
            event = parse(frame)
            self._drop({} if isinstance(event, Violation) else event, "malformed")
            return None

    def _handle_frame(self, frame: str) -> Closed | None:
        """A frame of the service; ``Closed`` where it means the end of the connection."""
        leg = self._connection
        read = leg.parse_frame(frame)
        if read is None:
            return None
        event, text = read
        if reason := fatal_error_message(event):
            if self._connector.has_fallback:
                return Closed(FATAL_CLOSE, reason)
            if not self._is_end_reported:
                self._is_end_reported = True
                # The engine ends with the event itself.
                self._lost(ServiceError(leg.host, reason))
        if self._handle_internal_error(event):
            return None
        if refusal := self._settings.refusal(event):
            if not self._settings.refused_for_good:
                self._ask_again(refusal)
                return None
            if closed := self._refused(refusal):
                return closed
            event, text = refusal, json.dumps(refusal)
        request, is_owed = leg.state.unconfirmed_request, self._state.turns.is_response_owed
        repaired = self._repair.complete(event, request=request, is_owed=is_owed)
        if self._repair.dropped:
            self._drop(event, self._repair.dropped)
        for each in repaired:
            self._accept(each, text if each is event else None)
        if repaired and self._repair.is_to_be_ended:
            self._output_at = time.monotonic()
            asyncio.get_running_loop().call_later(QUIET_SECONDS, self._end_repaired)
        self._rollover.on_activity_changed()
        return None

    def _end_repaired(self) -> None:
        """End the response that ``ResponseRepair`` announced, if nothing more has come of it."""
        if time.monotonic() - self._output_at >= QUIET_SECONDS and not self._closing:
            for event in self._repair.end():
                self._accept(event)

    def _accept(self, event: Event, text: str | None = None) -> None:
        """Take note of ``event``, and pass it on."""
        leg = self._connection
        if not self._flood.lets_through(event, leg.state, time.monotonic()):
            self._drop(event, "too_many")
            return
        hidden, is_stray = leg.is_replay_echo(event), self._is_stray_end(event)
        for difference in leg.on_server_event(event):
            self._notify(setting_differs_notice(difference))
        self._state.on_server_event(event, hidden=hidden)
        if event.get("type") == "session.updated":
            self._settle()
            self._resumer.service_confirms = True
        for notice in () if is_stray else self._response_monitor.notices(event):
            self._notify(notice)
        self._send_queued_responses()
        if not hidden and self._response_monitor.should_forward(event):
            self._forward(event, text)

    def _is_stray_end(self, event: Event) -> bool:
        """Whether ``event`` ends a response that is not in flight, and that nobody asked for."""
        response_id = as_object(event.get("response")).get("id")
        return event.get("type") == "response.done" and not (
            self._event_filter.is_open(response_id)
            or self._connection.state.is_open_response(response_id)
            or self._connection.state.is_response_pending
        )

    def _forward(self, event: Event, text: str | None) -> None:
        before = self._event_filter.response
        if self._event_filter.should_forward(event, text):
            if before is not None and self._event_filter.response not in (before, None):
                # The engine would wait for the rest of the one before, for ever.
                self._send_to_plugin(cancelled_response_done(before))
            whole = self._whole_samples.take(event)
            if whole is not None:
                self._for_plugin.put(whole, text if whole is event else None)
        else:
            self._drop(event, self._event_filter.reason)

    def _drop(self, event: Event, reason: str) -> None:
        if notice := self._dropped.add(event, reason):
            self._notify(notice)

    def _handle_internal_error(self, event: Event) -> bool:
        """Whether ``event`` is dealt with here, and nothing for the engine."""
        error = as_object(event.get("error"))
        if event.get("type") != "error" or error.get("code") != "session_expired":
            return False
        logger.warning("%s: %s", self._connection.host, error.get("message"))
        return True

    def _ask_again(self, refusal: Event) -> None:
        """Send the settings that the service has refused once more."""
        error = refusal["error"]
        logger.warning(
            "%s refused the session's settings: %s",
            *(self._connection.host, bounded(str(error), 500)),
        )
        self._connection.on_server_event(refusal)
        self._state.accepted.on_server_event(refusal)
        again: Event = {**(self._settings.update or {}), "event_id": self._event_id()}
        self._settings.asked(again, time.monotonic())
        self._send_checked(again)

    def _refused(self, refusal: Event) -> Closed | None:
        """The service will not take the settings: ``Closed`` where another service may."""
        reason = brief(str(refusal["error"].get("message")))
        if self._connector.has_fallback:
            return Closed(FATAL_CLOSE, f"it refuses the session's settings: {reason}")
        self._settle()
        self._notify(Notice("settings_refused", {"reason": reason}, logging.ERROR))
        return None

    def _lost(self, error: ServiceError) -> None:
        """The service is gone for good."""
        logger.error("%s", error)
        self._notify(Notice("connection_lost", {"reason": str(error)}, logging.ERROR))

    def _notify(self, notice: Notice) -> None:
        logger.log(
            notice.level, "%s: %s", self._connection.host, notice, extra={"notice": notice.name}
        )
        if self._on_notice is not None:
            self._on_notice(notice)

    # From one leg to the next.

    async def _recover(self, error: ServiceError) -> None:
        """The leg is lost: have another. Raises ``ServiceError`` where there is none to be had."""
        began = time.monotonic()
        self._rollover.stop()
        self._end_lost_connection()
        self._close_in_background(self._connection)
        self._connector.on_failure(error)
        self._switch_to(await self._resumer.connect())
        after_ms = round((time.monotonic() - began) * 1000)
        self._notify(Notice("reconnected", {"reason": error.reason, "after_ms": after_ms}))

    def _end_lost_connection(self) -> None:
        """End for the engine what the leg will not bring, and hold what is to be sent again."""
        self._connected = False
        self._repair.forget()
        waiting = self._connection.response_queue.waiting
        loss = self._state.on_connection_lost(self._connection.state, waiting, self._event_id())
        if loss.response_lost:
            self._notify(Notice("reply_lost", {"asked_again": loss.response_requested_again}))
        for event in loss.plugin_events:
            if self._event_filter.should_forward(event):
                self._send_to_plugin(event)

    def _switch_to(self, leg: ServiceConnection) -> None:
        """From here on ``leg`` is the call's connection."""
        if self._connected:
            self._end_lost_connection()
            self._connection.wake()
            self._close_in_background(self._connection)
            logger.info("moved to another connection at %s", leg.host)
        self._connection, self._connected = leg, True
        if leg.confirmed is not None:
            self._settings.settled = True
        if leg.confirmed is False:
            self._notify(Notice("settings_unconfirmed"))
        for update in self._resumer.changed_settings(leg):
            self._send_checked(update)
        self._resumer.sync_history(leg)
        for each in self._state.take_held_events():
            for piece in each.audio:
                leg.send_audio(piece)
            if each.event.get("type") == "input_audio_buffer.commit":
                self._send_checked(each.event, each.audio)
            else:
                self._send(each.event)
        for piece in self._state.uncommitted_audio.chunks():
            leg.send_audio(piece)
        self._rollover.start(leg)

    def _close_in_background(self, leg: ServiceConnection) -> None:
        """Close ``leg`` without waiting for it: a dead connection takes its time."""
        leaving = asyncio.create_task(leg.close())
        self._closing_connections.add(leaving)
        leaving.add_done_callback(self._closing_connections.discard)

    def _activity(self) -> CallActivity:
        leg = self._connection
        return self._state.activity(answering=leg.is_responding, settled=leg.is_settled)

    def _event_id(self) -> str:
        return f"event_wire_{next(self._numbers)}"


def _keep_private(event: Event) -> None:
    """Keep the instructions that ``event`` carries out of logs and notices."""
    for key in ("session", "response"):
        instructions = as_object(event.get(key)).get("instructions")
        if isinstance(instructions, str):
            add_private(instructions)
