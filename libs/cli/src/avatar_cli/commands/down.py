"""`avatar down`: stop what `avatar up` started."""

from __future__ import annotations

from pathlib import Path

from avatar_cli.console import say
from avatar_cli.errors import NotRunning
from avatar_cli.stack import Stack


def run(directory: Path) -> None:
    """Stop the stack of `directory`, and what a killed one left behind."""
    stack = Stack(directory)
    try:
        names = stack.plan.names
    except NotRunning:
        names = ()
    stack.stop()
    say(f"Stopped {', '.join(names)}." if names else "Nothing was running here.")
