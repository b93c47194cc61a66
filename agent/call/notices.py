"""Notices of a call as attributes of the agent participant, which the client reads."""

from __future__ import annotations

import logging

from agent.call.attributes import RoomAttributes
from agent.realtime.plugin.response_monitor import Notice

CONNECTION_LOST = "connection_lost"
"""Name of the notice that the call has no connection to a service, and gets no other."""


class NoticePublisher:
    """Publishes the latest notice of each kind: an attribute such as
    ``agent.response_incomplete``, a JSON object."""

    def __init__(self, attributes: RoomAttributes) -> None:
        self._attributes = attributes
        self._is_loss_published = False

    def publish(self, notice: Notice) -> None:
        self._is_loss_published |= notice.name == CONNECTION_LOST
        self._attributes.put(f"agent.{notice.name}", notice.detail)

    def publish_loss(self, reason: str) -> None:
        """Publish why the connection is gone for good, unless a notice has said so already."""
        if not self._is_loss_published:
            self.publish(Notice(CONNECTION_LOST, {"reason": reason}, logging.ERROR))
