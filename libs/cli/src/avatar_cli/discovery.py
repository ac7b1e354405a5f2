"""Who is on a bus: every service instance that announced itself through NATS micro."""

from __future__ import annotations

import asyncio
import secrets

import msgspec

from avatar_runtime.bus import Message
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings

_PREFIX = "avatar-"


class Found(msgspec.Struct, frozen=True):
    """One running instance.

    Attributes:
        kind: Its service.
        worker: Its id.
        engine: The engine it has loaded.
        health: Base URL of its health endpoints, on its own machine.
        pid: Its process there.
        host: Name of that machine.
    """

    kind: str
    worker: str
    engine: str
    health: str
    pid: int
    host: str = ""


class _Info(msgspec.Struct):
    name: str
    metadata: dict[str, str] = {}


async def instances(settings: BusSettings, wait_s: float = 0.3) -> list[Found]:
    """Every service that answers within `wait_s`, ordered by kind; raises `BusError` when the bus is away."""
    name = f"cli-{secrets.token_hex(4)}"
    bus = await NatsBus.connect(settings, name)
    answers: list[Message] = []
    try:
        inbox = f"_INBOX_{name}.found"
        await bus.subscribe(inbox, answers.append)
        await bus.publish("$SRV.INFO", b"", reply=inbox)
        await asyncio.sleep(wait_s)
    finally:
        await bus.close()
    return sorted((_found(message) for message in answers), key=lambda found: (found.kind, found.worker))


def _found(message: Message) -> Found:
    info = msgspec.json.decode(message.data, type=_Info)
    facts = info.metadata
    return Found(
        kind=info.name.removeprefix(_PREFIX),
        worker=facts.get("worker", ""),
        engine=facts.get("engine", ""),
        health=facts.get("health", ""),
        pid=int(facts.get("pid", "0")),
        host=facts.get("host", ""),
    )
