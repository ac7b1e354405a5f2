"""A call held in this process, as the demo, the bench and the tests need it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from avatar_edge import Call, EdgeSettings, TurnReport
from avatar_runtime import log
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings, LogSettings, load

_SETTLE_S = 0.6
"""A person who goes on after a pause is heard by then."""
_BUSY = ("hearing", "thinking", "speaking")


@asynccontextmanager
async def joined(
    bus_url: str, mic: Any, out: Any, camera: Any, recorder: Any = None, *, ready_s: float = 20.0, **chosen: Any
) -> AsyncIterator[Call]:
    """An open and ready `avatar_edge.Call` on `bus_url`; `chosen` are settings of the edge.

    Raises:
        CallNotReady: A worker is missing; the message names it.
    """
    log.configure(LogSettings(level="error"), "edge")
    settings = msgspec.structs.replace(
        load("edge", EdgeSettings, argv=[]), bus=BusSettings(url=bus_url, connect_timeout_s=5.0), **chosen
    )
    bus = await NatsBus.connect(settings.bus, name="edge")
    video_bus = await NatsBus.connect(settings.bus, name="edge-video")
    try:
        async with Call(bus, settings, mic, out, camera, recorder=recorder, video_bus=video_bus) as call:
            await call.ready(timeout_s=ready_s)
            yield call
    finally:
        await video_bus.close()
        await bus.close()


async def answered(call: Call, before: int, timeout_s: float = 25.0) -> list[TurnReport]:
    """The turns that finished after the first `before` ones, once the call is quiet again.

    One utterance is one turn as a rule; a reading with long pauses may be heard as several.

    Raises:
        TimeoutError: No turn finished in time.
    """
    await call.turn_done(before + 1, timeout_s=timeout_s)
    while True:
        await asyncio.sleep(_SETTLE_S)
        if call.state not in _BUSY:
            return list(call.turns[before:])
        await call.turn_done(len(call.turns) + 1, timeout_s=timeout_s)
