"""Queues between the reader of a connection and the handlers of a session, one lane policy each.

nats-py drops the newest message when a consumer falls behind, which is the wrong one for live media: so its
callbacks only put messages here, and the lane decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from avatar_contracts import Lane

T = TypeVar("T")

ORDERED_DEPTH = 256
"""Media messages held for a slow handler: 5 s of microphone, 10 s of video."""
CONTROL_ALARM = 1_000
"""A control lane this deep means its handler is stuck; it still drops nothing."""


class LaneQueue(Generic[T]):
    """Items in arrival order for one consumer, bounded as `lane` says.

    Attributes:
        dropped: Items thrown away so far, oldest first.
    """

    def __init__(self, lane: Lane, *, ordered_depth: int = ORDERED_DEPTH) -> None:
        depth = {Lane.CONTROL: None, Lane.ORDERED: ordered_depth, Lane.LATEST: 1}[lane]
        self._items: deque[T] = deque(maxlen=depth)
        self._arrived = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> bool:
        """Add an item; returns False when an older one was dropped for it."""
        full = len(self._items) == self._items.maxlen
        self._items.append(item)
        self._arrived.set()
        if full:
            self.dropped += 1
        return not full

    async def get(self) -> T:
        """Wait for the oldest item and take it."""
        while not self._items:
            self._arrived.clear()
            await self._arrived.wait()
        return self._items.popleft()
