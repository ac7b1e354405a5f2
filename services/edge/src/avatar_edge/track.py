"""One reply on its way from chunks to device samples. Pure logic; `Playout` holds the lock around it."""

from __future__ import annotations

import numpy as np
import soxr

from avatar_contracts import TtsChunk
from avatar_edge.audio import Pcm
from avatar_edge.gain import DUCK_LEVEL, DUCK_S, FADE_S, UNDUCK_S, Ramp
from avatar_edge.heard import Heard, Script
from avatar_edge.jitter import JitterBuffer
from avatar_edge.tape import Tape
from avatar_edge.tempo import SLOWEST, Tempo

CAPACITY_S = 120
"""Sound of one reply held ahead of its playing; a voice that runs further ahead is cut."""
GAP_S = 10
"""A chunk this far behind a gap is not believed: the gap would be silence."""
KEPT_S = 3
"""Sound kept after it was played, to go back to; no phrase start lies further back than that matters."""
AUDIBLE = 100
"""int16 amplitude (-50 dBFS) from which a sample counts as sound."""
SPARE_S = 0.1
"""This much more than is wanted must be there before pauses are shortened."""


class Track:
    """Collects a reply's chunks and gives samples at the device's rate.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        committed_at: Edge clock of its commit, None before.
        interruptible: The person's voice may duck and hold it.
        first_chunk_at: Edge clock of its first chunk, None before.
        started: Some of it has been handed to the output.
        audible: Some sound of it has been handed to the output.
        held: It is silent for now and may go on.
        stopping: Why it is to end early, empty while it is not.
        underruns: Times it ran dry while playing.
        dry_since: Edge clock since which it has had nothing to play, None while it has.
        wanted_s: Seconds of sound it had better have left, so that a link that stutters is not heard; 0 on a good one.
        speed: At which its clock moved over what `read` gave last: 1 unless its supply ran low, or had.
        late_s: How much later than spoken it has become for want of sound.
    """

    def __init__(self, turn: int, reply: int, device_rate: int) -> None:
        self.turn = turn
        self.reply = reply
        self.rate = 0
        self.script = Script()
        self.committed_at: float | None = None
        self.interruptible = True
        self.first_chunk_at: float | None = None
        self.started = False
        self.audible = False
        self.held = False
        self.stopping = ""
        self.underruns = 0
        self.dry_since: float | None = None
        self.wanted_s = 0.0
        self.speed = 1.0
        self.late_s = 0.0
        self.jitter = JitterBuffer(GAP_S * 48_000)
        self._device_rate = device_rate
        self._resampler: soxr.ResampleStream | None = None
        self._flushed = False
        self._tape = Tape(KEPT_S * device_rate)
        self._tempo = Tempo(device_rate)
        self._block = np.zeros(0, np.int16)
        self._block_pace = 1.0
        self._farthest = 0.0
        self._holding = False
        self._fade = Ramp()
        self._duck = Ramp()

    # --- how far it is -----------------------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """All of its sound is here."""
        return self.jitter.complete

    @property
    def finished(self) -> bool:
        """All of its sound has been handed to the output."""
        return self.complete and not self._tape.left and not len(self._block)

    @property
    def buffered_s(self) -> float:
        """Seconds of sound that can be handed over now."""
        return self._tape.left / self._device_rate

    @property
    def position(self) -> float:
        """Samples of the reply clock handed to the output."""
        if not self.rate:
            return 0.0
        if self.finished:
            return float(self.jitter.position)
        return min(self._played * self.rate / self._device_rate, float(self.jitter.position))

    @property
    def _played(self) -> float:
        """The same in samples of the tape."""
        return self._tape.position + self._tempo.ahead - len(self._block) * self._block_pace

    def heard(self, position: float) -> Heard:
        """What has been heard at a position of the reply clock, also of what has been heard before."""
        return self.script.heard(round(max(position, self._farthest)))

    def text_heard(self, position: float) -> str:
        """The words of it."""
        return self.script.text_heard(round(max(position, self._farthest)))

    # --- from the voice ----------------------------------------------------------------------------------------

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

    # --- to the output -----------------------------------------------------------------------------------------

    def read(self, count: int) -> Pcm:
        """Up to `count` device samples; fewer when it has run dry or has faded out."""
        if self._tape.left + len(self._block) < count and self.jitter.waiting:
            self.jitter.skip_hole()
            self._feed()
        if self.stopping or self._holding:
            count = min(count, self._fade.left)
        return self._duck.apply(self._fade.apply(self._paced(count)))

    def _paced(self, count: int) -> Pcm:
        """`count` samples of the tape, slower while it runs low, faster in pauses when it is late."""
        if not self.wanted_s and not self.late_s and not len(self._block) and not self._tempo.ahead:
            self.speed = 1.0
            return self._tape.read(count)
        before, parts, missing = self._played, list[Pcm](), count
        while missing > 0:
            if not len(self._block) and not self._next_block():
                parts.append(self._tape.read(missing))
                break
            parts.append(self._block[:missing])
            self._block = self._block[missing:]
            missing -= len(parts[-1])
        pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        self.speed = (self._played - before) / len(pcm) if len(pcm) else 1.0
        return pcm

    def _next_block(self) -> bool:
        """Prepare a block at another pace than 1; False when there is no reason to."""
        left_s, block, tempo = self.buffered_s, None, self._tempo
        if left_s < self.wanted_s and not self.complete:
            block = tempo.slow(self._tape, max(SLOWEST, left_s / self.wanted_s))
        elif self.late_s > 0.0 and (self.complete or left_s > self.wanted_s + SPARE_S):
            tempo.settle()
            block = tempo.skip(self._tape)
        if block is None:
            tempo.settle()
            return False
        self._block, self._block_pace = block.pcm, block.consumed / len(block.pcm)
        self.late_s = max(0.0, self.late_s + (len(block.pcm) - block.consumed) / self._device_rate)
        return True

    def starved(self, count: int) -> None:
        """`count` device samples of silence stood in for sound that had not come."""
        if self.wanted_s:
            self.late_s += count / self._device_rate

    @property
    def silent(self) -> bool:
        """It is to stop or to be held, and has faded out or has nothing left to fade."""
        return bool(self.stopping or self._holding) and (self._fade.silent or not (self._tape.left or len(self._block)))

    def stop(self, why: str) -> None:
        """Fade out, not to come back; the first reason counts."""
        self.stopping = self.stopping or why
        self._fade.to(0.0, round(FADE_S * self._device_rate))

    def hold(self) -> None:
        """Fade out; `go_on` brings it back."""
        if not self.held:
            self._holding = True
            self._fade.to(0.0, round(FADE_S * self._device_rate))

    def go_on(self) -> None:
        """Fade in again, at the start of the word or phrase where it fell silent."""
        self.held = self._holding = False
        self.dry_since = None
        self._farthest = max(self._farthest, self.position)
        start = self.script.again(round(self.position))
        self._tape.wind_to(min(round(start * self._device_rate / self.rate), self._tape.position))
        self._tempo.settle()
        self._block = np.zeros(0, np.int16)
        self._duck.settle()
        self._fade = Ramp(0.0)
        self._fade.to(1.0, round(FADE_S * self._device_rate))

    def duck(self) -> None:
        """Make it faint."""
        self._duck.to(DUCK_LEVEL, round(DUCK_S * self._device_rate))

    def unduck(self) -> None:
        """Give it its level back, unless it is falling silent for good."""
        if self.stopping:
            return
        self._duck.to(1.0, round(UNDUCK_S * self._device_rate))

    def _feed(self) -> None:
        """Move what follows on without a break to the tape, at the device's rate."""
        pcm = self.jitter.take()
        last = self.complete and not self._flushed
        if not len(pcm) and not last:
            return
        if self.rate and self.rate != self._device_rate:
            if self._resampler is None:
                self._resampler = soxr.ResampleStream(self.rate, self._device_rate, 1, dtype="int16", quality="HQ")
            pcm = self._resampler.resample_chunk(pcm, last=last)
        self._flushed |= last
        self._tape.append(pcm)
