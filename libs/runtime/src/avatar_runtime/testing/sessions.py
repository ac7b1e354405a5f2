"""A worker of one session and everybody else it talks with, on one bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from avatar_contracts import Claim, Event, Kind, ids, specs
from avatar_runtime.bus import Bus
from avatar_runtime.leases import Worker
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session

E = TypeVar("E", bound=Event)
W = TypeVar("W", bound=Worker)


class Peer:
    """The rest of the session: publishes as any other service would, and keeps everything it hears.

    Attributes:
        session: Its end of the session, for `command`, `report` and the like.
        events: Every event heard, its own included, in order of arrival.
    """

    def __init__(self, bus: Bus, session_id: str, kind: Kind = "edge") -> None:
        self.session = Session(bus, session_id, kind, epoch=1)
        self.events: list[Event] = []
        self._arrived = asyncio.Condition()
        for spec in specs():
            self.session.on(spec.event, self._keep)

    async def _keep(self, event: Event) -> None:
        async with self._arrived:
            self.events.append(event)
            self._arrived.notify_all()

    async def publish(self, event: Event) -> None:
        """Send an event as its owner would."""
        await self.session.publish(event)

    def heard(self, event_type: type[E]) -> list[E]:
        """Events of one type heard so far."""
        return [event for event in self.events if isinstance(event, event_type)]

    async def wait_for(
        self,
        event_type: type[E],
        *,
        count: int = 1,
        where: Callable[[E], bool] = lambda _: True,
        timeout_s: float = 5.0,
    ) -> E:
        """The `count`-th event of a type that satisfies `where`, past ones included; raises TimeoutError."""

        def matching() -> list[E]:
            return [event for event in self.heard(event_type) if where(event)]

        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(lambda: len(matching()) >= count)
        except TimeoutError:
            heard = sorted({type(event).__name__ for event in self.events})
            raise TimeoutError(f"no {event_type.__name__} #{count} within {timeout_s} s; heard {heard}") from None
        return matching()[count - 1]


@contextlib.asynccontextmanager
async def serving(
    kind: Kind, make: Callable[[Session], W], claim: Claim | None = None, *, bus: Bus | None = None
) -> AsyncIterator[tuple[W, Peer]]:
    """A worker made by `make` on a started session, and its `Peer`; on a fresh `MemoryBus` unless one is given.

    Example:
        async with serving("tts", lambda session: Speaker(session, engine, settings)) as (speaker, peer):
            await peer.publish(LlmSentence(turn=1, reply=1, sentence=0, text="Hello there.", language="en"))
            chunk = await peer.wait_for(TtsChunk)
    """
    bus = bus or MemoryBus()
    claim = claim or Claim(session=ids.new_session_id(), kind=kind, epoch=1)
    session = Session(bus, claim.session, kind, claim.epoch, claim)
    peer = Peer(bus, claim.session)
    worker = make(session)
    await session.start()
    await peer.session.start()
    try:
        yield worker, peer
    finally:
        await session.close()
        await worker.close()
        await peer.session.close()
