"""What an output really played, told from its samples alone. Pure functions over numpy arrays; times in seconds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from avatar_cli.eval.take import Answer, Pcm

WINDOW_S = 0.01
AUDIBLE_DBFS = -60.0
AUDIBLE_SAMPLE = 100
"""int16 amplitude (-50 dBFS) from which one sample counts as sound."""
_BREATH_S = 0.03
_RATE = 8_000
"""Sounds are compared at this rate: it is below what voices need and fine enough to 1/8 ms."""
_TEMPLATE_S = 0.5
_SHORTEST_S = 0.05
_ALIKE = 0.5
_SURE = 0.8
_SAME_PLACE_S = 0.015
SPOKEN_DBFS = -42.0

Floats = NDArray[np.float64]


def levels(pcm: Pcm, rate: int) -> Floats:
    """RMS of each 10 ms in dBFS; -120 for digital silence."""
    count = int(len(pcm) / (rate * WINDOW_S))
    # At 22,050 a second 10 ms are no whole number of samples: windows of 220 would drift by 2 ms a second.
    edges = np.rint(np.arange(count + 1) * rate * WINDOW_S).astype(np.int64)
    energy = np.concatenate([[0.0], np.cumsum((pcm.astype(np.float64) / 32_768.0) ** 2)])
    power = (energy[edges[1:]] - energy[edges[:-1]]) / np.diff(edges)
    return np.asarray(10.0 * np.log10(np.maximum(power, 0.0) + 1e-12))


def runs(flags: NDArray[np.bool_], gap_s: float = 0.0) -> list[tuple[float, float]]:
    """Stretches of true windows in seconds; those less than `gap_s` apart are one."""
    found: list[tuple[float, float]] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2] * WINDOW_S, edges[1::2] * WINDOW_S, strict=True):
        if found and start - found[-1][1] < gap_s - 1e-9:
            found[-1] = (found[-1][0], float(end))
        else:
            found.append((float(start), float(end)))
    return found


def audible(pcm: Pcm, rate: int, gap_s: float = 0.0) -> list[tuple[float, float]]:
    """Stretches in which something can be heard."""
    return runs(levels(pcm, rate) > AUDIBLE_DBFS, gap_s)


def overlap_s(stretches: Sequence[tuple[float, float]], start_s: float, end_s: float) -> float:
    """How much of `start_s` to `end_s` the stretches fill."""
    return sum(max(0.0, min(end, end_s) - max(start, start_s)) for start, end in stretches)


def first_sound(pcm: Pcm, rate: int, from_s: float) -> float | None:
    """When the first audible sample at or after `from_s` sounds; None when none does."""
    start = max(0, round(from_s * rate))
    loud = np.flatnonzero(np.abs(pcm[start:].astype(np.int32)) >= AUDIBLE_SAMPLE)
    return (start + int(loud[0])) / rate if len(loud) else None


class Stretch(NamedTuple):
    """A stretch of output that is `answer` from `position_s` of its clock on; `likeness` is their correlation."""

    start_s: float
    end_s: float
    reply: int
    position_s: float
    likeness: float

    @property
    def shift_s(self) -> float:
        """Reply clock minus time of the case: the same for all that was played in one go."""
        return self.position_s - self.start_s


def stretches(output: Pcm, rate: int, answers: Sequence[tuple[float, Answer]]) -> list[Stretch]:
    """Find each audible stretch of `output` in the answer that was playing.

    Args:
        output: What was played.
        rate: Samples per second of `output`.
        answers: (time from which it may sound, answer), by time: the newest is looked into.
    """
    low = _resampled(output, rate)
    clean = {answer.reply: _resampled(answer.pcm, answer.rate) for _, answer in answers}
    found: list[Stretch] = []
    for start, end in audible(output, rate, _BREATH_S):
        due = [answer for at, answer in answers if at <= start + 0.1]
        if end - start < _SHORTEST_S or not due:
            continue
        reply = due[-1].reply
        piece = low[round(start * _RATE) : round(min(end, start + _TEMPLATE_S) * _RATE)]
        position, likeness = _gone_on(piece, clean[reply], start, found[-1] if found else None, reply)
        if likeness < _SURE:
            position, likeness = locate(piece, clean[reply])
        if likeness >= _ALIKE:
            found.append(Stretch(start, end, reply, position / _RATE, likeness))
    return found


def _gone_on(piece: Floats, whole: Floats, start_s: float, before: Stretch | None, reply: int) -> tuple[int, float]:
    """Where `piece` is if the answer simply went on after `before`: looked up first, for it is cheap and the rule."""
    if before is None or before.reply != reply:
        return 0, 0.0
    about = round((start_s + before.shift_s) * _RATE)
    low = max(0, about - round(_SAME_PLACE_S * _RATE))
    position, likeness = locate(piece, whole[low : about + len(piece) + round(_SAME_PLACE_S * _RATE)])
    return low + position, likeness


def locate(piece: Floats, whole: Floats) -> tuple[int, float]:
    """Where in `whole` the samples of `piece` are most alike, and their correlation (0 to 1) there."""
    if len(piece) > len(whole) or not len(piece):
        return 0, 0.0
    size = 1 << (len(whole) + len(piece) - 1).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(piece, size))
    products = np.fft.irfft(spectrum, size)[: len(whole) - len(piece) + 1]
    energy = np.concatenate([[0.0], np.cumsum(whole**2)])
    local = energy[len(piece) :] - energy[: -len(piece)]
    norm = np.sqrt(np.maximum(local, 1e-9) * max(float(np.sum(piece**2)), 1e-9))
    likeness = products / norm
    best = int(np.argmax(likeness))
    return best, float(likeness[best])


def gains(output: Pcm, rate: int, found: Sequence[Stretch], answers: dict[int, Answer]) -> Floats:
    """How loud the answer was played, in dB against its own sound, in each 10 ms.

    Where the output fell silent the answer is taken to go on from where it was left: if it would sound there, its
    gain is that of silence. NaN where the answer itself is quiet, or nothing has been played yet.
    """
    heard = levels(output, rate)
    result = np.full(len(heard), np.nan)
    clean = {reply: levels(answer.pcm, answer.rate) for reply, answer in answers.items()}
    for each, after in itertools.zip_longest(found, found[1:]):
        first = round(each.start_s / WINDOW_S)
        last = len(heard) if after is None else round(after.start_s / WINDOW_S)
        for index in range(first, last):
            # The windows of output and answer do not coincide: the louder of the two that share one counts.
            place = (index * WINDOW_S + each.shift_s) / WINDOW_S
            low, high = int(np.floor(place + 1e-6)), int(np.ceil(place - 1e-6))
            source = clean[each.reply]
            if high < len(source) and low >= 0 and min(source[low], source[high]) > SPOKEN_DBFS:
                result[index] = heard[index] - 10.0 * np.log10(
                    (1 - place % 1) * 10 ** (source[low] / 10) + (place % 1) * 10 ** (source[high] / 10)
                )
    return result


def falls(gain_db: Floats, from_s: float, to_db: float, hold_s: float) -> float | None:
    """When, at or after `from_s`, the gain first is at most `to_db` for `hold_s`; None when never."""
    wide = max(1, round(hold_s / WINDOW_S))
    for index in range(max(0, int(np.ceil(from_s / WINDOW_S - 1e-6))), len(gain_db)):
        ahead = gain_db[index : index + wide]
        known = ahead[~np.isnan(ahead)]
        if not np.isnan(gain_db[index]) and len(known) and float(known.max()) <= to_db:
            return index * WINDOW_S
    return None


class Jump(NamedTuple):
    """The output fell silent at `left_s` of the reply clock and went on from `taken_up_s`."""

    silent_at_s: float
    again_at_s: float
    left_s: float
    taken_up_s: float


def jumps(found: Sequence[Stretch]) -> list[Jump]:
    """Where an answer was interrupted and taken up again; its own pauses are none."""
    return [
        Jump(before.end_s, after.start_s, before.end_s + before.shift_s, after.position_s)
        for before, after in itertools.pairwise(found)
        if before.reply == after.reply and abs(after.shift_s - before.shift_s) > _SAME_PLACE_S
    ]


def _resampled(pcm: Pcm, rate: int) -> Floats:
    return np.asarray(soxr.resample(pcm.astype(np.float64) / 32_768.0, rate, _RATE))
