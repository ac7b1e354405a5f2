"""One reply in the face: its mouth, which frames of it were drawn, and how far it has played."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from avatar_contracts.tts import TtsChunk, Viseme
from avatar_face.controls import REST, Mouth, Pose
from avatar_face.look import EASE_FRAMES, Look
from avatar_face.mouth import MouthTrack

MAX_GAP_S = 10.0  # a chunk further ahead than this of all before it is not believed
MAX_START_S = 3_600.0  # nor is one that would be that far into its reply
LOST_S = 2.0  # without progress for this long, a playing reply is taken to be silent
GONE_S = 10.0  # a held one is waited for this long
_RUN_ON_S = 0.5  # how long the playhead is believed to move after a report


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a drawn frame showed: enough to go on from it."""

    index: int
    look: Look
    pose: Pose


class Speech:
    """State of one reply. Times are seconds of the reply clock; `now` is the caller's steady clock.

    Attributes:
        first: The first frame whose sound this face has: not 0 when it takes over in the middle of a reply.
        index: The next frame.
        length_s: Length of the reply, known at its end.
        state: ``waiting`` to be played for the first time, ``playing``, or ``resting``: it was played and is silent,
            and may go on from about there.
        finished: The edge has played all of it.
        begun_at: When its first frames were wanted.
        awake_from: Moment before which no blink begins in it.
        look: Look of the newest frame.
        drawn: The newest frames that were drawn, without a break.
    """

    def __init__(self, chunk: TtsChunk, fps: int) -> None:
        """A reply that begins with `chunk`, which is still to be pushed."""
        self.turn, self.reply, self.rate = chunk.turn, chunk.reply, chunk.rate
        self._fps = fps
        self._track = MouthTrack(chunk.rate)
        self._origin = chunk.start
        self.first = self.index = math.ceil(chunk.start / chunk.rate * fps)
        self.length_s: float | None = None
        self._total: int | None = None
        self.state: Literal["waiting", "playing", "resting"] = "waiting"
        self.finished = False
        self.begun_at = -math.inf
        self.awake_from = -math.inf
        self.look = Look()
        self.drawn: deque[Drawn] = deque(maxlen=32)
        self._played_s = 0.0
        self._heard_at = 0.0

    # --- the sound ---------------------------------------------------------------------------------------------

    def push(self, chunk: TtsChunk) -> bool:
        """Add a chunk where it belongs: a lost one before it counts as silence, what is there already is left out.

        False when its rate or place cannot be right, and nothing was added.
        """
        missing = chunk.start - self._origin - self._track.samples
        beyond = self.length_s is not None and missing + len(chunk.pcm) // 2 > 0
        if chunk.rate != self.rate or missing > MAX_GAP_S * self.rate or beyond:
            return False
        if missing > 0:
            self._track.push(bytes(2 * missing))
        visemes = [Viseme(v.start - self._origin, v.name) for v in chunk.visemes if v.start >= self._origin]
        self._track.push(chunk.pcm[max(0, -missing) * 2 :], visemes)
        self._end_if_whole()
        return True

    def end(self, samples: int) -> None:
        """The reply is `samples` long in all; the last of them may be still to come."""
        self._total = samples
        self._end_if_whole()

    def _end_if_whole(self) -> None:
        have = self._origin + self._track.samples
        if self.length_s is None and self._total is not None and have >= self._total:
            self.length_s = have / self.rate
            self._track.end()

    @property
    def ready_s(self) -> float:
        """The mouth is known up to here."""
        return self._origin / self.rate + self._track.ready_s

    @property
    def end_index(self) -> int | None:
        """Its last frame, in which the mouth has shut; None while its length is unknown."""
        return None if self.length_s is None else math.ceil(self.length_s * self._fps) + EASE_FRAMES - 1

    @property
    def drawn_whole(self) -> bool:
        """There are no more frames."""
        end = self.end_index
        return end is not None and self.index > end

    def mouth(self, at_s: float) -> Mouth:
        """Shape of the mouth at a moment."""
        return self._track.shape(at_s - self._origin / self.rate) if at_s * self.rate >= self._origin else REST

    def loudness(self, at_s: float) -> float:
        """Loudness 0..1 at a moment."""
        return self._track.loudness(at_s - self._origin / self.rate) if at_s * self.rate >= self._origin else 0.0

    # --- the playhead ------------------------------------------------------------------------------------------

    def play(self, played_s: float, now: float) -> None:
        """The edge told how far it has played, and plays."""
        self.state, self._played_s, self._heard_at = "playing", played_s, now

    def rest(self, now: float) -> None:
        """It is silent for now, whoever says so."""
        self._played_s = self.playhead(now)
        self.state, self._heard_at = "resting", now

    def playhead(self, now: float) -> float:
        """Seconds played; an estimate that runs on for half a second between two reports."""
        return self._played_s + (min(now - self._heard_at, _RUN_ON_S) if self.state == "playing" else 0.0)

    def lost(self, now: float) -> bool:
        """Whether the edge has been silent about it for too long."""
        silence_s = {"waiting": math.inf, "playing": LOST_S, "resting": GONE_S}[self.state]
        return now - self._heard_at > silence_s

    def covered(self, now: float) -> bool:
        """Whether a frame that was drawn is still to be seen at the playhead."""
        return self.state == "playing" and self.playhead(now) * self._fps < self.index
