"""What the cases of each condition came to, one line for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from avatar_cli.bench.figures import percentile
from avatar_cli.eval.case import Case
from avatar_cli.eval.summary import delays, known, wer
from avatar_cli.eval.take import Condition

Row = dict[str, Any]


def rows(cases: Sequence[Case]) -> list[Row]:
    """One line for every condition: where, how many, and what its cases came to."""
    by: dict[Any, list[Case]] = {}
    for case in cases:
        by.setdefault(case.condition, []).append(case)
    return [_row(by[condition]) for condition in sorted(by, key=place)]


def place(condition: Condition) -> tuple[Any, ...]:
    """Where a condition stands among the others: conditions that are compared stand together."""
    noise = 99.0 if condition.snr_db is None else condition.snr_db
    ahead = not condition.speculate
    return (
        condition.group, condition.patience, -noise, condition.room, condition.kind, condition.pause_s, ahead,
    )  # fmt: skip


def _row(cases: Sequence[Case]) -> Row:
    condition = cases[0].condition
    row: Row = {
        "group": condition.group,
        "kind": condition.kind,
        "pause_s": condition.pause_s or None,
        "patience": condition.patience,
        "speculate": condition.speculate,
        "snr_db": condition.snr_db,
        "room": condition.room,
        "n": len(cases),
        "failed": sum(bool(case.failed) for case in cases),
    }
    ends = [case.turn for case in cases if case.turn is not None]
    met = [case.overlap for case in cases if case.overlap is not None]
    alone = [case.alone for case in cases if case.alone is not None]
    if ends:
        row |= {
            "talk_over_percent": _percent([end.talked_over for end in ends]),
            "talk_over_ms_p50": _p([end.talk_over_ms for end in ends if end.talked_over], 0.5),
            "yield_ms_max": max((end.yield_ms for end in ends if end.yield_ms is not None), default=None),
            "split_percent": _percent([end.split for end in ends]),
            "missed_percent": _percent([end.missed for end in ends]),
            "taken_back": sum(end.taken_back for end in ends),
            "delay_ms_p50": _p(delays(ends), 0.5),
            "delay_ms_p95": _p(delays(ends), 0.95),
            "voice_ms_p50": _p([e.voice_to_voice_ms for e in ends if e.voice_to_voice_ms is not None], 0.5),
            "voice_ms_p95": _p([e.voice_to_voice_ms for e in ends if e.voice_to_voice_ms is not None], 0.95),
            "wer": round(wer(ends), 3),
            "lost": sum(end.words.lost for end in ends),
            "doubled": sum(end.words.doubled for end in ends),
            "hits_percent": _percent([end.speculated for end in ends]),
        }
    if met:
        row |= {
            "duck_ms_p50": _p(known(met, "duck_ms"), 0.5),
            "duck_ms_max": max(known(met, "duck_ms"), default=None),
            "silent_ms_p50": _p(known(met, "silent_ms"), 0.5),
            "yield_ms_max": max(known(met, "yield_ms"), default=None),
            "stopped_percent": _percent([each.stopped for each in met]),
            "turns_percent": _percent([each.turn for each in met]),
            "paused_percent": _percent([each.paused for each in met]),
            "resumed_percent": None
            if condition.kind == "interruption"
            else _percent([each.resumed for each in met if each.resumed is not None]),
        }
    if alone:
        row |= {
            "seconds": sum(each.seconds for each in alone),
            "turns": sum(each.turns for each in alone),
            "stops": sum(each.stops for each in alone),
            "holds": sum(each.holds for each in alone),
        }
    return row


def _percent(flags: Sequence[bool]) -> float | None:
    return round(100.0 * sum(flags) / len(flags), 1) if flags else None


def _p(values: Sequence[float], share: float) -> float | None:
    return round(percentile(values, share), 1) if values else None
