"""The outcome of one check."""

from __future__ import annotations

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "fail"]


class Check(NamedTuple):
    """What was looked at and found.

    Attributes:
        name: What was looked at.
        level: ``warn``: it works with a limitation; ``fail``: the stack cannot run like this.
        found: What is there.
        fix: What to do; empty when nothing needs doing.
    """

    name: str
    level: Level
    found: str
    fix: str = ""


def judge(name: str, found: str, fix: str, *, good: bool, otherwise: Level = "fail") -> Check:
    """`ok` when `good`, else `otherwise` with `fix`."""
    return Check(name, "ok", found) if good else Check(name, otherwise, found, fix)
