"""Holds the cases, and writes and prints what they came to."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from avatar_cli import machine
from avatar_cli.bench.figures import Figure
from avatar_cli.console import say, table
from avatar_cli.errors import EvalFailed
from avatar_cli.eval import plan, runner, summary
from avatar_cli.eval.case import Case
from avatar_cli.eval.page import page
from avatar_cli.eval.table import rows
from avatar_contracts.session import Patience

_ABOUT = (
    "Human readings and a synthetic second voice, said in real time into calls on a real stack; the mind is paced like "
    "a 9B model on a desktop GPU. Times are taken on one clock: what the microphone was given, what the loudspeaker "
    "played, when each event came over the bus."
)


def run(out: Path, quick: bool, only: list[str], patience: list[str], beside: int) -> None:
    """Evaluate and write ``eval.json`` and ``eval.html``; figures beyond their limits are shown, not an error."""
    names = [name for name in plan.NAMES if not only or name in only]
    presets = [cast("Patience", each) for each in patience or plan.PATIENCE]
    _require("part", only, plan.NAMES)
    _require("patience", patience, get_args(Patience))
    out.mkdir(parents=True, exist_ok=True)
    began_at = time.monotonic()
    jobs = plan.jobs(quick, names, presets)
    say(f"{sum(len(job.items) for job in jobs)} cases in {len(jobs)} calls …")
    cases = runner.hold(jobs, beside)
    require_answers(cases)
    figures = summary.figures(cases)
    result = document(quick, time.monotonic() - began_at, figures, cases)
    (out / "eval.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    title = f"How the conversation goes{' (quick: not a result)' if quick else ''}"
    about = f"{dt.datetime.now(dt.UTC).date()} · {machine.sentence(machine.describe())}. {_ABOUT}"
    (out / "eval.html").write_text(page(title, about, figures, rows(cases), cases), encoding="utf-8")
    _show(figures, quick)
    say(f"Written to {out / 'eval.json'} and {out / 'eval.html'}, after {result['seconds']:.0f} s.")


def _require(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise EvalFailed(f"There is no {what} {unknown[0]!r}; there are: {', '.join(known)}.")


def require_answers(cases: Sequence[Case]) -> None:
    """Where nobody was answered, no figure means anything."""
    if cases and all(case.failed for case in cases):
        raise EvalFailed(f"None of {len(cases)} cases could be held; the first: {cases[0].failed}.")
    ends = [case.turn for case in cases if case.turn is not None]
    if ends and not any(end.answered for end in ends):
        raise EvalFailed(f"None of {len(ends)} turns was answered: look at the log of the services.")


def document(quick: bool, seconds: float, figures: Sequence[Figure], cases: Sequence[Case]) -> dict[str, Any]:
    """What ``eval.json`` holds."""
    return {
        "machine": machine.describe(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "quick": quick,
        "seconds": round(seconds, 1),
        "figures": {
            figure.name: {
                **figure.statistics,
                "command": figure.command,
                **({"limit": " · ".join(map(str, figure.limits)), "met": figure.met} if figure.limits else {}),
                **({"note": figure.note} if figure.note else {}),
            }
            for figure in figures
        },
        "conditions": rows(cases),
        "cases": cases,
    }


def _show(figures: Sequence[Figure], quick: bool) -> None:
    columns = ("value", "p50", "p95", "max", "n")
    lines = [
        (
            figure.name,
            *(f"{figure.statistics[each]:g}" if each in figure.statistics else "" for each in columns),
            " · ".join(map(str, figure.limits)),
            ("yes" if figure.met else "NO") if figure.limits else "",
        )
        for figure in figures
    ]
    title = f"{machine.sentence(machine.describe())}{' · quick: not a result' if quick else ''}"
    table(title, ("figure", *columns, "limit", "met"), lines, right=columns)
