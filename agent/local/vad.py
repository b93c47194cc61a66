"""Voice activity detection with Silero, for audio in pieces of any size."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

_RATE = 16_000
_WINDOW = 512
_CONTEXT = 64

WINDOW_MS = _WINDOW * 1000 // _RATE
"""The length of the model's window: 32 ms."""

SILENT_PEAK = 32
"""Speech is louder than this peak (-60 dBFS): quieter windows skip the model."""


@cache
def _model() -> Any:
    """Load the model file of livekit-plugins-silero without importing the plugin.

    The import would load all of livekit-agents (130 MB) into a process that does not need it.
    """
    spec = importlib.util.find_spec("livekit.plugins.silero")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "resources" / "silero_vad.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class VoiceActivity:
    """The probability of speech in each window of one audio stream at 24 kHz."""

    def __init__(self) -> None:
        self._state: npt.NDArray[np.float32] = np.zeros((2, 1, 128), np.float32)
        self._context: npt.NDArray[np.float32] = np.zeros(_CONTEXT, np.float32)
        self._pending: npt.NDArray[np.int16] = np.zeros(0, np.int16)

    def push(self, pcm: bytes) -> list[float]:
        """Add PCM at 24 kHz; return the probabilities, 0 to 1, of the windows it completes."""
        self._pending = np.concatenate([self._pending, np.frombuffer(pcm, np.int16)])
        size = _WINDOW * 3 // 2
        count = len(self._pending) // size
        windows, self._pending = self._pending[: count * size], self._pending[count * size :]
        return [self._probability(window) for window in windows.reshape(count, size)]

    def _probability(self, window: npt.NDArray[np.int16]) -> float:
        samples = _to_16_khz(window)
        if int(np.abs(window.astype(np.int32)).max()) < SILENT_PEAK:
            self._context = samples[-_CONTEXT:]
            return 0.0
        outputs = _model().run(
            None,
            {
                "input": np.concatenate([self._context, samples])[np.newaxis, :],
                "state": self._state,
                "sr": np.array(_RATE, np.int64),
            },
        )
        self._context, self._state = samples[-_CONTEXT:], outputs[1]
        return float(outputs[0].item())


def _to_16_khz(window: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Convert three samples to two, each a weighted mean: accurate enough for detection."""
    triples = window.reshape(-1, 3).astype(np.float32) / 32768
    pairs = np.empty((len(triples), 2), np.float32)
    pairs[:, 0] = triples[:, 0] * (2 / 3) + triples[:, 1] * (1 / 3)
    pairs[:, 1] = triples[:, 1] * (1 / 3) + triples[:, 2] * (2 / 3)
    return pairs.reshape(-1)
