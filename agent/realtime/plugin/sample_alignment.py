"""Give the plugin whole 16-bit samples, wherever the service cuts its audio deltas. Pure.

The plugin refuses a delta with an odd number of bytes, whose audio is then never played
(livekit-agents 1.8.9, llm/_realtime/openai.py). The odd byte waits for the item's next delta.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from agent.realtime.protocol.audio import PLUGIN_FORMAT, decoded_bytes
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object

_DELTA = "response.output_audio.delta"
_SAMPLE_BYTES = PLUGIN_FORMAT.bytes_per_sample


class SampleAlignment:
    """One connection's."""

    def __init__(self) -> None:
        self._odd: dict[str, bytes] = {}
        """Half a sample, by the id of its item."""

    def take(self, event: Event) -> Event | None:
        """``event`` as the plugin may have it: itself where nothing is to be changed, ``None``
        where it holds less than a sample."""
        if event.get("type") == _DELTA:
            return self._delta(event, str(event.get("item_id")), event["delta"])
        if event.get("type") == "response.output_item.done":
            self._odd.pop(str(as_object(event.get("item")).get("id")), None)
        elif event.get("type") == "response.done":
            self._odd.clear()
        return event

    def forget(self) -> None:
        """Drop the halves: the connection that would bring the rest is gone."""
        self._odd.clear()

    def _delta(self, event: Event, item_id: str, delta: str) -> Event | None:
        if item_id not in self._odd and decoded_bytes(delta) % _SAMPLE_BYTES == 0:
            return event
        try:
            audio = b64decode(delta)
        except ValueError:
            return event  # the plugin's to refuse
        audio = self._odd.pop(item_id, b"") + audio
        whole = len(audio) // _SAMPLE_BYTES * _SAMPLE_BYTES
        if whole < len(audio):
            self._odd[item_id] = audio[whole:]
        if whole == 0:
            return None
        return {**event, "delta": b64encode(audio[:whole]).decode()}
