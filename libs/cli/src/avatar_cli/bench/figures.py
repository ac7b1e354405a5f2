"""Figures: what was measured, how it is summed up, and what it is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec


class Limit(msgspec.Struct, frozen=True):
    """What a figure must not exceed (or fall below): `statistic` is ``p50``, ``p95``, ``p99``, ``max`` or ``value``."""

    statistic: str
    bound: float
    at_least: bool = False

    def met(self, statistics: Mapping[str, float]) -> bool:
        """Whether the figure keeps to it."""
        value = statistics[self.statistic]
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{self.statistic} {'≥' if self.at_least else '≤'} {self.bound:g}"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured quantity.

    Attributes:
        name: What was measured, with its unit as the last word: ``voice_to_voice_ms``.
        statistics: ``value`` alone, or ``p50``, ``p95``, ``p99``, ``max`` and ``n``.
        command: What to run to measure it again.
        limits: What it is held against.
        note: What a reader must know to read it right; may be empty.
    """

    name: str
    statistics: dict[str, float]
    command: str
    limits: tuple[Limit, ...] = ()
    note: str = ""

    @property
    def met(self) -> bool:
        """Every limit is kept."""
        return all(limit.met(self.statistics) for limit in self.limits)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie, interpolated linearly; NaN when there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Sequence[float]) -> dict[str, float]:
    """``p50``, ``p95``, ``p99``, ``max`` and ``n`` of a sample."""
    return {
        "p50": round(percentile(values, 0.5), 3),
        "p95": round(percentile(values, 0.95), 3),
        "p99": round(percentile(values, 0.99), 3),
        "max": round(max(values, default=math.nan), 3),
        "n": len(values),
    }


def value(number: float) -> dict[str, float]:
    """The statistics of a quantity measured once."""
    return {"value": round(number, 3)}
