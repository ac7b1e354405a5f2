"""A bus inside one event loop, with the semantics of NATS: for tests and for single-process use."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from avatar_runtime.bus import BusDisconnected, Message, NoResponders, RequestTimeout


@dataclass(eq=False)
class _Subscription:
    bus: MemoryBus
    pattern: tuple[str, ...]
    callback: Callable[[Message], None]
    queue: str

    async def unsubscribe(self) -> None:
        if self in self.bus.subscriptions:
            self.bus.subscriptions.remove(self)

    def matches(self, subject: tuple[str, ...]) -> bool:
        for index, part in enumerate(self.pattern):
            if part == ">":
                return len(subject) > index
            if index >= len(subject) or part not in ("*", subject[index]):
                return False
        return len(self.pattern) == len(subject)


class MemoryBus:
    """See `avatar_runtime.bus.Bus`. `connect`/`disconnect` script an outage."""

    def __init__(self) -> None:
        self.subscriptions: list[_Subscription] = []
        self._connected = True
        self._state_callbacks: list[Callable[[bool], None]] = []
        self._turns = itertools.count()
        self._inboxes = itertools.count()

    @property
    def connected(self) -> bool:
        """Whether publishes are delivered."""
        return self._connected

    def set_connected(self, connected: bool) -> None:
        """Begin or end an outage."""
        if connected != self._connected:
            self._connected = connected
            for callback in tuple(self._state_callbacks):
                callback(connected)

    def on_state(self, callback: Callable[[bool], None]) -> Callable[[], None]:
        """See `Bus.on_state`."""
        self._state_callbacks.append(callback)
        return lambda: self._state_callbacks.remove(callback)

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """See `Bus.publish`."""
        self._deliver(Message(subject, data, dict(headers or {}), reply))
        await asyncio.sleep(0)

    def _deliver(self, message: Message) -> int:
        if not self._connected:
            raise BusDisconnected(message.subject)
        subject = tuple(message.subject.split("."))
        hit = [s for s in self.subscriptions if s.matches(subject)]
        chosen = [s for s in hit if not s.queue]
        groups: dict[str, list[_Subscription]] = {}
        for subscription in hit:
            if subscription.queue:
                groups.setdefault(subscription.queue, []).append(subscription)
        chosen += [members[next(self._turns) % len(members)] for members in groups.values()]
        loop = asyncio.get_running_loop()
        for subscription in chosen:
            loop.call_soon(subscription.callback, message)
        return len(chosen)

    async def subscribe(self, subject: str, callback: Callable[[Message], None], *, queue: str = "") -> _Subscription:
        """See `Bus.subscribe`."""
        subscription = _Subscription(self, tuple(subject.split(".")), callback, queue)
        self.subscriptions.append(subscription)
        return subscription

    async def request(
        self,
        subject: str,
        data: bytes,
        *,
        timeout_s: float = 0.25,
        headers: Mapping[str, str] | None = None,
    ) -> Message:
        """See `Bus.request`."""
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def take(message: Message) -> None:
            if not answer.done():
                answer.set_result(message)

        inbox = f"_INBOX.{next(self._inboxes)}"
        subscription = await self.subscribe(inbox, take)
        try:
            if not self._deliver(Message(subject, data, dict(headers or {}), inbox)):
                raise NoResponders(subject)
            async with asyncio.timeout(timeout_s):  # wait_for can swallow a cancellation that comes with the answer
                return await answer
        except TimeoutError:
            raise RequestTimeout(subject, timeout_s) from None
        finally:
            await subscription.unsubscribe()

    async def flush(self) -> None:
        """See `Bus.flush`."""
        await asyncio.sleep(0)

    async def announce(self, name: str, metadata: Mapping[str, str]) -> None:
        """See `Bus.announce`: nothing to register with in one process."""

    async def close(self) -> None:
        """See `Bus.close`."""
        self._connected = False
        self.subscriptions.clear()
