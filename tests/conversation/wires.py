"""The bus of a scripted call: everything that is sent is written down, and may be delayed, doubled or lost."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from avatar_contracts import Event, codec
from avatar_runtime.bus import BusDisconnected, Message
from avatar_runtime.memory_bus import MemoryBus

E = TypeVar("E", bound=Event)

_TIE_S = 1e-9

When = Callable[[Event], bool]
Effect = Callable[[Event], Sequence[float]]
"""After how many seconds each copy of an event arrives; empty: it is lost."""


@dataclass(frozen=True)
class Sent:
    """An event as it was sent: when, the event, and its bytes, to be sent once more."""

    at: float
    event: Event
    message: Message


class Wire(MemoryBus):
    """Delivers in order and at once, unless an effect says otherwise.

    Attributes:
        sent: Everything sent, in order.
        arrived: What reached its hearers, and when.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self.arrived: list[Sent] = []
        self._ties = 0.0
        self._hearers: dict[str, list[Any]] = {}
        self._by_type: defaultdict[type[Event], list[Sent]] = defaultdict(list)
        self._effects: list[tuple[When, Effect]] = []

    # --- what may go wrong -------------------------------------------------------------------------------------

    def lose(self, *types: type[Event], where: When = lambda _: True) -> None:
        """Events of these types never arrive."""
        self._effects.append((_matching(types, where), lambda _: ()))

    def double(self, *types: type[Event], after: float = 0.05, where: When = lambda _: True) -> None:
        """Every one arrives twice."""
        self._effects.append((_matching(types, where), lambda _: (0.0, after)))

    def delay(self, *types: type[Event], by: float, where: When = lambda _: True) -> None:
        """Every one arrives later; others may overtake it."""
        self._effects.append((_matching(types, where), lambda _: (by,)))

    def affect(self, effect: Effect) -> None:
        """Every event arrives as `effect` says."""
        self._effects.append((lambda _: True, effect))

    def heal(self) -> None:
        """From now on everything arrives."""
        self._effects.clear()

    def replay(self, *types: type[Event], where: When = lambda _: True) -> int:
        """Send again, byte by byte, what was sent before; returns how many events that were."""
        again = [sent for sent in self.sent if _matching(types, where)(sent.event)]
        for sent in again:
            self._hand_over(sent)
        return len(again)

    # --- what was sent -----------------------------------------------------------------------------------------

    def of(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> list[E]:
        """Events of one type sent so far."""
        return [sent.event for sent in self._by_type[kind] if where(sent.event)]

    def times(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> list[float]:
        """When they were sent."""
        return [sent.at for sent in self._by_type[kind] if where(sent.event)]

    # --- inside ------------------------------------------------------------------------------------------------

    def _deliver(self, message: Message) -> int:
        if not self._connected:
            raise BusDisconnected(message.subject)
        if not message.subject.startswith("av."):
            return super()._deliver(message)
        event = codec.decode(message.subject.split(".", 2)[2], message.data)
        loop = asyncio.get_running_loop()
        sent = Sent(loop.time(), event, message)
        self.sent.append(sent)
        self._by_type[type(event)].append(sent)
        effect = next((effect for when, effect in self._effects if when(event)), None)
        copies = (0.0,) if effect is None else effect(event)
        count = 0
        for after_s in copies:
            if after_s:
                self._ties += _TIE_S  # timers that are due at the very same moment fire in any order
                loop.call_later(after_s + self._ties, self._hand_over, sent)
            else:
                count = self._hand_over(sent)
        return count or 1

    def _hand_over(self, sent: Sent) -> int:
        if not self._connected:
            return 0
        loop = asyncio.get_running_loop()
        self.arrived.append(Sent(loop.time(), sent.event, sent.message))
        hearers = [each for each in self._hearers.get(sent.message.subject, ()) if each in self.subscriptions]
        for hearer in hearers:
            loop.call_soon(hearer.callback, sent.message)
        return len(hearers)

    async def subscribe(self, subject: str, callback: Callable[[Message], None], *, queue: str = "") -> Any:
        """As `MemoryBus` does; events go to whoever subscribed their very subject."""
        subscription = await super().subscribe(subject, callback, queue=queue)
        self._hearers.setdefault(subject, []).append(subscription)
        return subscription


def _matching(types: tuple[type[Event], ...], where: When) -> When:
    return lambda event: isinstance(event, types) and where(event)
