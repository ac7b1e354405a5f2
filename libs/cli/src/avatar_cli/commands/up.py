"""`avatar up`: the broker, the services and the page of this machine, supervised."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from avatar_cli import frontpage
from avatar_cli.commands.status import show
from avatar_cli.console import say
from avatar_cli.errors import CliError
from avatar_cli.names import PAGE, STARTABLE
from avatar_cli.settings import CliSettings, load_cli
from avatar_cli.stack import Plan, Stack, plan_here
from avatar_edge.web.settings import WebSettings


def run(services: list[str], bus_url: str | None, directory: Path) -> None:
    """Start `services` (all and the page when empty) and print what runs where."""
    unknown = [name for name in services if name not in STARTABLE]
    if unknown:
        raise CliError(f"There is no service {unknown[0]!r} to start; there are: {', '.join(STARTABLE)}.")
    started_at = time.monotonic()
    settings = load_cli()
    stack = Stack(directory)
    running = stack.plan if stack.running() else None
    plan, lacks = _planned(services, bus_url, settings, running)
    stack.start(plan)
    show(stack, settings)
    for sentence in lacks:
        say(sentence, style="yellow")
    say(f"Ready after {time.monotonic() - started_at:.1f} s. `avatar edge` joins a call, `avatar down` stops all this.")
    if page := stack.plan.page:
        say(f"Open {page} and click Talk.{frontpage.secret()}", style="bold")


def _planned(
    services: Sequence[str], bus_url: str | None, settings: CliSettings, running: Plan | None
) -> tuple[Plan, list[str]]:
    """What to start, and a sentence for each thing that cannot be there; the rest does not wait for it."""
    lacks: list[str] = []
    page: WebSettings | None = None
    names = services or STARTABLE
    if PAGE in names and (running is None or PAGE not in running.health_ports):
        page = frontpage.settings()
        if obstacle := frontpage.obstacle(page):
            if PAGE in services:
                raise CliError(obstacle)
            lacks.append(obstacle)
            names = [name for name in names if name != PAGE]
            page = None
    plan = plan_here(names, bus_url, settings, running)
    if page is not None:
        plan = msgspec.structs.replace(plan, page=page.url, flags={PAGE: {"port": str(page.port)}})
    if running is None and plan.broker_port and settings.bus.leaf_port and not plan.leaf_port:
        lacks.append(
            f"Port {settings.bus.leaf_port} is taken: an edge on another machine will send its microphone here instead "
            f"of hearing by itself. Choose another port with `[bus] leaf_port`, or AVATAR_BUS__LEAF_PORT."
        )
    return plan, lacks
