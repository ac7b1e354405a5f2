"""A call in a terminal: shows turns as they end, takes typed lines."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import threading
from collections.abc import Coroutine

import numpy as np
from numpy.typing import NDArray

from avatar_contracts import ContractError, ErrorRaised
from avatar_edge.call import Call
from avatar_edge.errors import CallNotReady
from avatar_edge.microphone import FileMic
from avatar_runtime.bus import BusError


async def converse(call: Call, mic: FileMic, samples: NDArray[np.float32] | None, stopping: asyncio.Event) -> None:
    """Show the call, say `samples` once it is ready, send typed lines; returns when `stopping` is set."""
    jobs: list[Coroutine[None, None, None]] = [_show_turns(call), _show_errors(call)]
    if samples is not None:
        jobs.append(_speak(call, mic, samples))
    if sys.stdin is not None and sys.stdin.isatty():
        jobs.append(_type(call))
    tasks = [asyncio.create_task(job) for job in jobs]
    await stopping.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _show_turns(call: Call) -> None:
    async for turn in call.finished():
        _print(f"you:   {turn.heard}")
        _print(f"clone: {turn.reply}{' …' if turn.interrupted else ''}")
        if turn.first_audio_ms is not None:
            _print(f"       first sound after {turn.first_audio_ms:.0f} ms")
        for error in turn.errors:
            _print(f"       {error}")


async def _show_errors(call: Call) -> None:
    last: ErrorRaised | None = None
    while True:
        for error in _after(last, call.errors):
            last = error
            _print(f"[{error.service}] {error.message}{f' ({error.hint})' if error.hint else ''}")
        await asyncio.sleep(0.2)


def _after(last: ErrorRaised | None, errors: list[ErrorRaised]) -> list[ErrorRaised]:
    """What came after `last`, told by identity: the same thing can go wrong twice."""
    return list(itertools.takewhile(lambda error: error is not last, reversed(errors)))[::-1]


async def _speak(call: Call, mic: FileMic, samples: NDArray[np.float32]) -> None:
    while True:
        try:
            await call.ready()
        except CallNotReady as error:
            _print(str(error))
        else:
            await mic.say(samples)
            return


async def _type(call: Call) -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # A thread of its own: reading a terminal cannot be cancelled, and must not hold up the end of the process.
        for line in sys.stdin:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(lines.put_nowait, line.strip())

    threading.Thread(target=read, name="typed-lines", daemon=True).start()
    try:
        await call.ready()
    except CallNotReady as error:
        _print(str(error))
    _print("Type a line and press Enter; Ctrl-C ends the call.")
    while True:
        line = await lines.get()
        if line:
            try:
                await call.type(line)
            except (BusError, ContractError) as error:
                _print(str(error))
