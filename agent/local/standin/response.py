"""A response: its settings, its items and its resource object."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent.local.standin.conversation import Item
from agent.local.standin.identifiers import new_id
from agent.local.standin.session_config import Config
from agent.local.standin.usage import OutputUsage

_OVERRIDABLE = (
    "output_modalities",
    "instructions",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "temperature",
)


def _ignore(_reason: str) -> None:
    pass


@dataclass(slots=True, eq=False)
class Response:
    """A response in progress. Its run in ``response_run`` fills it and ends it."""

    config: Config
    """The session's settings with those of the ``response.create`` over them."""
    metadata: Any
    is_out_of_band: bool
    """Whether it stays out of the conversation: its items are not added there."""
    output_usage: OutputUsage
    id: str = field(default_factory=lambda: new_id("resp"))
    items: list[Item] = field(default_factory=list)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first delta is sent, or when the response ends without one."""
    on_cancel: Callable[[str], None] = _ignore
    """Called with the reason of a cancellation; set by the run."""

    @classmethod
    def from_request(cls, config: Config, request: dict[str, Any]) -> Response:
        """Create a response for the ``response`` object of a ``response.create``, GA spelling."""
        config = _with_overrides(config, request)
        return cls(
            config=config,
            metadata=request.get("metadata"),
            is_out_of_band=is_out_of_band(request),
            output_usage=OutputUsage(config["max_output_tokens"]),
        )

    @property
    def has_audio(self) -> bool:
        return "audio" in self.config["output_modalities"]

    def cancel(self, reason: str) -> None:
        """End the response as cancelled; ``reason`` is the one of ``status_details``."""
        self.on_cancel(reason)

    def as_resource(self, status: str, *, conversation_id: str, is_flat: bool) -> dict[str, Any]:
        """Return the ``realtime.response`` object of the protocol, in the GA spelling."""
        output = self.config["audio"]["output"]
        temperature = {"temperature": self.config["temperature"]} if is_flat else {}
        return {
            **temperature,
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": None,
            "output": [item.body for item in self.items],
            "conversation_id": None if self.is_out_of_band else conversation_id,
            "output_modalities": self.config["output_modalities"],
            "max_output_tokens": self.config["max_output_tokens"],
            "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
            "usage": None,
            "metadata": self.metadata,
        }


def is_out_of_band(request: dict[str, Any]) -> bool:
    return bool(request.get("conversation") == "none")


def _with_overrides(config: Config, request: dict[str, Any]) -> Config:
    own = {key: request[key] for key in _OVERRIDABLE if request.get(key) is not None}
    output = {**config["audio"]["output"], **request.get("audio", {}).get("output", {})}
    return {**config, **own, "audio": {**config["audio"], "output": output}}
