"""What turn-taking decides. Positions count microphone samples at 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

EndReason: TypeAlias = Literal["smart_turn", "silence", "split"]

CancelReason: TypeAlias = Literal["continued", "barge_in", "stop"]

Purpose: TypeAlias = Literal["partial", "pause", "piece"]
"""Why words are wanted: to show them, because the voice pauses, or because the turn is too long for one decode."""


@dataclass(frozen=True)
class Started:
    """The person speaks, since position `at`."""

    turn: int
    at: int


@dataclass(frozen=True)
class Stopped:
    """The person has stopped, at position `at`; with `discarded`, nothing follows."""

    turn: int
    at: int
    discarded: bool = False


@dataclass(frozen=True)
class Decode:
    """Decode the sound from `start` to `end` and answer with `Turns.decoded`. Only one is under way at a time.

    With `careful`, the words may end the turn and the sound begins with the quiet before the voice.
    """

    job: int
    start: int
    end: int
    purpose: Purpose
    careful: bool = False


@dataclass(frozen=True)
class Look:
    """Ask the end-of-turn model about the sound from `start` to `end` and answer with `Turns.looked`."""

    job: int
    start: int
    end: int


@dataclass(frozen=True)
class Partial:
    """The words of the open turn so far."""

    turn: int
    text: str


@dataclass(frozen=True)
class Draft:
    """The voice pauses, and the turn may be over with these words; `end` is where the voice ended."""

    turn: int
    revision: int
    text: str
    end: int


@dataclass(frozen=True)
class Final:
    """The turn is over; every other field as in `TurnText`."""

    turn: int
    text: str
    reason: EndReason
    probability: float
    start: int
    end: int
    continues: int = 0


@dataclass(frozen=True)
class Cancel:
    """The turn is taken back, or its answer is to stop."""

    turn: int
    reason: CancelReason


@dataclass(frozen=True)
class Overlap:
    """The person's voice meets the answer to `turn`: hold it, or let it go on; `why` as in `SpeechOverlap`."""

    turn: int
    state: Literal["hold", "resume"]
    why: str


@dataclass(frozen=True)
class Judge:
    """Judge whether the sound from `start` to `end` is like a backchannel and answer with `Turns.judged`."""

    job: int
    start: int
    end: int


@dataclass(frozen=True)
class Stuck:
    """Since position `at` there was voice without a pause and without a word; the microphone is ignored until quiet."""

    at: int


Action: TypeAlias = Started | Stopped | Decode | Look | Partial | Draft | Final | Cancel | Overlap | Judge | Stuck
