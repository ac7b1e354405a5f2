"""What is known of one case when it is over: who sounded when, what was decided, what was really played.

All times are seconds since the case began; they come from one clock, that of the process which holds the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from avatar_contracts import Event
from avatar_contracts.session import Patience

E = TypeVar("E", bound=Event)

Pcm = NDArray[np.int16]


class Span(NamedTuple):
    """Something that sounded at the person's side, from its first voiced sample to the end of its last one."""

    start_s: float
    end_s: float
    text: str


class Happened(NamedTuple):
    """An event, when it came."""

    at_s: float
    event: Event


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Under what a case was held.

    Attributes:
        group: ``turns``, ``natural``, ``overlaps`` or ``echo``.
        kind: What stands before the pause, or what met the clone's answer.
        pause_s: Length of the pause inside the sentence; 0 when there is none.
        patience: As the call was set.
        speculate: As the call was set.
        snr_db: The person's speech above the noise of the room; None: a quiet room.
        room: Name of the simulated room whose echo the microphone hears; empty: a headset.
    """

    group: str
    kind: str = ""
    pause_s: float = 0.0
    patience: Patience = "balanced"
    speculate: bool = True
    snr_db: float | None = None
    room: str = ""

    @property
    def plain(self) -> bool:
        """The settings a call has by default, in a quiet room: what most limits are stated for."""
        return self.patience == "balanced" and self.speculate and self.snr_db is None and not self.room


@dataclass(frozen=True)
class Answer:
    """The sound of one reply as the voice made it, whether played or not.

    Attributes:
        reply: Its number.
        rate: Samples per second.
        pcm: All of it that had been made, on the reply clock.
        words: Seconds from which to which each word sounds, on the reply clock.
    """

    reply: int
    rate: int
    pcm: Pcm
    words: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Take:
    """One case.

    Attributes:
        name: What was done, for people.
        condition: Under what.
        voice: Truth: what the person (or the room) made sound.
        events: What came over the bus meanwhile, but for media.
        output: What the loudspeaker really played.
        rate: Samples per second of `output`.
        answers: Replies that may be in `output`, by number.
    """

    name: str
    condition: Condition
    voice: Sequence[Span]
    events: Sequence[Happened]
    output: Pcm
    rate: int
    answers: dict[int, Answer] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it was."""
        return len(self.output) / self.rate

    def of(self, kind: type[E]) -> list[tuple[float, E]]:
        """The events of one type with their times."""
        return [(each.at_s, each.event) for each in self.events if isinstance(each.event, kind)]
