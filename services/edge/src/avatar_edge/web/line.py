"""A bus that is lent to one visit after another: nothing of a visit stays behind on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from avatar_runtime.bus import Bus, Message, Subscription


class Line:
    """A `Bus` that is another one's, but for those who are told of its state."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._callbacks: list[Callable[[bool], None]] = []

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return self._bus.connected

    def on_state(self, callback: Callable[[bool], None]) -> None:
        """See `Bus.on_state`."""
        self._callbacks.append(callback)

    def tell(self, connected: bool) -> None:
        """The state of the bus has changed."""
        for callback in self._callbacks:
            callback(connected)

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """See `Bus.publish`."""
        await self._bus.publish(subject, data, headers, reply)

    async def subscribe(self, subject: str, callback: Callable[[Message], None], *, queue: str = "") -> Subscription:
        """See `Bus.subscribe`."""
        return await self._bus.subscribe(subject, callback, queue=queue)

    async def request(
        self,
        subject: str,
        data: bytes,
        *,
        timeout_s: float = 0.25,
        headers: Mapping[str, str] | None = None,
    ) -> Message:
        """See `Bus.request`."""
        return await self._bus.request(subject, data, timeout_s=timeout_s, headers=headers)

    async def flush(self) -> None:
        """See `Bus.flush`."""
        await self._bus.flush()

    async def announce(self, name: str, metadata: Mapping[str, str]) -> None:
        """See `Bus.announce`."""
        await self._bus.announce(name, metadata)

    async def close(self) -> None:
        """The bus is not this one's to close."""


class Exchange:
    """Lends lines of one bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lines: set[Line] = set()
        bus.on_state(self._tell)

    @contextlib.contextmanager
    def lend(self) -> Iterator[Line]:
        """A line for as long as the block lasts."""
        line = Line(self._bus)
        self._lines.add(line)
        try:
            yield line
        finally:
            self._lines.discard(line)

    def _tell(self, connected: bool) -> None:
        for line in tuple(self._lines):
            line.tell(connected)
