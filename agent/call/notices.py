"""Notices of a call as attributes of the agent participant, which the client reads."""

from __future__ import annotations

from agent.call.attributes import RoomAttributes
from agent.call.events import EventSubscription, Notice


class AttributePublisher:
    """A subscriber that sets an attribute for each kind of notice, such as
    ``agent.response_incomplete``, to the detail of the latest one: a JSON object."""

    def __init__(self, attributes: RoomAttributes) -> None:
        self._attributes = attributes

    async def run(self, events: EventSubscription) -> None:
        async for event in events:
            if isinstance(event, Notice):
                self._attributes.put(f"agent.{event.name}", event.detail)
