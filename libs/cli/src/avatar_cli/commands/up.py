"""`avatar up`: the broker and the services of this machine, supervised."""

from __future__ import annotations

import time
from pathlib import Path

from avatar_cli.commands.status import show
from avatar_cli.console import say
from avatar_cli.errors import CliError
from avatar_cli.settings import load_cli
from avatar_cli.stack import SERVICES, Stack, plan_here


def run(services: list[str], bus_url: str | None, directory: Path) -> None:
    """Start `services` (all when empty) and print what runs where."""
    unknown = [name for name in services if name not in SERVICES]
    if unknown:
        raise CliError(f"There is no service {unknown[0]!r} to start; there are: {', '.join(SERVICES)}.")
    started_at = time.monotonic()
    settings = load_cli()
    stack = Stack(directory)
    running = stack.plan if stack.running() else None
    stack.start(plan_here(services or SERVICES, bus_url, settings, running))
    show(stack, settings)
    say(f"Ready after {time.monotonic() - started_at:.1f} s. `avatar edge` joins a call, `avatar down` stops all this.")
