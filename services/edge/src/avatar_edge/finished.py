"""The turns of a call as they finish, for whoever waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from avatar_edge.report import TurnReport
from avatar_edge.turns import Ledger


class Finished:
    """Counts reports and wakes those who wait."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._count = 0
        self._changed = asyncio.Condition()
        self._closed = False

    def count(self) -> None:
        """A turn has finished; `notify` is to follow."""
        self._count += 1

    async def notify(self) -> None:
        """Wake everybody who waits."""
        async with self._changed:
            self._changed.notify_all()

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Until `condition` holds, looked at whenever a turn finishes; raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def report(self, number: int, timeout_s: float) -> TurnReport:
        """The `number`-th turn to finish, from 1; raises TimeoutError when it has not finished in time."""
        await self.wait_for(lambda: self._count >= number, timeout_s)
        reports = self._ledger.reports
        return reports[number - 1 - (self._count - len(reports))]

    async def stream(self) -> AsyncIterator[TurnReport]:
        """Every turn as it finishes, until `close`."""
        given = self._count
        while not self._closed:
            async with self._changed:
                if given == self._count and not self._closed:
                    await self._changed.wait()
            while given < self._count:
                given += 1
                yield await self.report(given, timeout_s=1.0)

    async def close(self) -> None:
        """Nothing will finish any more."""
        self._closed = True
        await self.notify()
