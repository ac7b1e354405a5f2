"""What a face can do in one frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mouth:
    """Shape of the mouth; all zero is the photo's own rest.

    `jaw` 0..0.55 opens, `wide` -1..1 pulls the corners apart, `round` 0..1 draws them together and pouts, `close`
    0..1 presses the lips shut, `lip` 0..1 bares the teeth, -1..0 tucks the lower lip under the upper teeth ("f").
    """

    jaw: float = 0.0
    wide: float = 0.0
    round: float = 0.0
    close: float = 0.0
    lip: float = 0.0

    def scaled(self, share: float) -> Mouth:
        """The same shape, smaller."""
        return Mouth(self.jaw * share, self.wide * share, self.round * share, self.close * share, self.lip * share)


REST = Mouth()


@dataclass(frozen=True, slots=True)
class Pose:
    """Head, eyes and breath.

    `blink` 0 open to 1 shut; gaze -1..1 to the edges of the eye; `yaw`, `pitch`, `roll` in radians; shifts in face
    heights; `breath` 0..1.
    """

    blink: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    breath: float = 0.0


STILL = Pose()
