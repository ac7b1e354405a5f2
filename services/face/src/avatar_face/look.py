"""What a frame shows besides the pose of the head: the mouth on its way open or shut, and how lively the face is."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_face.controls import REST, Mouth

EASE_FRAMES = 3  # frames in which the mouth opens from rest or shuts
_ENERGY_SHARE = 0.12  # of the way to the present loudness that liveliness goes per frame


@dataclass(frozen=True, slots=True)
class Look:
    """One frame's look; the next one follows from it.

    Attributes:
        mouth: The shape the sound asks for.
        presence: How much of it is shown, 0 to `EASE_FRAMES`.
        energy: Liveliness 0..1.
    """

    mouth: Mouth = REST
    presence: int = 0
    energy: float = 0.0

    @property
    def shown(self) -> Mouth:
        """The mouth to draw."""
        return self.mouth.scaled(self.presence / EASE_FRAMES) if self.presence else REST

    def speaking(self, mouth: Mouth, loudness: float) -> Look:
        """The next frame, while it sounds."""
        energy = self.energy + _ENERGY_SHARE * (loudness - self.energy)
        return Look(mouth, min(self.presence + 1, EASE_FRAMES), energy)

    def closing(self) -> Look:
        """The next frame, while nothing sounds."""
        return Look(self.mouth, max(self.presence - 1, 0), self.energy * (1 - _ENERGY_SHARE))
