"""One reply on its way from chunks to device samples. Pure logic; `Playout` holds the lock around it."""

from __future__ import annotations

import numpy as np
import soxr

from avatar_contracts import TtsChunk
from avatar_edge.audio import Pcm
from avatar_edge.heard import Heard, Script
from avatar_edge.jitter import JitterBuffer

CAPACITY_S = 120
"""Sound of one reply held ahead of its playing; a voice that runs further ahead is cut."""
GAP_S = 10
"""A chunk this far behind a gap is not believed: the gap would be silence."""
FADE_S = 0.01
AUDIBLE = 100
"""int16 amplitude (-50 dBFS) from which a sample counts as sound."""


class Track:
    """Collects a reply's chunks and gives samples at the device's rate.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        committed_at: Edge clock of its commit, None before.
        first_chunk_at: Edge clock of its first chunk, None before.
        started: Some of it has been handed to the output.
        audible: Some sound of it has been handed to the output.
        stopping: Why it is to end early, empty while it is not.
        underruns: Times it ran dry while playing.
        dry_since: Edge clock since which it has had nothing to play, None while it has.
    """

    def __init__(self, turn: int, reply: int, device_rate: int) -> None:
        self.turn = turn
        self.reply = reply
        self.rate = 0
        self.script = Script()
        self.committed_at: float | None = None
        self.first_chunk_at: float | None = None
        self.started = False
        self.audible = False
        self.stopping = ""
        self.underruns = 0
        self.dry_since: float | None = None
        self.jitter = JitterBuffer(GAP_S * 48_000)
        self._device_rate = device_rate
        self._resampler: soxr.ResampleStream | None = None
        self._flushed = False
        self._queue: list[Pcm] = []
        self._queued = 0
        self._given = 0
        self._fade_left = round(FADE_S * device_rate)

    @property
    def complete(self) -> bool:
        """All of its sound is here."""
        return self.jitter.complete

    @property
    def finished(self) -> bool:
        """All of its sound has been handed to the output."""
        return self.complete and not self._queued

    @property
    def buffered_s(self) -> float:
        """Seconds of sound that can be handed over now."""
        return self._queued / self._device_rate

    @property
    def position(self) -> float:
        """Samples of the reply clock handed to the output."""
        if not self.rate:
            return 0.0
        if self.finished:
            return float(self.jitter.position)
        return min(self._given * self.rate / self._device_rate, float(self.jitter.position))

    def heard(self, position: float) -> Heard:
        """What has been heard at a position of the reply clock."""
        return self.script.heard(round(position))

    def put(self, chunk: TtsChunk, now: float) -> bool:
        """Take a chunk; returns False when it comes twice, too late, too far ahead, or at another rate than before."""
        pcm = np.frombuffer(chunk.pcm, np.int16, count=len(chunk.pcm) // 2)
        if self.rate not in (0, chunk.rate) or self.buffered_s > CAPACITY_S or not self.jitter.put(chunk.start, pcm):
            return False
        self.rate = chunk.rate
        self.script.chunk(chunk)
        if self.first_chunk_at is None:
            self.first_chunk_at = now
        self._feed()
        return True

    def end(self, samples: int) -> None:
        """The reply is `samples` long in all."""
        self.jitter.total = samples
        self._feed()

    def read(self, count: int) -> Pcm:
        """Up to `count` device samples; fewer when it has run dry or fades out because it is stopping."""
        if self._queued < count and self.jitter.waiting:
            self.jitter.skip_hole()
            self._feed()
        if self.stopping:
            count = min(count, self._fade_left)
        pcm = self._pop(min(count, self._queued))
        if self.stopping:
            pcm = self._faded(pcm)
        self._given += len(pcm)
        return pcm

    @property
    def silent(self) -> bool:
        """It was stopped and has faded out, or has nothing left to fade."""
        return bool(self.stopping) and (self._fade_left <= 0 or not self._queued)

    def _faded(self, pcm: Pcm) -> Pcm:
        whole = round(FADE_S * self._device_rate)
        gain = (self._fade_left - np.arange(len(pcm))) / whole
        self._fade_left -= len(pcm)
        return (pcm * gain).astype(np.int16)

    def _feed(self) -> None:
        """Move what follows on without a break into the queue, at the device's rate."""
        pcm = self.jitter.take()
        last = self.complete and not self._flushed
        if not len(pcm) and not last:
            return
        if self.rate and self.rate != self._device_rate:
            if self._resampler is None:
                self._resampler = soxr.ResampleStream(self.rate, self._device_rate, 1, dtype="int16", quality="HQ")
            pcm = self._resampler.resample_chunk(pcm, last=last)
        self._flushed |= last
        if len(pcm):
            self._queue.append(pcm)
            self._queued += len(pcm)

    def _pop(self, count: int) -> Pcm:
        parts: list[Pcm] = []
        left = count
        while left > 0:
            head = self._queue[0]
            if len(head) <= left:
                parts.append(head)
                self._queue.pop(0)
                left -= len(head)
            else:
                parts.append(head[:left])
                self._queue[0] = head[left:]
                left = 0
        self._queued -= count
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)
