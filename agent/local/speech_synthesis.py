"""Speech synthesis with espeak-ng, for the stand-in and for the demo caller."""

from __future__ import annotations

import ctypes
import re
import threading
from collections import OrderedDict
from typing import Any, Protocol

import espeakng_loader

from agent.errors import LocalError
from agent.local.audio import SERVICE_RATE, resample

# espeak-ng's speak_lib.h: names and values as there.
_SYNCHRONOUS = 2
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_RATE = 1
_WORDS_A_MINUTE = 175

VARIANTS = {
    "alloy": "f2",
    "ash": "m3",
    "ballad": "m4",
    "cedar": "m1",
    "coral": "f4",
    "echo": "m2",
    "marin": "f1",
    "sage": "f3",
    "shimmer": "f5",
    "verse": "m7",
}
"""The espeak-ng voice variant for each voice of the Realtime API."""


class Speak(Protocol):
    """A function that returns ``text`` as PCM at 24 kHz; ``speed`` is a factor."""

    def __call__(
        self, text: str, *, voice: str = ..., language: str = ..., speed: float = ...
    ) -> bytes: ...

    def __hash__(self) -> int: ...


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Speech:
    """Synthesizes one utterance at a time and caches the results.

    The library keeps its state in globals, so there is one instance per process, with a lock.
    """

    def __init__(self, *, cache_bytes: int = 64 * 2**20) -> None:
        self._library: Any = None
        self._rate = 0
        self._parts: list[bytes] = []
        self._callback = _CALLBACK(self._on_samples)
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[str, str, str, float], bytes] = OrderedDict()
        self._max_cache_bytes = cache_bytes
        self._cached_bytes = 0

    def say(
        self, text: str, *, voice: str = "alloy", language: str = "en-us", speed: float = 1.0
    ) -> bytes:
        """Return ``text`` as speech, PCM at 24 kHz. ``speed`` is a factor, as in the Realtime API.

        An unknown ``voice``, such as a custom voice, has no variant. Raises ``LocalError`` if
        espeak-ng has no voice for ``language``.
        """
        key = (text, voice, language, speed)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
            pcm = resample(self._synthesize(*key), self._rate, SERVICE_RATE)
            self._cache_result(key, pcm)
            return pcm

    def _cache_result(self, key: tuple[str, str, str, float], pcm: bytes) -> None:
        self._cache[key] = pcm
        self._cached_bytes += len(pcm)
        while self._cached_bytes > self._max_cache_bytes and len(self._cache) > 1:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= len(dropped)

    def _synthesize(self, text: str, voice: str, language: str, speed: float) -> bytes:
        library = self._load()
        variant = f"+{VARIANTS[voice]}" if voice in VARIANTS else ""
        if library.espeak_SetVoiceByName(f"{language}{variant}".encode()) != 0:
            raise LocalError(
                f"espeak-ng has no voice for the language '{language}'.",
                "Use one that `espeak-ng --voices` lists, such as en-us, de or hi.",
            )
        library.espeak_SetParameter(_RATE, round(_WORDS_A_MINUTE * speed), 0)
        # espeak-ng reads markup as commands.
        encoded = re.sub(r"[<>\[\]]", " ", text).encode() + b"\0"
        self._parts.clear()
        library.espeak_Synth(encoded, len(encoded), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        return b"".join(self._parts)

    def _load(self) -> Any:
        if self._library is None:
            library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path().encode()
            self._rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
            if self._rate <= 0:
                raise LocalError(
                    f"espeak-ng did not start (code {self._rate}).",
                    f"Check that its data is in {data.decode()}, or reinstall espeakng-loader.",
                )
            library.espeak_SetSynthCallback(self._callback)
            self._library = library
        return self._library

    def _on_samples(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, count * 2))
        return 0


speech = Speech()
