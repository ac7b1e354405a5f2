"""A long call: memory, clocks and sync must stay where they are."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from avatar_cli import recordings
from avatar_cli.bench.figures import Figure, Limit, value
from avatar_cli.console import say
from avatar_cli.joined import answered, joined
from avatar_cli.stack import Stack
from avatar_edge import Call, FileMic, NullCamera, NullOut
from avatar_edge.audio import Pcm
from avatar_edge.speaker import BLOCK_S

_COMMAND = "avatar bench --only soak --minutes {:g}"
_EVERY_S = 5.0
_WARM_SHARE = 0.2
"""The beginning, in which caches fill, is left out of the slopes."""
_APART_S = 1.5
_WIDTH, _HEIGHT = 1280, 720
_LIMITS = {
    "soak.rss_growth_mb_per_10min": Limit("value", 10.0),
    "soak.skew_drift_ms_per_10min": Limit("value", 5.0),
    "soak.clock_drift_ms_per_10min": Limit("value", 5.0),
    "soak.skew_p95_ms": Limit("value", 40.0),
    "soak.picture_gap_ms": Limit("value", 200.0),
    "soak.rss_mb": Limit("value", 350.0),
    "soak.cpu_percent": Limit("value", 60.0),
}


class _Sample(NamedTuple):
    at: float
    rss_mb: float
    drift_ms: float


class _Out(NullOut):
    """Counts what it has played."""

    played_s = 0.0

    def _keep(self, index: int, pcm: Pcm) -> None:
        self.played_s = (index + 1) * BLOCK_S


def measure(stack: Stack, minutes: float) -> list[Figure]:
    """One call of `minutes` minutes in which the clone talks most of the time."""
    return asyncio.run(_measure(stack.plan.bus_url, minutes))


async def _measure(url: str, minutes: float) -> list[Figure]:
    sounds = recordings.cut("two_cities.wav", recordings.TWO_CITIES[1:9])
    mic, out = FileMic(noise_dbfs=-60.0), _Out()
    samples, skews = list[_Sample](), list[tuple[float, float]]()
    async with joined(url, mic, out, NullCamera(), width=_WIDTH, height=_HEIGHT) as call:
        used_s, began_at = _cpu_s(), time.perf_counter()
        watching = asyncio.create_task(_watch(call, mic, out, samples, skews))
        talking = asyncio.create_task(_talk(call, mic, sounds))
        await asyncio.wait({watching, talking}, timeout=minutes * 60.0, return_when=asyncio.FIRST_COMPLETED)
        for task in (watching, talking):
            if task.done():
                task.result()
            task.cancel()
        cpu = 100.0 * (_cpu_s() - used_s) / (time.perf_counter() - began_at)
        stats, link = call.video_stats(), call.link()
        figures = {
            "soak.rss_growth_mb_per_10min": _slope([(each.at, each.rss_mb) for each in samples]),
            "soak.rss_mb": samples[-1].rss_mb,
            "soak.cpu_percent": cpu,
            "soak.skew_drift_ms_per_10min": abs(_slope(skews)),
            "soak.clock_drift_ms_per_10min": abs(_slope([(each.at, each.drift_ms) for each in samples])),
            "soak.skew_p95_ms": link.skew_ms or 0.0,
            "soak.picture_fps": stats.fps,
            "soak.picture_gap_ms": stats.longest_gap_ms,
            "soak.turns": float(len(call.turns)),
        }
    return [
        Figure(
            name=name,
            statistics=value(number),
            command=_COMMAND.format(minutes),
            limits=(_LIMITS[name],) if name in _LIMITS else (),
            note=f"over {minutes:g} minutes at {_WIDTH}x{_HEIGHT}, of the process that holds the edge",
        )
        for name, number in figures.items()
    ]


async def _talk(call: Call, mic: FileMic, sounds: Sequence[NDArray[np.float32]]) -> None:
    for sound in itertools.cycle(sounds):
        before = len(call.turns)
        await mic.say(sound)
        await answered(call, before, timeout_s=40.0)
        await asyncio.sleep(_APART_S)


async def _watch(call: Call, mic: FileMic, out: _Out, samples: list[_Sample], skews: list[tuple[float, float]]) -> None:
    process, began_at = psutil.Process(), time.perf_counter()
    while True:
        await asyncio.sleep(_EVERY_S)
        at = time.perf_counter() - began_at
        drift_ms = 1000.0 * (out.played_s - mic.position / recordings.RATE)
        samples.append(_Sample(at, process.memory_info().rss / 1e6, drift_ms))
        skew = call.av_skew_ms()
        if skew["frames"]:
            skews.append((at, skew["p50"]))
        if len(samples) % 12 == 0:
            memory = f"{samples[-1].rss_mb:.0f} MB"
            say(f"  {at / 60:4.1f} min: {memory}, skew p95 {skew['p95']:.0f} ms, {len(call.turns)} turns")


def _cpu_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Growth in 10 minutes, by least squares over all but the beginning; 0 of too few points."""
    kept = points[round(_WARM_SHARE * len(points)) :]
    if len(kept) < 3:
        return 0.0
    times, numbers = np.array(kept).T
    return float(np.polyfit(times, numbers, 1)[0] * 600.0)
