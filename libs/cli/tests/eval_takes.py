"""Cases made by hand, for the tests of what is measured in them."""

from collections.abc import Sequence

import numpy as np

from avatar_cli.eval.take import Answer, Condition, Happened, Span, Take
from avatar_contracts import Event

RATE = 48_000


def tone(seconds: float, *sounding: tuple[float, float]) -> np.ndarray:
    """An output that is loud in the given stretches and silent otherwise."""
    pcm = np.zeros(round(seconds * RATE), np.int16)
    for start, end in sounding:
        pcm[round(start * RATE) : round(end * RATE)] = 5_000
    return pcm


def take(
    voice: Sequence[tuple[float, float, str]],
    output: np.ndarray,
    *events: tuple[float, Event],
    condition: Condition | None = None,
    answers: dict[int, Answer] | None = None,
) -> Take:
    """A case of these parts."""
    return Take(
        name="made by hand",
        condition=condition or Condition(group="turns", kind="function", pause_s=0.6),
        voice=[Span(*span) for span in voice],
        events=[Happened(at, event) for at, event in events],
        output=output,
        rate=RATE,
        answers=answers or {},
    )
