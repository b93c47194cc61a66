"""Report what happens to a call's connection: to the log, and to whoever subscribed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.realtime.plugin.response_monitor import Notice

logger = logging.getLogger("agent.realtime")


class NoticePublisher:
    """Log each notice and pass it to one subscriber."""

    def __init__(self, on_notice: Callable[[Notice], None] | None = None) -> None:
        """``on_notice`` is called with each notice; ``None``: notices are only logged."""
        self._on_notice = on_notice
        self._is_loss_reported = False

    def publish(self, notice: Notice, host: str) -> None:
        """Report ``notice``, which concerns the service at ``host``."""
        extra = {"notice": notice.name}
        if "setting" in notice.detail:
            extra["setting"] = notice.detail["setting"]
        logger.log(notice.level, "%s: %s", host, notice, extra=extra)
        if self._on_notice is not None:
            self._on_notice(notice)

    def publish_connection_lost(self, reason: str, host: str) -> None:
        """Report, once, that no connection to the service can be had any more. A service may
        repeat the error that says so."""
        if not self._is_loss_reported:
            self._is_loss_reported = True
            self.publish(Notice("connection_lost", {"reason": reason}, logging.ERROR), host)
