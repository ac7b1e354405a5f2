"""Smart Turn v3: does what was just said sound finished?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from avatar_asr import assets
from avatar_asr.inference import open_model

if TYPE_CHECKING:
    import onnxruntime as ort

WINDOW_SAMPLES = 8 * 16_000
_FFT = 400
_HOP = 160
_MELS = 80

Floats = npt.NDArray[np.float32]


class SmartTurn:
    """The model, shared by all sessions; `probability` may be called from several threads."""

    def __init__(self) -> None:
        self._session: ort.InferenceSession | None = None

    def load(self) -> None:
        """Read the model; raises `EngineUnavailable` when its package is missing."""
        path = assets.find("pipecat", "audio", "turn", "smart_turn", "data", "smart-turn-v3.2-cpu.onnx")
        self._session = open_model(path)

    def probability(self, samples: Floats) -> float:
        """The probability that the speech in `samples` (16 kHz, ±1, ending now) is a finished turn.

        The last 8 s count; shorter speech is padded with silence in front. About 45 ms on one core.
        """
        assert self._session is not None, "load() first"
        features = log_mel(window(samples))
        return float(self._session.run(None, {"input_features": features[None]})[0][0, 0])


def window(samples: Floats) -> Floats:
    """The last 8 s of `samples` with zero mean and unit variance, silence in front: [128000] float32."""
    samples = samples[-WINDOW_SAMPLES:]
    padded = np.zeros(WINDOW_SAMPLES, dtype=np.float32)
    padded[WINDOW_SAMPLES - len(samples) :] = samples
    centred = padded - padded.mean()
    scaled: Floats = (centred / np.sqrt(np.square(centred).mean() + 1e-7)).astype(np.float32)
    return scaled


def log_mel(samples: Floats) -> Floats:
    """Whisper's log-mel spectrogram of `samples` [n]: [80, n // 160] float32.

    As in OpenAI's Whisper, `log_mel_spectrogram`: periodic Hann window of 400, hop 160, reflected edges, the last
    frame dropped, Slaney mel filters, log10 held within 8 of its peak, then (x + 4) / 4.
    """
    padded = np.pad(samples.astype(np.float64), _FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][: len(samples) // _HOP]
    spectrum = np.fft.rfft(frames * _HANN, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    log = np.log10(np.maximum(power @ _FILTERS, 1e-10))
    log = (np.maximum(log, log.max() - 8.0) + 4.0) / 4.0
    return np.ascontiguousarray(log.T, dtype=np.float32)


def _mel_filters() -> npt.NDArray[np.float64]:
    """Slaney's area-normalised triangles, 0 to 8 kHz: [201, 80]."""
    # Linear below 1 kHz at 200/3 Hz a mel, then 27 mels for each factor of 6.4.
    top = 15.0 + 27.0 * np.log(8_000 / 1_000) / np.log(6.4)
    mels = np.linspace(0.0, top, _MELS + 2)
    hz = np.where(mels < 15.0, mels * 200.0 / 3.0, 1_000.0 * np.exp((mels - 15.0) * np.log(6.4) / 27.0))
    bins = np.linspace(0.0, 8_000.0, _FFT // 2 + 1)[:, None]
    rising = (bins - hz[:-2]) / (hz[1:-1] - hz[:-2])
    falling = (hz[2:] - bins) / (hz[2:] - hz[1:-1])
    filters: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (hz[2:] - hz[:-2]))
    return filters


_HANN = np.hanning(_FFT + 1)[:-1]
_FILTERS = _mel_filters()
