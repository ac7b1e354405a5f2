"""One reply in the face: its mouth, which frames of it were drawn, and how far it has played."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from avatar_contracts.tts import TtsChunk, Viseme
from avatar_face.controls import REST, Mouth
from avatar_face.mouth import MouthTrack

MAX_GAP_S = 10.0  # a chunk further ahead than this of all before it is not believed
MAX_START_S = 3_600.0  # nor is one that would be that far into its reply
LOST_S = 2.0  # without progress for this long, a playing reply is taken to have stopped


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a drawn frame showed: enough to go on from it."""

    index: int
    mouth: Mouth
    presence: int
    energy: float


class Speech:
    """State of one reply. Times are seconds of the reply clock; `now` is the caller's steady clock.

    Attributes:
        first: The first frame this face draws: not 0 when it takes over in the middle of a reply.
        index: The next frame.
        length_s: Length of the reply, known at its end.
        life: The life clock at the first frame.
        energy: Liveliness before the first frame.
        waiting_since: When the first sound came.
        drawn: The newest frames that were drawn.
    """

    def __init__(self, chunk: TtsChunk, fps: int, now: float) -> None:
        """A reply that begins with `chunk`, which is still to be pushed."""
        self.turn, self.reply, self.rate = chunk.turn, chunk.reply, chunk.rate
        self._track = MouthTrack(chunk.rate)
        self._origin = chunk.start
        self.first = self.index = math.ceil(chunk.start / chunk.rate * fps)
        self.length_s: float | None = None
        self.life = self.energy = 0.0
        self.waiting_since = now
        self.drawn: deque[Drawn] = deque(maxlen=32)
        self._played_s: float | None = None
        self._heard_at = 0.0

    # --- the sound ---------------------------------------------------------------------------------------------

    def push(self, chunk: TtsChunk) -> bool:
        """Add a chunk where it belongs: a lost one before it counts as silence, what is there already is left out.

        False when its rate or place cannot be right, and nothing was added.
        """
        missing = chunk.start - self._origin - self._track.samples
        if chunk.rate != self.rate or missing > MAX_GAP_S * self.rate:
            return False
        if missing > 0:
            self._track.push(bytes(2 * missing))
        visemes = [Viseme(v.start - self._origin, v.name) for v in chunk.visemes if v.start >= self._origin]
        self._track.push(chunk.pcm[max(0, -missing) * 2 :], visemes)
        return True

    def end(self) -> None:
        """All sound has come."""
        self.length_s = (self._origin + self._track.samples) / self.rate
        self._track.end()

    @property
    def ready_s(self) -> float:
        """The mouth is known up to here."""
        return self._origin / self.rate + self._track.ready_s

    def mouth(self, at_s: float) -> Mouth:
        """Shape of the mouth at a moment."""
        return self._track.shape(at_s - self._origin / self.rate) if at_s * self.rate >= self._origin else REST

    def loudness(self, at_s: float) -> float:
        """Loudness 0..1 at a moment."""
        return self._track.loudness(at_s - self._origin / self.rate)

    # --- the playhead ------------------------------------------------------------------------------------------

    def progress(self, played_s: float, now: float) -> None:
        """The edge told how far it has played."""
        self._played_s, self._heard_at = played_s, now

    @property
    def playing(self) -> bool:
        """Whether any of it has been played."""
        return self._played_s is not None

    def playhead(self, now: float) -> float:
        """Seconds played; an estimate that runs on for half a second between two reports."""
        assert self._played_s is not None
        return self._played_s + min(now - self._heard_at, 0.5)

    def lost(self, now: float) -> bool:
        """Whether the edge has been silent about it for too long."""
        return self.playing and now - self._heard_at > LOST_S
