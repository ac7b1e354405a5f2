"""Cases in which something meets the clone's answer, or the answer meets only its own echo."""

from __future__ import annotations

import asyncio
import time

from avatar_cli.eval.material import Speech
from avatar_cli.eval.rig import Rig
from avatar_cli.eval.synthetic import Sound
from avatar_cli.eval.take import Take

_NEXT_ANSWER_S = 4.0
_NEXT_HEARD_S = 0.3
_UNCONFIRMED_S = 2.0
"""By then an overlap must have been decided."""
_GOING_ON_S = 1.5
_FIRST_S = 12.0


async def begin(rig: Rig, first: Speech) -> None:
    """Let the person be heard once, so that the ears know how loud they speak."""
    await rig.say(first)
    await rig.until(lambda: rig.tap.playing() is not None, _FIRST_S)


async def hold(rig: Rig, sound: Sound, after_s: float) -> Take:
    """Let `sound` meet an answer that has been audible for `after_s`, at a place where a word goes on.

    Raises:
        EvalFailed: No answer could be had.
    """
    playing = await rig.speaking(since_s=after_s)
    began, spans = await rig.say(sound.speech)
    onset, end = spans[0].start_s, spans[-1].end_s

    def answered() -> bool:
        now = rig.tap.playing()
        return now is not None and now.reply > playing.reply and now.since_s > _NEXT_HEARD_S

    if sound.kind == "interruption":
        await rig.until(answered, _NEXT_ANSWER_S)
    else:
        await rig.quiet_since(max(end, onset + _UNCONFIRMED_S), _GOING_ON_S)
    return await rig.take(sound.name, sound.kind, began, spans)


async def alone(rig: Rig, seconds: float) -> Take:
    """Let the clone talk for `seconds` while nobody else speaks.

    Raises:
        EvalFailed: No answer could be had.
    """
    await rig.speaking(since_s=0.0, left_s=0.0)
    began = time.perf_counter()
    until = began + seconds
    while time.perf_counter() < until:
        await asyncio.sleep(min(1.0, until - time.perf_counter()))
        await rig.speaking(since_s=0.0, left_s=0.0)
    return await rig.take(f"the clone alone for {seconds:.0f} s", "alone", began, [])
