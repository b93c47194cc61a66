"""Recognition of a known set of English phrases by pocketsphinx.

On open speech its model is poor; against the few phrases of a script it is right nearly always,
which is all that a stand-in has to understand.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pocketsphinx

from agent.local.audio import resample, silence

_RATE = 16_000
_GRAMMAR = "phrases"

_PADDING_SECONDS = 0.3
_NOISE = 30
"""Peak of the faint noise laid under what is heard. The acoustic model was trained on real lines
and stumbles over digital silence: 57 of 80 generated phrases right without, 80 of 80 with it."""


class PhraseRecognizer:
    """A pool of decoders (about 90 MB each), made when they are first needed."""

    def __init__(self, *, decoders: int = 1) -> None:
        self._decoders = decoders
        self._pool = ThreadPoolExecutor(decoders, thread_name_prefix="ears")
        self._own = threading.local()

    async def hear(
        self, pcm: bytes, rate: int, phrases: Sequence[str], *, several: bool = False
    ) -> str | None:
        """The one of ``phrases`` that ``pcm`` most likely says, or ``None`` for none of them.

        With ``several``, as many of them as fit, one after the other: for words of which some
        may be said among others.
        """
        if not phrases:
            return None
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._decode, pcm, rate, tuple(phrases), several
        )

    def warm(self, phrases: Sequence[str]) -> None:
        """Make the decoders and their grammar now, so that the first turn does not wait."""
        for _ in range(self._decoders):
            self._pool.submit(self._decode, bytes(_RATE // 5), _RATE, tuple(phrases), False)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _decode(self, pcm: bytes, rate: int, phrases: tuple[str, ...], several: bool) -> str | None:
        decoder = self._decoder()
        by_words = {words: phrase for phrase in phrases if (words := self._words(phrase))}
        if not by_words:
            return None
        if getattr(self._own, "grammar", None) != (phrases, several):
            alternatives = f"( {' | '.join(by_words)} ){'+' if several else ''}"
            decoder.add_jsgf_string(
                _GRAMMAR, f"#JSGF V1.0; grammar phrases; public <phrase> = {alternatives};"
            )
            decoder.activate_search(_GRAMMAR)
            self._own.grammar = (phrases, several)
        decoder.start_utt()
        decoder.process_raw(_on_a_real_line(resample(pcm, rate, _RATE)), full_utt=True)
        decoder.end_utt()
        heard = decoder.hyp()
        if heard is None or several:
            return heard.hypstr if heard else None
        return by_words.get(heard.hypstr)

    def _decoder(self) -> pocketsphinx.Decoder:
        if not hasattr(self._own, "decoder"):
            self._own.decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL", samprate=_RATE)
        return self._own.decoder

    def _words(self, phrase: str) -> str:
        """``phrase`` in the decoder's spelling, without the words its dictionary lacks.

        A phrase with such a word, a name for example, is then missed in one case of five.
        """
        decoder = self._decoder()
        return " ".join(word for word in _spelling(phrase) if decoder.lookup_word(word))


def _on_a_real_line(pcm: bytes) -> bytes:
    padding = silence(_PADDING_SECONDS, _RATE)
    samples = np.frombuffer(padding + pcm + padding, np.int16).astype(np.int32)
    noise = np.random.default_rng(0).integers(-_NOISE, _NOISE, len(samples), endpoint=True)
    return (samples + noise).clip(-32768, 32767).astype(np.int16).tobytes()


@cache
def _spelling(phrase: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z']+", phrase.lower()))
