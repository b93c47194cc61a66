"""One connection: what is sent on it and what comes, between GA and the service's dialect.

    adaptation ─► response queue ─► dialect ─► guard ─► preconditions ─► socket
    response queue ◄─ dialect ◄─ socket

``ConnectionState`` gets every event that leaves and every one that comes; preconditions and
response queue read it. They work in GA, the guard in the service's own dialect.
"""

from __future__ import annotations

import json
import logging
import math
import time
from typing import Any

from agent.errors import Violation
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.connection.websocket import MAX_REASON, Closed, ServiceWebSocket
from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.protocol.dialects import Event, to_ga, to_service
from agent.realtime.protocol.event_json import parse, serialise
from agent.realtime.state.connection_state import ConnectionState, as_object
from agent.realtime.state.response_tracker import UNKNOWN
from agent.realtime.state.settings_comparison import SettingDifference, SettingsComparison
from agent.realtime.validation import preconditions
from agent.realtime.validation.guard import Guard
from agent.realtime.validation.response_queue import ResponseQueue
from agent.redaction import bounded

logger = logging.getLogger("agent.realtime")

DEFAULT_LIFE_SECONDS = 1800.0
"""Of a session whose service names no end: the shortest that was ever reported of one that has."""

MAX_LIFE_SECONDS = 86_400.0
"""A session that is said to last longer than a day, or to have ended before it began, has an end
in other units, or this machine's clock is wrong: the time is not believed."""
_LAST_TIME = 1e12
"""In Unix seconds, far from what a float can hold."""
REPLAY_EVENT_PREFIX = "event_replay_"
"""How the ids begin of the events that repeat settings and items to another connection."""

_ITEM_EVENTS = frozenset({"conversation.item.added", "conversation.item.done"})


class ServiceConnection:
    """A connection that is open."""

    def __init__(self, socket: ServiceWebSocket, target: ServiceTarget) -> None:
        self.target = target
        self.state = ConnectionState()
        self.response_queue = ResponseQueue(self.state.responses)
        self.opened_at = time.monotonic()
        self.expires_at = self.opened_at + DEFAULT_LIFE_SECONDS
        """When the service will end the session, by ``time.monotonic``."""
        self.last_received_at = self.opened_at
        """When the service last said anything."""
        self.response_active_at = self.opened_at
        """When the response in flight was asked for, or something of it last came."""
        self.confirmed: bool | None = None
        """The service has confirmed the settings that the call had, or it has not in time;
        ``None``: it was not asked for them before it became the call's connection."""
        self.replayed_items: dict[str, dict[str, Any]] = {}
        """Items that came from another connection, as they were replayed to this one."""
        self.taken: dict[str, Any] = {}
        """The settings of the call that were accepted when the connection was prepared."""
        self._deleting: set[str] = set()
        """Items whose deletion is nobody else's business."""
        self._socket = socket
        self._guard = Guard(target.endpoint.dialect, target.endpoint.context)
        self._dialect = target.endpoint.dialect
        self._settings_comparison = SettingsComparison()

    @property
    def host(self) -> str:
        return self.target.endpoint.host

    @property
    def has_spoken(self) -> bool:
        """The service has said something."""
        return self.last_received_at != self.opened_at

    @property
    def is_responding(self) -> bool:
        """A response is requested, owed by the service, or in flight."""
        responses = self.state.responses
        return (
            responses.active is not None
            or responses.unconfirmed_request is not None
            or responses.is_owed
            or bool(responses.out_of_band)
            or bool(self.response_queue.waiting)
        )

    @property
    def has_no_pending_answers(self) -> bool:
        """Whether all frames that came are processed and all ``session.update`` answered."""
        return self._socket.is_drained and self.state.pending_updates.oldest is None

    def shape_violations(self, event: Event) -> list[Violation]:
        """What is wrong with ``event``, in GA, whatever the conversation."""
        return self._guard.check(to_service(event, self._dialect))

    def violations(self, event: Event) -> list[Violation]:
        """What ``event``, in GA, would be refused for if it were to leave now."""
        event = preconditions.adapted(self.state, event) or event
        return self._refusals(event, to_service(event, self._dialect))

    def admit(self, event: Event) -> Event | None:
        """``event`` as it is to leave now; ``None`` where it is left out, or waits its turn."""
        adapted = preconditions.adapted(self.state, event)
        if adapted is None:
            logger.debug("left out, there is nothing to do: %s", event["type"])
        elif self.response_queue.admit(adapted):
            return adapted
        return None

    def send(self, event: Event) -> Violation | None:
        """The last look, and out; what it breaks, if it does not leave."""
        said = to_service(event, self._dialect)
        violations = self._refusals(event, said)
        text = violations[0] if violations else serialise(said)
        if isinstance(text, Violation):
            return text
        self.state.on_client_event(event)
        if self.state.responses.unconfirmed_request is event:
            self.response_active_at = time.monotonic()
        self._socket.send(text)
        return None

    def _refusals(self, event: Event, said: Event) -> list[Violation]:
        """What ``event``, ``said`` in the dialect, would be refused for as it stands."""
        return self._guard.check(said) or preconditions.precondition_violations(self.state, event)

    def send_audio(self, chunk: AudioChunk) -> None:
        """Send audio that ``parse_append`` has accepted."""
        self.state.on_audio_sent(chunk.size_bytes)
        self._socket.send(chunk.event_text)

    def has(self, item_id: str) -> bool:
        """Whether the service has the item, or is about to."""
        return item_id in self.state.items

    def replay_item(
        self, item_id: str, body: dict[str, Any], event_id: str, previous: str | None
    ) -> None:
        """Send an item of the history. The plugin does not get the service's announcement of it."""
        event: Event = {"type": "conversation.item.create", "event_id": event_id, "item": body}
        if previous is not None:
            event["previous_item_id"] = previous
        self.replayed_items[item_id] = body
        if violation := self.send(event):
            logger.warning("an item could not be said again: %s", violation.message)

    def delete_replayed_item(self, item_id: str, event_id: str) -> None:
        """Delete an item that was replayed. The plugin gets neither the service's answer nor its
        refusal."""
        del self.replayed_items[item_id]
        if not self.has(item_id):
            return  # it was refused
        self._deleting.add(item_id)
        event = {"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id}
        if violation := self.send(event):
            logger.warning("a replayed item could not be deleted: %s", violation.message)

    async def receive(self) -> str | Closed | None:
        """The next frame; ``None`` when woken up."""
        return await self._socket.receive()

    def wake(self) -> None:
        """Let ``receive`` return, if nothing comes."""
        self._socket.wake()

    async def close(self) -> None:
        await self._socket.close()

    def parse_frame(self, frame: str) -> tuple[Event, str] | None:
        """A frame of the service in GA, parsed and as text; ``None`` where it is none, or is
        nobody's business."""
        event = parse(frame)
        if isinstance(event, Violation) or not isinstance(event.get("type"), str):
            logger.warning("%s sent what is no event: %s", self.host, bounded(frame, MAX_REASON))
            return None
        self.last_received_at = time.monotonic()
        if self._dialect.flat:
            event = to_ga(event, self._dialect)
            frame = json.dumps(event)
        if self.response_queue.is_lost_race(event):
            logger.debug("a race was lost, nothing to do: %s", event["error"].get("message"))
            self.response_active_at = self.last_received_at
            return None
        return event, frame

    def on_server_event(self, event: Event) -> list[SettingDifference]:
        """Take note of ``event``; what the service has made of the settings it was asked for."""
        differences = []
        if event.get("type") == "session.updated":
            asked, got = self.state.pending_updates.oldest, event.get("session")
            if asked is not None and isinstance(got, dict):
                differences = self._settings_comparison.differences(asked, got)
        if event.get("type") == "session.created":
            self._created(as_object(event.get("session")))
        self.state.on_server_event(event)
        if self._is_of_active_response(event):
            self.response_active_at = time.monotonic()
        return differences

    def _is_of_active_response(self, event: Event) -> bool:
        """Whether ``event`` shows that the response in flight goes on. Others do not, such as
        ``rate_limits.updated``, which a service may send all the time."""
        if not str(event.get("type")).startswith("response."):
            return False
        response_id = event.get("response_id") or as_object(event.get("response")).get("id")
        active = self.state.responses.active
        return active is not None and (active == UNKNOWN or response_id in (None, active))

    def is_replay_echo(self, event: Event) -> bool:
        """Whether ``event`` is about what the plugin got from another connection already."""
        kind, item_id = event.get("type"), str(event.get("item_id"))
        if kind in _ITEM_EVENTS:
            return str(as_object(event.get("item")).get("id")) in self.replayed_items
        if kind == "error":
            error = as_object(event.get("error"))
            if str(error.get("event_id")).startswith(REPLAY_EVENT_PREFIX):
                message = error.get("message")
                logger.warning("%s refused what was said again: %s", self.host, message)
                return True
        if kind == "conversation.item.deleted" and item_id in self._deleting:
            self._deleting.discard(item_id)
            return True
        return False

    def _created(self, session: dict[str, Any]) -> None:
        expires = session.get("expires_at")
        if not isinstance(expires, int | float) or expires == 0:
            return
        left = expires - time.time() if abs(expires) < _LAST_TIME else math.inf
        if 0 < left <= MAX_LIFE_SECONDS:
            self.expires_at = time.monotonic() + left
        else:
            logger.warning(
                "%s says that its session ends at %.20s, which is no time to come; %g minutes are "
                "assumed. Is this machine's clock right?",
                self.host,
                expires,
                DEFAULT_LIFE_SECONDS / 60,
            )
