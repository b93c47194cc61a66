"""Speech from espeak-ng: the stand-in's voice, and the demo caller's."""

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
"""The espeak-ng voice variant that stands for each voice of the Realtime API."""


class Speak(Protocol):
    """Words as PCM at 24 kHz; ``speed`` is a factor, as in the Realtime API."""

    def __call__(
        self, text: str, *, voice: str = ..., language: str = ..., speed: float = ...
    ) -> bytes: ...

    def __hash__(self) -> int: ...


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Speech:
    """Turns text into PCM, one utterance at a time, and keeps what it made.

    The library keeps its state in globals: there is one instance a process, and a lock.
    """

    def __init__(self, *, cache_bytes: int = 64 * 2**20) -> None:
        self._library: Any = None
        self._rate = 0
        self._parts: list[bytes] = []
        self._callback = _CALLBACK(self._take)
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[str, str, str, float], bytes] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._made_bytes = 0

    def say(
        self, text: str, *, voice: str = "alloy", language: str = "en-us", speed: float = 1.0
    ) -> bytes:
        """``text`` spoken, as PCM at 24 kHz. ``speed`` is a factor, as in the Realtime API.

        An unknown ``voice`` speaks without a variant, as a custom voice would. Raises
        ``LocalError`` for a language that espeak-ng has no voice for.
        """
        key = (text, voice, language, speed)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
            pcm = resample(self._synthesise(*key), self._rate, SERVICE_RATE)
            self._keep(key, pcm)
            return pcm

    def _keep(self, key: tuple[str, str, str, float], pcm: bytes) -> None:
        self._made[key] = pcm
        self._made_bytes += len(pcm)
        while self._made_bytes > self._cache_bytes and len(self._made) > 1:
            _, dropped = self._made.popitem(last=False)
            self._made_bytes -= len(dropped)

    def _synthesise(self, text: str, voice: str, language: str, speed: float) -> bytes:
        library = self._load()
        variant = f"+{VARIANTS[voice]}" if voice in VARIANTS else ""
        if library.espeak_SetVoiceByName(f"{language}{variant}".encode()) != 0:
            raise LocalError(
                f"espeak-ng has no voice for the language '{language}'.",
                "Name one that `espeak-ng --voices` lists, such as en-us, de or hi.",
            )
        library.espeak_SetParameter(_RATE, round(_WORDS_A_MINUTE * speed), 0)
        # Markup would be read as commands to the synthesiser.
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
                raise LocalError("espeak-ng did not start.", f"Its data should be in {data!r}.")
            library.espeak_SetSynthCallback(self._callback)
            self._library = library
        return self._library

    def _take(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, count * 2))
        return 0


speech = Speech()
