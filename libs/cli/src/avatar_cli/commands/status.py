"""`avatar status`: what runs here and what else is on the bus."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from avatar_cli import discovery
from avatar_cli.console import megabytes, say, table
from avatar_cli.names import PAGE
from avatar_cli.probes import without_password
from avatar_cli.settings import CliSettings, load_cli
from avatar_cli.stack import BROKER, Member, Stack
from avatar_runtime import log
from avatar_runtime.bus import BusError


def run(directory: Path) -> None:
    """Print the table; raises `NotRunning` when nothing was started here."""
    show(Stack(directory), load_cli())


def show(stack: Stack, settings: CliSettings) -> None:
    """Print every process of `stack`, then the instances that other machines have on its bus."""
    members = stack.members()
    log.configure(msgspec.structs.replace(settings.log, level="error"), "cli")
    bus = msgspec.structs.replace(settings.bus, url=stack.plan.bus_url, connect_timeout_s=2.0)
    try:
        found = asyncio.run(discovery.instances(bus))
    except BusError as error:
        say(f"The bus is away: {error}", style="red")
        found = []
    engines = {instance.health: instance.engine for instance in found}
    rows = [_row(member, engines.get(member.health, "")) for member in members]
    here = {member.health for member in members}
    rows += [(i.kind, "elsewhere", "-", i.health, i.engine, "-") for i in found if i.health not in here]
    table("", ("service", "state", "pid", "answers at", "engine", "memory"), rows, right=("pid", "memory"))
    total = sum(member.rss_bytes for member in members)
    say(f"Bus {without_password(stack.plan.bus_url)} · memory {megabytes(total)} · logs {stack.directory / 'logs'}")


def _row(member: Member, engine: str) -> tuple[str, ...]:
    state = "ready" if member.ready else member.process.state.lower()
    pid = str(member.process.pid or "-")
    if member.name == BROKER:
        engine = "nats-server"
    if member.name == PAGE:
        engine = "browser calls"
    return member.name, state, pid, without_password(member.url), engine or "-", megabytes(member.rss_bytes)
