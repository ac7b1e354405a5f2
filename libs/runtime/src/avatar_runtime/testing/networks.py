"""Both kinds of bus behind one face, with outages on demand: one test then holds both to the same promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from avatar_runtime.bus import Bus, Message
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings
from avatar_runtime.testing.broker import Broker


async def until(condition: Callable[[], object], *, within_s: float = 5.0) -> None:
    """Wait until `condition()` holds, looking every few milliseconds; raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - any state may be waited for, with or without an event
            await asyncio.sleep(0.005)


class Heard:
    """A subscription's callback that keeps the messages it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> None:
        """Keep one."""
        self.messages.append(message)

    @property
    def data(self) -> list[bytes]:
        """Their payloads, in order of arrival."""
        return [message.data for message in self.messages]

    async def wait(self, count: int) -> list[bytes]:
        """Their payloads, once there are `count`; raises TimeoutError."""
        await until(lambda: len(self.messages) >= count)
        return self.data


class Network(Protocol):
    """What clients connect to."""

    async def connect(self, **settings: Any) -> Bus:
        """A client; `settings` are fields of `BusSettings`."""

    async def begin_outage(self) -> None:
        """Take the server away; returns when every client knows."""

    async def end_outage(self) -> None:
        """Bring the server back; returns when every client is back and heard again."""

    async def close(self) -> None:
        """End the clients and the server."""


class MemoryNetwork:
    """The bus of one process: every client is the same object."""

    def __init__(self) -> None:
        self.bus = MemoryBus()

    async def connect(self, **settings: Any) -> Bus:
        """See `Network.connect`."""
        return self.bus

    async def begin_outage(self) -> None:
        """See `Network.begin_outage`."""
        self.bus.set_connected(False)

    async def end_outage(self) -> None:
        """See `Network.end_outage`."""
        self.bus.set_connected(True)

    async def close(self) -> None:
        """See `Network.close`."""
        await self.bus.close()


class NatsNetwork:
    """A real nats-server of its own.

    Attributes:
        broker: The server.
        buses: The clients made so far.
    """

    def __init__(self, *, extra_config: str = "") -> None:
        self.broker = Broker(extra_config=extra_config).__enter__()
        self.buses: list[NatsBus] = []

    async def connect(self, **settings: Any) -> NatsBus:
        """See `Network.connect`."""
        bus = await NatsBus.connect(BusSettings(url=self.broker.url, **settings), f"test/{len(self.buses)}")
        self.buses.append(bus)
        return bus

    async def begin_outage(self) -> None:
        """See `Network.begin_outage`."""
        self.broker.kill()
        await until(lambda: not any(bus.connected for bus in self.buses))

    async def end_outage(self) -> None:
        """See `Network.end_outage`."""
        self.broker.restart()
        await until(lambda: all(bus.connected for bus in self.buses))
        for bus in self.buses:
            await bus.flush()

    async def close(self) -> None:
        """See `Network.close`."""
        for bus in self.buses:
            await bus.close()
        self.broker.close()
