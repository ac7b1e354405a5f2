"""Holds the calls of a plan on a real stack, one after another or two at a time, and measures every case."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from avatar_cli.bench.mind import PACED
from avatar_cli.console import say
from avatar_cli.eval.case import Case, measured
from avatar_cli.eval.plan import Item, Job
from avatar_cli.eval.rig import Rig, observed
from avatar_cli.eval.take import Condition
from avatar_cli.names import SERVICES
from avatar_cli.stack import private_stack

SHORT_ANSWER = "That is a good question, and I like it."
LONG_ANSWER = (
    "The river begins high in the hills, where snow melts slowly every spring. "
    "At first it is only a narrow stream, and children jump across it without getting wet. "
    "Lower down it meets two other streams, and together they turn the wheel of an old mill. "
    "The miller who lived there kept a small boat, a grey dog and a garden full of beans. "
    "Every Friday he carried his flour to the market and came home with coffee and newspapers. "
    "Below the mill the valley opens, and the water spreads over wide green meadows. "
    "In summer the cows stand in the shallow places and look at the trains on the far bank. "
    "Fishermen sit under the willows all day long, though they seldom catch anything larger than a hand. "
    "Then comes the town with its seven bridges, each of them built by a different mayor. "
    "The oldest one is made of stone, and people say that it was paid for with a single barrel of wine. "
    "After the last bridge the river grows broad and quiet, and the first gulls appear above it. "
    "Ships wait there for the tide, and in the evening their lamps are mirrored in the dark water."
)
_CASE_S = 120.0


def flags(talkative: bool) -> dict[str, dict[str, str]]:
    """Of a stack whose mind is paced like a 9B model on a desktop GPU and always says the same."""
    reply = LONG_ANSWER if talkative else SHORT_ANSWER
    return {"llm": {**PACED["llm"], "scripted-reply": reply}}


def hold(jobs: Sequence[Job], beside: int) -> list[Case]:
    """Hold every case of `jobs`; those whose times are no figures in `beside` calls at a time."""
    cases: list[Case] = []
    for talkative in (False, True):
        mine = [job for job in jobs if job.talkative is talkative]
        if mine:
            with private_stack(SERVICES, flags(talkative)) as stack:
                cases += asyncio.run(_hold(stack.plan.bus_url, mine, beside))
    return cases


async def _hold(url: str, jobs: Sequence[Job], beside: int) -> list[Case]:
    cases: list[Case] = []
    for job in jobs:
        if job.exact or beside == 1:
            cases += await _call(url, job)
    waiting = [job for job in jobs if not job.exact and beside > 1]

    async def take_turns() -> None:
        while waiting:
            cases.extend(await _call(url, waiting.pop(0)))

    await asyncio.gather(*(take_turns() for _ in range(min(beside, len(waiting)))))
    return cases


async def _call(url: str, job: Job) -> list[Case]:
    """The cases of one job; where one breaks the call, the next is held in a new one."""
    cases: list[Case] = []
    left = list(job.items)
    broken = 0
    while left and broken < 3:
        try:
            async with observed(url, job.condition) as rig:
                if job.begin is not None:
                    await job.begin(rig)
                while left:
                    case = await _case(rig, left[0])
                    left.pop(0)
                    cases.append(case)
                    broken = 0
                    say(f"  {where(case.condition)}  {told(case)}  {case.name}")
        except Exception as error:
            broken += 1
            cases.append(_failed(job, left.pop(0), f"{type(error).__name__}: {error}"))
            say(f"  {where(cases[-1].condition)}  FAILED: {cases[-1].failed}", style="red")
    cases += [_failed(job, item, "not held: the calls before it broke") for item in left]
    return cases


async def _case(rig: Rig, item: Item) -> Case:
    async with asyncio.timeout(_CASE_S):
        take = await item.act(rig)
    return await asyncio.to_thread(measured, take)


def _failed(job: Job, item: Item, why: str) -> Case:
    condition = msgspec.structs.replace(job.condition, kind=item.kind, pause_s=item.pause_s)
    return Case(name=item.name, condition=condition, failed=why)


def where(condition: Condition) -> str:
    """A condition in a few words."""
    parts = [
        condition.group,
        condition.kind,
        f"{condition.pause_s:g} s" if condition.pause_s else "",
        "" if condition.patience == "balanced" else condition.patience,
        "" if condition.speculate else "no speculation",
        "" if condition.snr_db is None else f"{condition.snr_db:g} dB",
        condition.room,
    ]
    return " · ".join(filter(None, parts))


def told(case: Case) -> str:
    """What became of a case, in a few words."""
    if (turn := case.turn) is not None:
        parts = ["no end" if turn.delay_ms is None else f"turn after {turn.delay_ms:.0f} ms"]
        parts += [] if turn.voice_to_voice_ms is None else [f"voice after {turn.voice_to_voice_ms:.0f} ms"]
        parts += [f"talked over for {turn.talk_over_ms:.0f} ms"] if turn.talked_over else []
        parts += ["split"] if turn.split else []
        return ", ".join(parts)
    if (overlap := case.overlap) is not None:
        ducked = "not ducked" if overlap.duck_ms is None else f"ducked after {overlap.duck_ms:.0f} ms"
        silent = "" if overlap.silent_ms is None else f", silent after {overlap.silent_ms:.0f} ms"
        cut = "" if overlap.cancel_ms is None else f", decided after {overlap.cancel_ms:.0f} ms"
        meant = case.condition.kind == "interruption"
        resumed = {True: ", resumed", False: ", not resumed rightly", None: ""}[None if meant else overlap.resumed]
        return ducked + silent + cut + resumed
    if (quiet := case.alone) is not None:
        return f"{quiet.seconds:.0f} s of sound, {quiet.turns} turns, {quiet.stops} stops, {quiet.holds} holds"
    return case.failed
