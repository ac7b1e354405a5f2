"""Giving way: what sounds grows faint or silent when the person's voice meets it, and comes back when it was nothing.

The ears decide; this obeys them. Only when they fall silent themselves does it give the sound back on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_contracts import SpeechOverlap, SpeechStarted, SpeechStopped, TurnCancel
from avatar_edge.playout import Playout
from avatar_runtime import log, metrics
from avatar_runtime.session import Session

RESTORE_S = 2.5
"""So long after the last word from the ears the answer has its level back and goes on: they decide within 2 s."""

_yields = metrics.counter("avatar_edge_yields_total", "Times an answer gave way to the person's voice", ["outcome"])

logger = log.get(__name__)


class Floor:
    """Ducks, holds and restores the playout.

    Attributes:
        ducks: The person's voice makes answers faint; not where it does not interrupt.
    """

    def __init__(
        self, session: Session, playout: Playout, *, guarded: Callable[[int], bool], clock: Callable[[], float]
    ) -> None:
        """`guarded(sample)`: the microphone may have held the clone's own voice there, so it proves nothing."""
        self.ducks = True
        self._session = session
        self._playout = playout
        self._guarded = guarded
        self._clock = clock
        self._held: set[int] = set()
        self._ducked = False
        self._told_at = 0.0
        self._watching: asyncio.Task[None] | None = None
        session.on(SpeechStarted, self._on_started)
        session.on(SpeechStopped, self._on_stopped)
        session.on(SpeechOverlap, self._on_overlap)
        session.on(TurnCancel, self._on_cancel)

    def restore(self, outcome: str = "restored") -> None:
        """Give everything back: level, and what is held."""
        now = self._clock()
        for turn in sorted(self._held):
            self._playout.resume(turn, now)
            _yields.labels(outcome).inc()
        self._held.clear()
        self._unduck(now)

    async def _on_started(self, event: SpeechStarted) -> None:
        self._told_at = now = self._clock()
        if self.ducks and not self._guarded(event.at) and self._playout.duck(now):
            self._ducked = True
            _yields.labels("ducked").inc()
            self._watch()

    async def _on_stopped(self, event: SpeechStopped) -> None:
        self._told_at = now = self._clock()
        if event.discarded:
            self._unduck(now)

    async def _on_overlap(self, event: SpeechOverlap) -> None:
        self._told_at = now = self._clock()
        if event.state == "hold":
            self._playout.hold(event.turn, now)
            self._held.add(event.turn)
            _yields.labels("held").inc()
            self._watch()
        else:
            self._playout.resume(event.turn, now)
            self._unduck(now)
            if event.turn in self._held:
                self._held.remove(event.turn)
                _yields.labels("resumed").inc()

    async def _on_cancel(self, event: TurnCancel) -> None:
        if event.turn in self._held:
            self._held.remove(event.turn)
            _yields.labels("cancelled").inc()
        self._unduck(self._clock())

    def _unduck(self, now: float) -> None:
        self._playout.unduck(now)
        self._ducked = False

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = self._session.spawn(self._restore_in_time(), "floor")

    async def _restore_in_time(self) -> None:
        while self._held or self._ducked:
            left_s = self._told_at + RESTORE_S - self._clock()
            if left_s > 0:
                await asyncio.sleep(left_s)
                continue
            logger.warning("floor.restored", held=len(self._held), ducked=self._ducked)
            self.restore()
