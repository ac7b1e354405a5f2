"""The edge's part in the trace of a turn: from the first sample handed over to the end of the reply."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from avatar_edge.changes import Change
from avatar_runtime import semconv, telemetry

_KEPT = 16


class PlayTrace:
    """Spans ``edge.play`` and, within it, ``edge.first_audio`` of each reply that is played."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None], str], object]) -> None:
        """`spawn(work, name)` runs a task for as long as the session lives."""
        self._spawn = spawn
        self._contexts: OrderedDict[int, Any] = OrderedDict()
        self._reply = 0
        self._audible = asyncio.Event()
        self._over = asyncio.Event()

    def begin(self, turn: int) -> None:
        """Keep the current trace: it is that of `turn`."""
        self._contexts[turn] = telemetry.current()
        while len(self._contexts) > _KEPT:
            self._contexts.popitem(last=False)

    def changed(self, change: Change) -> None:
        """The playout of a reply moved on."""
        if change.state == "started":
            self._reply = change.progress.reply
            self._audible, self._over = asyncio.Event(), asyncio.Event()
            self._spawn(self._follow(change.progress.turn, self._reply, self._audible, self._over), "trace")
        elif change.progress.reply == self._reply:  # another one may be stopped before it began
            self._audible.set()
            if change.state in ("finished", "stopped"):
                self._over.set()

    async def _follow(self, turn: int, reply: int, audible: asyncio.Event, over: asyncio.Event) -> None:
        context = self._contexts.get(turn, telemetry.current())
        attributes = {semconv.TURN: turn, semconv.REPLY: reply}
        with telemetry.attached(context), telemetry.span(semconv.EDGE_PLAY, **attributes):
            await audible.wait()
            with telemetry.span(semconv.EDGE_FIRST_AUDIO):
                pass  # a moment, not a stretch of time
            await over.wait()
