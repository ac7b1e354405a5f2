"""The picture that goes on when frames stop: the last second of the idle face, forth and back, cross-faded. Pure."""

from __future__ import annotations

from collections import deque

from avatar_edge.picture import Picture, blended

KEPT = 25
FADE = 5
"""Pictures over which the loop fades in and out."""


class IdleLoop:
    """Remembers idle pictures and plays them as a ping-pong that never jumps.

    Memory: `KEPT` pictures, 10 MB at 512 x 512.
    """

    def __init__(self) -> None:
        self._kept: deque[Picture] = deque(maxlen=KEPT)
        self._order: list[Picture] = []
        self._step = 0
        self._left: Picture | None = None
        self._fading = 0

    def keep(self, picture: Picture) -> None:
        """A live idle picture was shown."""
        if self._kept and self._kept[-1].i420.shape != picture.i420.shape:
            self._kept.clear()
        self._kept.append(picture)

    def next(self, held: Picture) -> Picture | None:
        """The next picture of the loop; it fades in from `held`. None while there is nothing to play."""
        if not self._order:
            if len(self._kept) < 2:
                return None
            back = list(self._kept)[::-1]
            self._order = back + back[-2:0:-1]
            self._step = 0
        picture = self._order[self._step % len(self._order)]
        self._step += 1
        if self._step <= FADE:
            picture = blended(held, picture, self._step / (FADE + 1))
        self._left = picture
        return picture

    def leave(self, live: Picture) -> Picture:
        """Live pictures are back: `live`, with what is left of the loop fading out of it."""
        if self._order:
            self._order = []
            self._fading = FADE
        if self._fading and self._left is not None:
            share = 1.0 - self._fading / (FADE + 1)
            self._fading -= 1
            return blended(self._left, live, share)
        self._left = None
        return live
