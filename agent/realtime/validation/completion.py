"""What the plugin leaves out, drops or makes up, put right before an event leaves."""

from __future__ import annotations

from typing import Any

from agent.realtime.protocol.dialects import Dialect, Event
from agent.realtime.protocol.session_merge import merge_session

PLACEHOLDER_MODEL = "gpt-realtime"
"""The model that the plugin is given where nobody knows which model a deployment holds."""


def complete_session_update(
    event: Event, parameters: dict[str, Any], dialect: Dialect, *, first: bool, model: str
) -> Event:
    """``event``, a ``session.update`` of the plugin in GA spelling, as it should have been.

    ``parameters`` is the GA ``session`` object that was asked for. It is laid over the ``first``
    update of a connection, which is the one that configures the session; later ones change
    something on purpose and keep what they say. ``model`` is the one that the plugin was given.
    """
    session = dict(event["session"])
    # The URL chose the model, and the plugin names it all the same, with new tools for example.
    # Another one is a user's own mistake, for the rules to tell.
    if session.get("model") == model:
        del session["model"]
    if first:
        session = merge_session(session, parameters)
    if dialect.flat and first:
        _drop_what_the_plugin_made_up(session)
    return {**event, "session": session}


def _drop_what_the_plugin_made_up(session: dict[str, Any]) -> None:
    """The plugin always states these; flat services have no such keys or refuse them."""
    if session.get("tracing") is None:
        session.pop("tracing", None)
    output = session.get("audio", {}).get("output", {})
    if output.get("speed") == 1.0:
        session["audio"] = {
            **session["audio"],
            "output": {key: value for key, value in output.items() if key != "speed"},
        }
