"""What the clone did when something met its answer: from the sound and the events of one case, in numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from avatar_cli.eval import sound, wording
from avatar_cli.eval.take import Answer, Take
from avatar_contracts import PlaybackProgress, SpeechOverlap, TurnCancel, TurnText

DUCKED_DB = -12.0
SILENT_DB = -40.0
FULL_DB = -3.0
_STEADY_S = 0.05
_GONE_S = 0.3
"""Silence this long, where the answer would have sounded, is no pause of its own."""
_PAUSED_S = 0.1
_BACK_S = 0.15
_WORD_S = 0.1
"""A word's first audible sound lies within this of where the voice says that it begins."""
_CUT_S = 0.03
_TOLD_S = 0.1
"""That an answer has begun is told at most this long after its first sample."""


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """One sound that met the clone's answer, and what became of the answer. Times count from its first voiced sample.

    Attributes:
        duck_ms: Until the answer was 12 dB down or more; None when it never was.
        silent_ms: Until it was silent; None when it never was.
        cancel_ms: Until the decision that it was an interruption; None when there was none.
        yield_ms: From that decision to silence, 0 when it was silent by then.
        stopped: The answer did not go on.
        paused: It was silent for a moment and went on.
        resumed: It went on rightly: at full level, at the beginning of a word, no word lost. None when it had been
            neither ducked nor stopped.
        repeated_ms: How much of it was said again.
        turn: A turn came of the sound.
        heard: Its words.
        words: These against what was said.
        dead_ms: Sound of the answer after it had been silenced for good.
    """

    duck_ms: float | None
    silent_ms: float | None
    cancel_ms: float | None
    yield_ms: float | None
    stopped: bool
    paused: bool
    resumed: bool | None
    repeated_ms: float
    turn: bool
    heard: str
    words: wording.Wording
    dead_ms: float


def measure(take: Take) -> Overlap:
    """What became of the answer that was sounding when the only span of `take` began."""
    (span,) = take.voice
    onset_s = span.start_s
    found = sound.stretches(take.output, take.rate, due(take))
    playing = _playing(found, onset_s)
    mine = [each for each in found if each.reply == playing]
    gain_db = sound.gains(take.output, take.rate, mine, take.answers)
    cancels = [at for at, event in take.of(TurnCancel) if at >= onset_s and event.reason != "stop"]
    cancel_s = min(cancels, default=None)
    next_s = _next_start(take, playing, onset_s)
    gain_db[int(next_s / sound.WINDOW_S) :] = np.nan
    duck_s = sound.falls(gain_db, onset_s, DUCKED_DB, _STEADY_S)
    silent_s = sound.falls(gain_db, onset_s, SILENT_DB, _GONE_S if cancel_s is not None else _PAUSED_S)
    taken_up = [jump for jump in sound.jumps(mine) if jump.again_at_s > onset_s]
    back = duck_s is not None and _comes_back(gain_db, duck_s)
    stopped = cancel_s is not None or (duck_s is not None and not back)
    words = take.answers[playing].words if playing in take.answers else ()
    rightly = back and all(kept(jump, words) for jump in taken_up)
    turns = [event.text for at, event in take.of(TurnText) if at > onset_s]
    silent_for_good_s = silent_s if cancel_s is not None else None
    return Overlap(
        duck_ms=_since(onset_s, duck_s),
        silent_ms=_since(onset_s, silent_s),
        cancel_ms=_since(onset_s, cancel_s),
        yield_ms=None if cancel_s is None or silent_s is None else max(0.0, _since(cancel_s, silent_s) or 0.0),
        stopped=stopped,
        paused=silent_s is not None and not stopped,
        resumed=None if duck_s is None and cancel_s is None else rightly and cancel_s is None,
        repeated_ms=round(sum(jump.left_s - jump.taken_up_s for jump in taken_up) * 1000.0, 1),
        turn=bool(turns),
        heard=" ".join(turns),
        words=wording.compare("", span.text, " ".join(turns)),
        dead_ms=0.0 if silent_for_good_s is None else _sound_ms(take, silent_for_good_s + _CUT_S, next_s),
    )


def kept(jump: sound.Jump, words: Sequence[tuple[float, float]]) -> bool:
    """It went on at the beginning of a word, and no word was lost between the two places.

    `words` are the times of the answer's words; without them only going back is asked for.
    """
    if not words:
        return jump.taken_up_s <= jump.left_s + _WORD_S
    unheard = [start for start, end in words if end > jump.left_s + _CUT_S]
    at_a_word = min(abs(start - jump.taken_up_s) for start, _ in words) <= _WORD_S
    return at_a_word and (not unheard or jump.taken_up_s <= unheard[0] + _WORD_S)


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """What the clone's own voice set off while nobody else spoke.

    Attributes:
        seconds: How long it could be heard.
        turns: Turns that came of it.
        stops: Times it was cancelled.
        holds: Times it fell silent for a moment.
    """

    seconds: float
    turns: int
    stops: int
    holds: int


def alone(take: Take) -> Quiet:
    """What happened in `take`, in which the clone alone speaks."""
    return Quiet(
        seconds=round(sum(end - start for start, end in sound.audible(take.output, take.rate, 0.3)), 2),
        turns=sum(event.end_reason != "typed" for _, event in take.of(TurnText)),
        stops=sum(event.reason != "stop" for _, event in take.of(TurnCancel)),
        holds=sum(event.state == "hold" for _, event in take.of(SpeechOverlap)),
    )


def due(take: Take) -> list[tuple[float, Answer]]:
    """The answers in the order in which they began to play; the first may have begun before the case."""
    began: dict[int, float] = {}
    for at, event in take.of(PlaybackProgress):
        if event.reply in take.answers and event.reply not in began:
            began[event.reply] = at if event.state == "started" else 0.0
    return [(at, take.answers[reply]) for reply, at in began.items()]


def _playing(found: Sequence[sound.Stretch], at_s: float) -> int:
    before = [each.reply for each in found if each.start_s <= at_s]
    return before[-1] if before else 0


def _next_start(take: Take, playing: int, after_s: float) -> float:
    started = [
        at
        for at, event in take.of(PlaybackProgress)
        if event.reply != playing and event.state == "started" and at > after_s
    ]
    return min(started, default=take.seconds)


def _comes_back(gain_db: sound.Floats, after_s: float) -> bool:
    ahead = gain_db[round(after_s / sound.WINDOW_S) :]
    known = ahead[~np.isnan(ahead)]
    wide = round(_BACK_S / sound.WINDOW_S)
    return len(known) >= wide and float(np.median(known[-wide:])) >= FULL_DB


def _sound_ms(take: Take, start_s: float, end_s: float) -> float:
    return round(sound.overlap_s(sound.audible(take.output, take.rate), start_s, end_s - _TOLD_S) * 1000.0, 1)


def _since(start_s: float, at_s: float | None) -> float | None:
    return None if at_s is None else round((at_s - start_s) * 1000.0, 1)
