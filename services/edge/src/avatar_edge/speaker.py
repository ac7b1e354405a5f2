"""Sound outputs without hardware: memory, a WAV file, nothing."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from avatar_edge.audio import Pcm, Source
from avatar_edge.errors import AudioFileError
from avatar_edge.pacing import PacedThread

BLOCK_S = 0.01


class NullOut:
    """Plays to nobody at real-time pace, in blocks of 10 ms."""

    acoustic = False

    def __init__(self, rate: int = 48_000, latency_s: float = 0.0) -> None:
        self._rate = rate
        self._latency_s = latency_s
        self._block = round(rate * BLOCK_S)
        self._source: Source | None = None
        self._thread: PacedThread | None = None

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._rate

    @property
    def latency_s(self) -> float:
        """From handing a sample over to its sounding."""
        return self._latency_s

    @property
    def began_at(self) -> float:
        """Edge clock at which the first sample sounded."""
        return self._thread.began_at + self._latency_s if self._thread else 0.0

    def open(self, source: Source) -> None:
        """See `AudioOut.open`."""
        self._source = source
        self._thread = PacedThread("audio-out", self._block / self._rate, self._tick)
        self._thread.start()

    def close(self) -> None:
        """See `AudioOut.close`."""
        if self._thread is not None:
            self._thread.stop()

    def _tick(self, index: int, due: float) -> None:
        assert self._source is not None
        self._keep(index, self._source(self._block, due + self._latency_s))

    def _keep(self, index: int, pcm: Pcm) -> None:
        pass


class MemoryOut(NullOut):
    """Keeps everything it played, up to ten minutes."""

    def __init__(self, rate: int = 48_000, latency_s: float = 0.0) -> None:
        super().__init__(rate, latency_s)
        self._blocks: list[tuple[int, Pcm]] = []
        self._most = round(600 / BLOCK_S)

    def samples(self) -> Pcm:
        """Everything played, int16; sample 0 sounded at `began_at`."""
        blocks = list(self._blocks)
        if not blocks:
            return np.zeros(0, np.int16)
        out = np.zeros((blocks[-1][0] + 1) * self._block, np.int16)
        for index, pcm in blocks:
            out[index * self._block : index * self._block + len(pcm)] = pcm
        return out

    def _keep(self, index: int, pcm: Pcm) -> None:
        if len(self._blocks) < self._most:
            self._blocks.append((index, pcm))


class FileOut(NullOut):
    """Writes everything it plays to a WAV file."""

    def __init__(self, path: Path | str, rate: int = 48_000, latency_s: float = 0.0) -> None:
        super().__init__(rate, latency_s)
        self._path = Path(path)
        self._file: wave.Wave_write | None = None
        self._next = 0

    def open(self, source: Source) -> None:
        """See `AudioOut.open`; raises `AudioFileError` when the file cannot be written."""
        try:
            self._raw = self._path.open("wb")
        except OSError as error:
            raise AudioFileError(f"{self._path} cannot be written: {error.strerror or error}") from error
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 - closed in close
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(self._rate)
        super().open(source)

    def close(self) -> None:
        """See `AudioOut.close`; the file is complete afterwards."""
        super().close()
        if self._file is not None:
            self._file.close()
            self._raw.close()
            self._file = None

    def _keep(self, index: int, pcm: Pcm) -> None:
        assert self._file is not None
        if index > self._next:  # the process was suspended: keep the file on time
            self._file.writeframes(bytes(2 * self._block * (index - self._next)))
        self._file.writeframes(pcm.tobytes())
        self._next = index + 1
