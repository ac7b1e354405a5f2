"""Runs every check, side by side where they do not disturb each other, and prints one line each."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable

from avatar_cli.console import say
from avatar_cli.doctor import devices, host, network, parts, ports
from avatar_cli.doctor.check import Check
from avatar_cli.errors import CliError

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}
_PATIENCE_S = 20.0
"""A check that takes longer hangs, in a driver as a rule."""


def run() -> None:
    """Print all checks; raises `CliError` when one failed."""
    found: list[Check] = []
    # The timer and the network are measured before the engines keep the processor busy.
    for group in (host.checks, network.checks):
        for check in group():
            found.append(check)
            _show(check)
    side_by_side: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("ports", ports.checks),
        ("devices", devices.checks),
        *parts.groups(),
    ]
    for checks in _together(side_by_side):
        for check in checks:
            found.append(check)
            _show(check)
    failed = [check.name for check in found if check.level == "fail"]
    if failed:
        raise CliError(f"not ready: {', '.join(failed)}. The lines above say what to do.")
    warned = sum(check.level == "warn" for check in found)
    say("Everything needed is here." + (f" Warnings: {warned}." if warned else ""))


def _together(groups: list[tuple[str, Callable[[], Iterable[Check]]]]) -> Iterable[list[Check]]:
    """The checks of each group, in the order of the groups, each group on a thread of its own."""
    answers: list[queue.SimpleQueue[list[Check]]] = []
    for name, group in groups:
        answer: queue.SimpleQueue[list[Check]] = queue.SimpleQueue()
        answers.append(answer)
        threading.Thread(target=_examine, args=(name, group, answer), name=f"doctor {name}", daemon=True).start()
    deadline = time.monotonic() + _PATIENCE_S
    for (name, _), answer in zip(groups, answers, strict=True):
        try:
            yield answer.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            yield [Check(name, "warn", f"no answer after {_PATIENCE_S:.0f} s", "A driver hangs: restart the machine.")]


def _examine(name: str, group: Callable[[], Iterable[Check]], answer: queue.SimpleQueue[list[Check]]) -> None:
    try:
        answer.put(list(group()))
    except Exception as error:
        answer.put(
            [Check(name, "fail", f"{type(error).__name__}: {error}", "This is a fault of ours: please report it.")]
        )


def _show(check: Check) -> None:
    say(f"{check.level:4}  {check.name:27} {_line(check.found)}", style=_STYLES[check.level])
    if check.fix:
        say(f"      {'':27} {_line(check.fix)}")


def _line(text: str) -> str:
    """What a driver said, on one line."""
    return " ".join(text.split())
