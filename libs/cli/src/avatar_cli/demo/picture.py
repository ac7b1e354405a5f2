"""Whether the mouth moved while the clone spoke, seen in the recording itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avatar_cli.demo.talk import Talk
from avatar_cli.movie import native_chatter_hidden, pictures
from avatar_face import lipsync

_LOOK_S = 2.0
_MOVED = 0.015
"""In face heights. A closed mouth is found within 0.003 of the same opening in every frame."""


@dataclass(frozen=True)
class Movement:
    """How far the lips moved apart and together during an answer, in face heights (5th to 95th percentile)."""

    opened: float

    @property
    def spoke(self) -> bool:
        """The mouth moved as a speaking one does."""
        return self.opened > _MOVED


def movements(talk: Talk, recording: Path) -> dict[int, Movement]:
    """What the mouth did in the first seconds of every answer, by turn."""
    found = {}
    for said in talk.said:
        turn = said.turns[-1]
        if turn.first_audio_ms is not None:
            begins_s = said.ended_s + turn.first_audio_ms / 1000
            found[turn.turn] = _movement(recording, begins_s, begins_s + min(_LOOK_S, turn.played_ms / 1000))
    return found


def _movement(recording: Path, start_s: float, end_s: float) -> Movement:
    with native_chatter_hidden():
        openness = lipsync.mouth_openness(pictures(recording, start_s, end_s))
    seen = openness[np.isfinite(openness)]
    return Movement(float(np.percentile(seen, 95) - np.percentile(seen, 5)) if len(seen) else 0.0)
