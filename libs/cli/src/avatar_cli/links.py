"""Calls over bad links: the cases, the proxy that makes them, and what a person would see and hear of them."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from avatar_cli.joined import joined
from avatar_edge import Call, MemoryCamera, NullOut
from avatar_edge.audio import Pcm
from avatar_edge.picture import Picture
from avatar_edge.playhead import Playhead
from avatar_runtime.testing.proxy import Proxy

QUEUE_BYTES = 48_000
"""In front of the bottleneck: 0.2 s at 1.8 Mbit/s, as a plain router has it."""
_ON_THE_WAY_BYTES = 1_000_000
STALL_S = 2.0
SYNC_S = 0.08
"""Lips this close to the voice are in step."""
_STEADY_S = 0.4
_STANDING = 0.2
"""A reply clock slower than this share of the real one stands still."""


@dataclass(frozen=True)
class Case:
    """A link, the same both ways.

    Attributes:
        name: What it is called in figures.
        trip_ms: Round trip without any queue.
        jitter_ms: Up to this much more each way, at random.
        mbit_s: Capacity both connections share; 0: no limit.
        event: ``stall`` or ``reset``: happens while the clone speaks.
    """

    name: str
    trip_ms: float = 0.0
    jitter_ms: float = 0.0
    mbit_s: float = 0.0
    event: str = ""


TO_WIN = Case("1.8mbit_100ms", trip_ms=100, mbit_s=1.8)
STALL = Case("stall_2s", trip_ms=50, mbit_s=8, event="stall")
RESET = Case("reset", trip_ms=50, mbit_s=8, event="reset")
CASES = (
    Case("direct"),
    Case("50ms", trip_ms=50),
    Case("100ms", trip_ms=100),
    Case("200ms", trip_ms=200),
    Case("50ms_jitter30", trip_ms=50, jitter_ms=30),
    Case("8mbit_50ms", trip_ms=50, mbit_s=8),
    Case("2mbit_50ms", trip_ms=50, mbit_s=2),
    Case("1mbit_50ms", trip_ms=50, mbit_s=1),
    TO_WIN,
    STALL,
    RESET,
)


@asynccontextmanager
async def impaired(bus_url: str, case: Case) -> AsyncIterator[tuple[str, Proxy]]:
    """A link of that kind to the bus at `bus_url`: the URL at its near end, and the proxy that is the link."""
    parts = urlsplit(bus_url)
    proxy = Proxy(parts.port or 4222, target_host=parts.hostname or "127.0.0.1", buffer_bytes=_ON_THE_WAY_BYTES)
    for faults in (proxy.up, proxy.down):
        faults.delay_s = case.trip_ms / 2000.0
        faults.jitter_s = case.jitter_ms / 1000.0
        faults.rate_bytes_s = case.mbit_s * 125_000.0
        faults.queue_bytes = QUEUE_BYTES if case.mbit_s else 0
    async with proxy:
        yield f"nats://127.0.0.1:{proxy.port}", proxy


@dataclass
class Watch:
    """Loudspeaker and camera of a call in one witness: where the reply clock stood, and what was shown, every tick."""

    call: Call | None = None
    heads: list[tuple[float, Playhead | None]] = field(default_factory=list)
    shown: list[tuple[float, int, float, int]] = field(default_factory=list)
    """When, of which reply, seconds of its clock, and the identity of the picture."""

    @property
    def out(self) -> NullOut:
        """The loudspeaker."""
        watch = self

        class Out(NullOut):
            def _keep(self, index: int, pcm: Pcm) -> None:
                at = self.began_at + index * 0.01
                watch.heads.append((at, watch.head(at)))

        return Out()

    @property
    def camera(self) -> MemoryCamera:
        """The camera."""
        watch = self

        class Camera(MemoryCamera):
            def push(self, picture: Picture, at: float) -> None:
                watch.shown.append((at, picture.reply, picture.pts_s, id(picture.i420)))
                super().push(picture, at)

        return Camera(keep=2)

    def head(self, at: float) -> Playhead | None:
        """What sounds at edge clock `at`."""
        return self.call.playhead(at) if self.call is not None else None

    # --- what was heard ----------------------------------------------------------------------------------------

    def gaps_s(self, since: float = 0.0) -> list[float]:
        """How long replies stood still in their middle, each time for more than a tick."""
        gaps: list[float] = []
        standing = 0.0
        for (before, was), (at, head) in itertools.pairwise(self.heads):
            if before < since or was is None or head is None or was.reply != head.reply or not head.sounding:
                standing = 0.0  # what ended while it stood was not waited for
            elif head.seconds - was.seconds < _STANDING * (at - before):
                standing += at - before
            else:
                if standing > 0.015:
                    gaps.append(standing)
                standing = 0.0
        return gaps

    def speaks_at(self, since: float) -> float | None:
        """When the reply clock first moved from `since` on."""
        for (before, was), (at, head) in itertools.pairwise(self.heads):
            if at < since or was is None or head is None or not head.sounding:
                continue
            if was.reply == head.reply and head.seconds - was.seconds > 0.5 * (at - before):
                return at
        return None

    # --- what was seen -----------------------------------------------------------------------------------------

    def frozen_s(self, since: float = 0.0) -> float:
        """The longest time without another picture."""
        longest, changed, last = 0.0, since, 0
        for at, _, _, which in self.shown:
            if at < since:
                continue
            if which != last:
                longest = max(longest, at - changed) if last else 0.0
                changed, last = at, which
        return max(longest, self.shown[-1][0] - changed) if self.shown else 0.0

    def skews_s(self, since: float = 0.0) -> list[tuple[float, float | None]]:
        """While a reply sounded, how far its sound was ahead of the picture shown; None: it was not its picture."""
        found: list[tuple[float, float | None]] = []
        heads = {round(at * 100): head for at, head in self.heads}
        for at, reply, pts_s, _ in self.shown:
            head = heads.get(round(at * 100))
            if at >= since and head is not None and head.sounding:
                found.append((at, head.seconds - pts_s if reply == head.reply else None))
        return found

    def in_step_at(self, since: float) -> float | None:
        """When lips and voice were first in step from `since` on, and stayed so for a while."""
        began: float | None = None
        for at, skew in self.skews_s(since):
            if skew is None or abs(skew) > SYNC_S:
                began = None
            elif began is None:
                began = at
            elif at - began >= _STEADY_S:
                return began
        return None


@asynccontextmanager
async def watched(url: str, mic: Any, **chosen: Any) -> AsyncIterator[tuple[Call, Watch]]:
    """An open and ready call over a link, and what is seen and heard of it."""
    watch = Watch()
    async with joined(url, mic, watch.out, watch.camera, **chosen) as call:
        watch.call = call
        yield call, watch


async def sampled(call: Call, into: list[float]) -> None:
    """Note the live pictures of every second for ever."""
    clock = asyncio.get_running_loop().time
    shown, at = call.video_stats().frames, clock()
    while True:
        await asyncio.sleep(1.0)
        now, count = clock(), call.video_stats().frames
        into.append((count - shown) / (now - at))
        shown, at = count, now


def median(values: list[float]) -> float:
    """The median, 0 of nothing."""
    return statistics.median(values) if values else 0.0
