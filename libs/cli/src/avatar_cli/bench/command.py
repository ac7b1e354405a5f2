"""Runs the measurements one after another and writes and prints what they found."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from avatar_cli import machine
from avatar_cli.bench import bus, face, latency, links, load, soak, sync
from avatar_cli.bench.figures import Figure, Limit, spread
from avatar_cli.bench.mind import PACED
from avatar_cli.console import say, table
from avatar_cli.errors import BenchFailed
from avatar_cli.names import SERVICES
from avatar_cli.stack import Stack, private_stack

_LONG = ("links", "soak")
_START_LIMIT = (Limit("max", 15.0),)


class Bench:
    """One run: `quick` asks for a check of the machinery rather than a result, `minutes` is the length of a soak."""

    def __init__(self, *, quick: bool, minutes: float = 10.0) -> None:
        self.quick = quick
        self.minutes = minutes
        self.figures: list[Figure] = []
        self._starts_s: list[float] = []

    def measurements(self) -> dict[str, Callable[[], list[Figure]]]:
        """Every measurement by name."""
        return {
            "bus": self._bus,
            "face": self._face,
            "load": self._load,
            "sync": self._sync,
            "latency": self._latency,
            "links": self._links,
            "soak": self._soak,
        }

    def run(self, names: list[str]) -> None:
        """Make the named measurements."""
        measurements = self.measurements()
        for name in names:
            say(f"measuring {name} …")
            self.figures += measurements[name]()
        if self._starts_s:
            self.figures.append(
                Figure(
                    name="start_to_ready_s",
                    statistics=spread(self._starts_s),
                    command="avatar bench",
                    limits=_START_LIMIT,
                    note="broker and four services, from nothing to ready",
                )
            )

    def _bus(self) -> list[Figure]:
        with private_stack(()) as stack:
            return bus.measure(stack, 4.0 if self.quick else 20.0)

    def _face(self) -> list[Figure]:
        return face.measure(50 if self.quick else 250)

    def _load(self) -> list[Figure]:
        with self._stack() as stack:
            return load.measure(stack, 4.0 if self.quick else 10.0, 1 if self.quick else 3)

    def _sync(self) -> list[Figure]:
        with self._stack() as stack:
            return sync.measure(stack, 1 if self.quick else 3)

    def _latency(self) -> list[Figure]:
        with self._stack() as stack:
            return latency.measure(stack, 3 if self.quick else latency.UTTERANCES)

    def _links(self) -> list[Figure]:
        with self._stack() as stack:
            return links.measure(stack, 1 if self.quick else 4, quick=self.quick)

    def _soak(self) -> list[Figure]:
        with self._stack() as stack:
            return soak.measure(stack, 1.0 if self.quick else self.minutes)

    @contextmanager
    def _stack(self) -> Iterator[Stack]:
        began_at = time.monotonic()
        with private_stack(SERVICES, PACED) as stack:
            self._starts_s.append(time.monotonic() - began_at)
            yield stack


def run(out: Path, quick: bool, only: list[str], minutes: float = 10.0) -> None:
    """Measure and write ``bench.json``; figures beyond their limits are shown, not an error.

    The links and the soak take minutes: they are measured only when they are asked for.
    """
    bench = Bench(quick=quick, minutes=minutes)
    known = list(bench.measurements())
    unknown = [name for name in only if name not in known]
    if unknown:
        raise BenchFailed(f"There is no measurement {unknown[0]!r}; there are: {', '.join(known)}.")
    bench.run([name for name in known if (name in only if only else name not in _LONG)])
    out.mkdir(parents=True, exist_ok=True)
    path = out / "bench.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(_document(bench))) + b"\n")
    _show(bench)
    say(f"Written to {path}.")


def _document(bench: Bench) -> dict[str, Any]:
    return {
        "machine": machine.describe(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "quick": bench.quick,
        "figures": {
            figure.name: {
                **figure.statistics,
                "command": figure.command,
                **({"limit": " · ".join(map(str, figure.limits)), "met": figure.met} if figure.limits else {}),
                **({"note": figure.note} if figure.note else {}),
            }
            for figure in bench.figures
        },
    }


def _show(bench: Bench) -> None:
    columns = ("p50", "p95", "p99", "max", "n")
    rows = []
    for figure in bench.figures:
        numbers = figure.statistics
        cells = [f"{numbers[column]:g}" if column in numbers else "" for column in columns]
        if "value" in numbers:
            cells[0] = f"{numbers['value']:g}"
        verdict = ("yes" if figure.met else "NO") if figure.limits else ""
        rows.append((figure.name, *cells, " · ".join(map(str, figure.limits)), verdict))
    title = f"{machine.sentence(machine.describe())}{' · quick: not a result' if bench.quick else ''}"
    table(title, ("figure", "p50 or value", *columns[1:], "limit", "met"), rows, right=("p50 or value", *columns[1:]))
