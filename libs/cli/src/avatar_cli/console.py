"""How the command speaks: tables and lines with colour on a terminal, plain text everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_PLAIN_WIDTH = 160

console = Console(
    width=None if sys.stdout.isatty() else _PLAIN_WIDTH,
    highlight=False,
    soft_wrap=not sys.stdout.isatty(),
)


def say(line: str, style: str = "") -> None:
    """Print one line; `style` colours it on a terminal. Brackets in `line` stay as they are."""
    console.print(line, style=style or None, markup=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table; the columns named in `right` are aligned to the right."""
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(shown, soft_wrap=False)


def megabytes(size_bytes: float) -> str:
    """A memory size for people."""
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes else "-"
