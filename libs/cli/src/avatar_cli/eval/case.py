"""One case when it has been measured: its numbers, and what is drawn of it."""

from __future__ import annotations

import itertools
from typing import Literal

import msgspec
import numpy as np

from avatar_cli.eval import overlaps, sound, turn_ends
from avatar_cli.eval.take import Condition, Span, Take
from avatar_contracts import (
    Event,
    ReplyCommitted,
    ReplyDeclined,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TurnCancel,
    TurnDraft,
    TurnText,
)

Lane = Literal["speech", "draft", "overlap", "cancel", "turn", "reply"]
LANES: tuple[Lane, ...] = ("speech", "draft", "overlap", "cancel", "turn", "reply")
_DUCKED_DB = -9.0
_SPECK_S = 0.03
_YIELDED_MS = 150.0
"""An answer that gives way within this is as it should be."""


class Sounding(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of the clone's sound."""

    start_s: float
    end_s: float
    ducked: bool


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A decision: when it came, in which lane it is drawn, in a few words."""

    at_s: float
    lane: Lane
    label: str


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What a person looks at: `voice` is the truth, `clone` what was played, `marks` what was decided."""

    seconds: float
    voice: list[Span]
    clone: list[Sounding]
    marks: list[Mark]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case.

    Attributes:
        name: What was done.
        condition: Under what.
        failed: Why nothing could be measured; empty as a rule.
        turn: Its numbers where the end of a turn was at stake.
        overlap: Its numbers where something met the clone's answer.
        alone: Its numbers where only the clone spoke.
        drawing: Its timeline.
    """

    name: str
    condition: Condition
    failed: str = ""
    turn: turn_ends.TurnEnd | None = None
    overlap: overlaps.Overlap | None = None
    alone: overlaps.Quiet | None = None
    drawing: Drawing | None = None

    @property
    def notable(self) -> bool:
        """Something in it was not as it should be."""
        if self.failed:
            return True
        if self.turn is not None:
            late = self.turn.talk_over_ms > _YIELDED_MS
            return late or self.turn.split or self.turn.missed or not self.turn.answered
        if self.overlap is not None:
            if self.condition.kind == "interruption":
                return self.overlap.cancel_ms is None or self.overlap.dead_ms > 0
            return self.overlap.stopped or self.overlap.turn or self.overlap.resumed is False
        return self.alone is not None and bool(self.alone.turns or self.alone.stops)


def measured(take: Take) -> Case:
    """The numbers that belong to the kind of case `take` is, and its drawing."""
    group, kind = take.condition.group, take.condition.kind
    return Case(
        name=take.name,
        condition=take.condition,
        turn=turn_ends.measure(take) if group in ("turns", "natural") else None,
        overlap=overlaps.measure(take) if group in ("overlaps", "echo") and kind != "alone" else None,
        alone=overlaps.alone(take) if kind == "alone" else None,
        drawing=draw(take),
    )


def draw(take: Take) -> Drawing:
    """The lanes of `take`."""
    found = sound.stretches(take.output, take.rate, overlaps.due(take))
    gain_db = _steady(sound.gains(take.output, take.rate, found, take.answers))
    clone: list[Sounding] = []
    for start, end in sound.audible(take.output, take.rate, 0.06):
        first = round(start / sound.WINDOW_S)
        ducked = gain_db[first : round(end / sound.WINDOW_S)] <= _DUCKED_DB
        edges = [0, *(np.flatnonzero(np.diff(ducked.astype(np.int8))) + 1).tolist(), len(ducked)]
        for low, high in itertools.pairwise(edges):
            if high > low:
                at, until = start + low * sound.WINDOW_S, start + high * sound.WINDOW_S
                clone.append(Sounding(round(at, 2), round(until, 2), bool(ducked[low])))
    marks = [mark for each in take.events if (mark := _mark(each.at_s, each.event)) is not None]
    voice = [Span(round(span.start_s, 3), round(span.end_s, 3), span.text) for span in take.voice]
    return Drawing(seconds=round(take.seconds, 2), voice=voice, clone=_calm(clone), marks=marks)


def _steady(gain_db: sound.Floats) -> sound.Floats:
    """The same with every unknown gain as the one before it: the level is the same in the quiet between two words."""
    known = np.where(np.isnan(gain_db), 0, np.arange(len(gain_db)))
    return np.asarray(np.nan_to_num(gain_db[np.maximum.accumulate(known)], nan=0.0)) if len(gain_db) else gain_db


def _calm(clone: list[Sounding]) -> list[Sounding]:
    """The same with stretches of one level that touch as one, and specks of under 30 ms given to their neighbour."""
    calm: list[Sounding] = []
    for each in clone:
        before = calm[-1] if calm else None
        if before is not None and abs(each.start_s - before.end_s) < 0.005:
            specks = [speck for speck in (each, before) if speck.end_s - speck.start_s < _SPECK_S]
            if specks or each.ducked == before.ducked:
                ducked = each.ducked if specks == [before] else before.ducked
                calm[-1] = Sounding(before.start_s, each.end_s, ducked)
                continue
        calm.append(each)
    return calm


def _mark(at_s: float, event: Event) -> Mark | None:
    lane: Lane
    match event:
        case SpeechStarted():
            lane, label = "speech", "started"
        case SpeechStopped():
            lane, label = "speech", "dropped" if event.discarded else "stopped"
        case TurnDraft():
            lane, label = "draft", f"draft {event.revision}: {event.text}"
        case SpeechOverlap():
            lane, label = "overlap", f"{event.state}: {event.why}" if event.why else event.state
        case TurnCancel():
            lane, label = "cancel", f"turn {event.turn} {event.reason.replace('_', ' ')}"
        case TurnText():
            lane, label = "turn", f"turn {event.turn}: {event.text}"
        case ReplyCommitted():
            lane, label = "reply", f"reply {event.reply} committed"
        case ReplyDeclined():
            lane, label = "reply", f"declined: {event.reason}"
        case _:
            return None
    return Mark(round(at_s, 3), lane, label)
