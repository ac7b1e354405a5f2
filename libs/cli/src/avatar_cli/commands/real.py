"""`avatar real on|off`: the person in place of the clone, asked from outside the call."""

from __future__ import annotations

import asyncio

import msgspec

from avatar_cli.console import say
from avatar_cli.errors import CliError
from avatar_cli.settings import load_cli
from avatar_contracts import ContractError
from avatar_edge.outside import ask_real
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings


def run(switch: str, session: str, bus_url: str | None) -> None:
    """Ask the edge of `session`; raises `CliError` and `BusError`."""
    if switch not in ("on", "off"):
        raise CliError(f"{switch!r} is neither on nor off.")
    settings = load_cli().bus
    settings = msgspec.structs.replace(settings, url=bus_url or settings.url)
    try:
        asyncio.run(_ask(settings, session, on=switch == "on"))
    except ContractError as error:
        raise CliError(str(error)) from error
    say("You yourself are seen and heard." if switch == "on" else "The clone is seen and heard.")


async def _ask(settings: BusSettings, session: str, *, on: bool) -> None:
    bus = await NatsBus.connect(settings, "real")
    try:
        await ask_real(bus, session, on=on)
    finally:
        await bus.close()
