"""Which of the caller's audio leaves, where the worker itself detects speech. Pure.

The service commits whatever it was sent, and bills it: silence, and the agent's own voice from
the caller's loudspeaker (upstream 1.8.9, defect D14). So nothing leaves until speech is detected;
then the audio just before it, and what follows, a little behind: the silence that ends a turn is
recognised only once it has lasted, and is held back until then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from agent.realtime.protocol.audio import AudioChunk


class AudioGate:
    """Holds chunks of audio, oldest first, and says which may leave."""

    def __init__(self, *, pre_roll_ms: float, lag_ms: float, keep_ms: float = 100.0) -> None:
        """``pre_roll_ms`` is sent from before speech was detected, ``lag_ms`` is held back while it
        lasts, and of that ``keep_ms`` leave when it ends."""
        self._pre_roll_ms = pre_roll_ms
        self._lag_ms = max(lag_ms, keep_ms)
        self._keep_ms = keep_ms
        self._held: deque[AudioChunk] = deque()
        self._held_ms = 0.0
        self._open = False

    def another(self) -> AudioGate:
        """A gate of the same measures, closed and empty."""
        return AudioGate(pre_roll_ms=self._pre_roll_ms, lag_ms=self._lag_ms, keep_ms=self._keep_ms)

    def push(self, chunk: AudioChunk) -> Iterator[AudioChunk]:
        """Take a chunk from the microphone; the chunks that may leave now."""
        self._held.append(chunk)
        self._held_ms += chunk.duration_ms
        bound = self._lag_ms if self._open else self._pre_roll_ms
        while self._held and self._held_ms - self._held[0].duration_ms >= bound:
            oldest = self._next()
            if self._open:
                yield oldest

    def open(self) -> Iterator[AudioChunk]:
        """Speech has begun: the chunks from before it."""
        self._open = True
        while self._held and self._held_ms > self._lag_ms:
            yield self._next()

    def close(self) -> Iterator[AudioChunk]:
        """Speech has ended, the length of the lag ago: its last chunks."""
        if not self._open:
            return
        self._open = False
        left_ms = self._keep_ms
        while self._held and left_ms > 0:
            left_ms -= self._held[0].duration_ms
            yield self._next()

    def clear(self) -> None:
        """Nothing that came so far is to leave."""
        self._held.clear()
        self._held_ms = 0.0

    def _next(self) -> AudioChunk:
        chunk = self._held.popleft()
        self._held_ms -= chunk.duration_ms
        return chunk
