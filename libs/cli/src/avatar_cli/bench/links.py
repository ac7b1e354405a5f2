"""Calls over bad links: what is heard, what is seen, and whether it stays so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avatar_cli import recordings
from avatar_cli.bench.figures import Figure, Limit, percentile, value
from avatar_cli.console import say, table
from avatar_cli.errors import BenchFailed
from avatar_cli.joined import answered
from avatar_cli.links import CASES, RESET, STALL, STALL_S, TO_WIN, Case, Watch, impaired, median, sampled, watched
from avatar_cli.stack import Stack
from avatar_edge import Call, FileMic, LinkStats
from avatar_runtime.testing.proxy import Proxy

_QUICK = (TO_WIN, STALL)
_COMMAND = "avatar bench --only links"
_SETTLE_S = 4.0
"""In which the picture finds what the link carries."""
_APART_S = 1.0
_ANSWER_S = 40.0
_INTO_S = 0.8
"""How far into its answer the clone is when something happens to the link."""
_AFTER_S = 6.0
_LIMITS = {
    "frozen_ms": Limit("value", 200.0),
    "gap_ms": Limit("value", 40.0),
    "picture_fps": Limit("value", 20.0, at_least=True),
    "growth_ms": Limit("value", 100.0),
    "speech_back_ms": Limit("value", 1000.0),
    "in_step_ms": Limit("value", 2000.0),
}


class Seen(NamedTuple):
    """What became of a call over one link."""

    case: Case
    gap_ms: float
    frozen_ms: float
    picture_fps: float
    least_fps: float
    latencies_ms: list[float]
    skew_p95_ms: float
    skew_max_ms: float
    link: LinkStats
    lost_workers: int
    speech_back_ms: float | None = None
    in_step_ms: float | None = None

    @property
    def growth_ms(self) -> float:
        """How much longer the last answers took than the first."""
        half = len(self.latencies_ms) // 2
        return median(self.latencies_ms[-half:]) - median(self.latencies_ms[:half]) if half else 0.0


def measure(stack: Stack, lines: int, *, quick: bool = False, only: Sequence[str] = ()) -> list[Figure]:
    """A call of `lines` lines over each link, over two of them when `quick`, or over those named in `only`."""
    cases = [case for case in (_QUICK if quick else CASES) if not only or case.name in only]
    # The same lines in both halves of a call: only then do their latencies tell whether it grew.
    sounds = recordings.cut("two_cities.wav", recordings.TWO_CITIES[1 : 1 + max(1, lines // 2)]) * min(2, lines)
    seen = []
    for case in cases:
        seen.append(asyncio.run(_call(stack.plan.bus_url, case, sounds)))
        say(f"  {_told(seen[-1])}")
    _show(seen)
    return [figure for each in seen for figure in _figures(each)]


async def _call(url: str, case: Case, sounds: Sequence[NDArray[np.float32]]) -> Seen:
    mic = FileMic(noise_dbfs=-60.0)
    async with impaired(url, case) as (near, proxy), watched(near, mic) as (call, watch):
        await asyncio.sleep(_SETTLE_S)
        since, fps = watch.shown[-1][0], list[float]()
        sampling = asyncio.create_task(sampled(call, fps))
        latencies, happened = list[float](), None
        for number, sound in enumerate(sounds):
            before = len(call.turns)
            await mic.say(sound)
            if case.event and number == len(sounds) - 1:
                happened = await _happen(call, watch, proxy, case)
            try:
                turns = await answered(call, before, timeout_s=_ANSWER_S)
            except TimeoutError:
                errors = "; ".join(error.message for error in call.errors) or "no error was reported"
                raise BenchFailed(f"Line {number + 1} over the link {case.name} was not answered: {errors}.") from None
            latencies += [turn.first_audio_ms for turn in turns if turn.first_audio_ms is not None]
            await asyncio.sleep(_APART_S)
        sampling.cancel()
        skews_ms = [abs(skew) * 1000.0 for _, skew in watch.skews_s(since) if skew is not None]
        back, step = (watch.speaks_at(happened), watch.in_step_at(happened)) if happened else (None, None)
        return Seen(
            case=case,
            gap_ms=max(watch.gaps_s(since), default=0.0) * 1000.0,
            frozen_ms=watch.frozen_s(since) * 1000.0,
            picture_fps=median(fps),
            least_fps=min(fps, default=0.0),
            latencies_ms=latencies,
            skew_p95_ms=percentile(skews_ms, 0.95),
            skew_max_ms=max(skews_ms, default=0.0),
            link=call.link(),
            lost_workers=sum(error.code.endswith(".lost") for error in call.errors),
            speech_back_ms=(back - happened) * 1000.0 if back and happened else None,
            in_step_ms=(step - happened) * 1000.0 if step and happened else None,
        )


async def _happen(call: Call, watch: Watch, proxy: Proxy, case: Case) -> float:
    """Let the link break in the middle of an answer; returns when it was whole again."""
    while call.state != "speaking":  # noqa: ASYNC110 - it becomes so on another thread
        await asyncio.sleep(0.01)
    await asyncio.sleep(_INTO_S)
    if case.event == "reset":
        proxy.reset()
        return watch.heads[-1][0]
    proxy.up.stalled = proxy.down.stalled = True
    await asyncio.sleep(STALL_S)
    proxy.up.stalled = proxy.down.stalled = False
    return watch.heads[-1][0]


def _figures(seen: Seen) -> list[Figure]:
    numbers: dict[str, float | None] = {
        "frozen_ms": seen.frozen_ms,
        "gap_ms": seen.gap_ms,
        "picture_fps": seen.picture_fps,
        "voice_to_voice_ms": median(seen.latencies_ms),
        "growth_ms": seen.growth_ms,
        "skew_p95_ms": seen.skew_p95_ms,
        "speech_back_ms": seen.speech_back_ms,
        "in_step_ms": seen.in_step_ms,
    }
    held = {"frozen_ms"}
    if seen.case in (TO_WIN, CASES[0]):
        held |= {"gap_ms", "picture_fps", "growth_ms"}
    if seen.case in (STALL, RESET):
        held |= {"speech_back_ms", "in_step_ms"}
    note = f"rtt {seen.link.rtt_ms} ms, asked {seen.link.asked_kbps:.0f} kbit/s, lost {seen.link.lost}"
    return [
        Figure(
            name=f"link.{seen.case.name}.{name}",
            statistics=value(number),
            command=_COMMAND,
            limits=(_LIMITS[name],) if name in held else (),
            note=note,
        )
        for name, number in numbers.items()
        if number is not None
    ]


def _told(seen: Seen) -> str:
    return (
        f"{seen.case.name:14} gap {seen.gap_ms:4.0f} ms, frozen {seen.frozen_ms:4.0f} ms, {seen.picture_fps:4.1f} fps, "
        f"answers after {median(seen.latencies_ms):4.0f} ms"
    )


def _show(seen: Sequence[Seen]) -> None:
    columns: dict[str, Callable[[Seen], float | None]] = {
        "gap ms": lambda each: each.gap_ms,
        "frozen ms": lambda each: each.frozen_ms,
        "fps": lambda each: each.picture_fps,
        "least fps": lambda each: each.least_fps,
        "answer ms": lambda each: median(each.latencies_ms),
        "growth ms": lambda each: each.growth_ms,
        "skew p95": lambda each: each.skew_p95_ms,
        "max": lambda each: each.skew_max_ms,
        "kbit/s": lambda each: each.link.asked_kbps,
        "rtt ms": lambda each: each.link.rtt_ms,
        "buffer ms": lambda each: each.link.buffer_ms,
        "lost": lambda each: each.link.lost,
        "workers lost": lambda each: each.lost_workers,
        "back ms": lambda each: each.speech_back_ms,
        "in step ms": lambda each: each.in_step_ms,
    }
    rows = [
        (each.case.name, *("" if (number := of(each)) is None else f"{number:.0f}" for of in columns.values()))
        for each in seen
    ]
    table("links", ("link", *columns), rows, right=tuple(columns))
