"""The caller's audio that no connection has committed, kept in case the next one needs it. Pure.

A connection's end takes with it what it was sent and had not committed: half a sentence. What is
kept is the sentence, or where nobody speaks, the moment before one.
"""

from __future__ import annotations

from collections import deque

from agent.realtime.protocol.audio import AudioChunk

PRE_ROLL_MS = 6000.0
"""Kept while nobody is known to speak: a dead connection is noticed after 4.5 s, and until then
nobody says that the caller does."""
SENTENCE_MS = 30_000.0
"""The most of a sentence that is kept."""
STALE_SECONDS = 5.0
"""Audio that waited longer for a connection, and was no sentence that had begun, is let go."""


class UncommittedAudio:
    def __init__(self) -> None:
        self._kept: deque[tuple[AudioChunk, float]] = deque()
        self._ms = 0.0

    @property
    def duration_ms(self) -> float:
        """Milliseconds kept."""
        return self._ms

    def append(
        self, chunk: AudioChunk, now: float, *, speaking: bool, connected: bool = True
    ) -> None:
        """Keep ``chunk``, which came at ``now`` in seconds."""
        self._kept.append((chunk, now))
        self._ms += chunk.duration_ms
        bound = SENTENCE_MS if speaking or not connected else PRE_ROLL_MS
        while self._ms > bound:
            self._drop()
        if not connected and not speaking:
            while self._kept and now - self._kept[0][1] > STALE_SECONDS:
                self._drop()

    def chunks(self) -> list[AudioChunk]:
        """What a new connection is to be sent first."""
        return [chunk for chunk, _ in self._kept]

    def clear(self) -> list[AudioChunk]:
        """Forget all; what it was."""
        chunks = self.chunks()
        self._kept.clear()
        self._ms = 0.0
        return chunks

    def _drop(self) -> None:
        chunk, _ = self._kept.popleft()
        self._ms -= chunk.duration_ms
