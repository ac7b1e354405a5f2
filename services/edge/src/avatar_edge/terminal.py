"""A call in a terminal: shows the talk as it goes, takes typed lines.

Where the output is no terminal, only what is final is written, a line each.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import sys
from collections.abc import Coroutine

import numpy as np
from numpy.typing import NDArray

from avatar_contracts import ErrorRaised, ReplyProposed
from avatar_edge.call import Call
from avatar_edge.console import Console
from avatar_edge.devices.open import Sound
from avatar_edge.errors import CallNotReady, EdgeError
from avatar_edge.keys import KEYS, Editor, Pressed, reading
from avatar_edge.microphone import FileMic
from avatar_edge.report import TurnReport
from avatar_edge.statusline import status
from avatar_runtime.bus import BusError

_LOOK_S = 0.1
_STATUS_S = 0.5
_CLEAR = "\r\x1b[2K"

_DECLINED = {
    "not_addressed": "it was not for the clone",
    "silent": "the clone was told not to answer",
    "loop": "the talk goes in circles",
}
_CANCELLED = {
    "barge_in": "interrupted before it began",
    "stop": "silence was asked for",
    "superseded": "a newer turn came first",
    "dropped": "the answer was dropped",
}


async def converse(call: Call, sound: Sound, stopping: asyncio.Event) -> None:
    """Show the call, say what a file holds once it is ready, send typed lines; returns when `stopping` is set."""
    screen = Lines(live=sys.stdout.isatty())
    for line in sound.told:
        screen.write(line)
    jobs: list[Coroutine[None, None, None]] = [_show_turns(call, screen), _show_talk(call, screen)]
    if sys.stdout.isatty():
        jobs.append(_show_status(call, screen))
    if sound.file_mic is not None and sound.samples is not None:
        jobs.append(_speak(call, sound.file_mic, sound.samples, screen))
    if sys.stdin is not None and sys.stdin.isatty():
        jobs += [_type(call, screen), _await_ready(call, screen)]
    tasks = [asyncio.create_task(job) for job in jobs]
    await stopping.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Lines:
    """Lines that stay, and on a terminal one below them that changes: what is typed, else said, else how it goes."""

    def __init__(self, *, live: bool) -> None:
        """`live`: there is a cursor to move."""
        self._live = live
        self._below = ""
        self._typed = self._said = self._going = ""

    def write(self, text: str) -> None:
        """A text that stays."""
        sys.stdout.write(f"{_CLEAR if self._below else ''}{text}\n")
        self._below = ""
        sys.stdout.flush()

    def caption(self, text: str) -> None:
        """What is being said just now, empty for nothing; shown on a terminal only."""
        self._said = text
        self._draw()

    def typing(self, text: str) -> None:
        """What has been typed of a line."""
        self._typed = text
        self._draw()

    def typed(self, line: str) -> None:
        """A line that was sent; without a cursor the terminal has shown it itself."""
        if self._live:
            self.write(f"> {line}")

    def status(self, text: str) -> None:
        """How the call is doing."""
        self._going = text
        self._draw()

    def _draw(self) -> None:
        width = shutil.get_terminal_size((100, 24)).columns - 1
        newest = f"> {self._typed}" if self._typed else self._said
        text = newest if len(newest) <= width else f"…{newest[1 - width :]}"
        text = text or self._going[:width]
        if self._live and text != self._below:
            self._below = text
            sys.stdout.write(f"{_CLEAR}{text}")
            sys.stdout.flush()


def told(turn: TurnReport) -> str:
    """A finished turn in a few lines."""
    lines = [] if turn.verbatim else [f"you:   {turn.heard}{' (went on after a pause)' if turn.continues else ''}"]
    if turn.declined:
        lines.append(f"       not answered: {_DECLINED.get(turn.declined, turn.declined)}")
    elif turn.reply or not turn.cancelled:
        lines.append(f"clone: {turn.reply}{' …' if turn.interrupted else ''}")
    else:
        lines.append(f"       not answered: {_CANCELLED.get(turn.cancelled, turn.cancelled)}")
    if turn.first_audio_ms is not None:
        lines.append(f"       first sound after {turn.first_audio_ms:.0f} ms")
    lines += [f"       {error}" for error in turn.errors]
    if turn.errors and len(turn.text) > len(turn.reply):
        lines.append(f"       what it would have said: {turn.text}")
    return "\n".join(lines)


async def _show_turns(call: Call, screen: Lines) -> None:
    async for turn in call.finished():
        screen.write(told(turn))


async def _show_talk(call: Call, screen: Lines) -> None:
    last: ErrorRaised | None = None
    proposed: ReplyProposed | None = None
    while True:
        for error in _after(last, call.errors):
            last = error
            screen.write(f"[{error.service}] {error.message}{f' ({error.hint})' if error.hint else ''}")
        if call.proposal is not proposed:
            proposed = call.proposal
            if proposed is not None:
                screen.write(f"clone would say: {proposed.text}\n       /speak it, /edit TEXT, or /drop it")
        screen.caption(f"you:   {call.captions}" if call.captions else f"clone: {call.saying}" if call.saying else "")
        await asyncio.sleep(_LOOK_S)


async def _show_status(call: Call, screen: Lines) -> None:
    while True:
        screen.status(status(call))
        await asyncio.sleep(_STATUS_S)


def _after(last: ErrorRaised | None, errors: list[ErrorRaised]) -> list[ErrorRaised]:
    """What came after `last`, told by identity: the same thing can go wrong twice."""
    return list(itertools.takewhile(lambda error: error is not last, reversed(errors)))[::-1]


async def _speak(call: Call, mic: FileMic, samples: NDArray[np.float32], screen: Lines) -> None:
    while True:
        try:
            await call.ready()
        except CallNotReady as error:
            screen.write(str(error))
        else:
            await mic.say(samples)
            return


async def _await_ready(call: Call, screen: Lines) -> None:
    try:
        await call.ready()
    except CallNotReady as error:
        screen.write(str(error))


async def _type(call: Call, screen: Lines) -> None:
    pressed: asyncio.Queue[Pressed] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    editor = Editor()

    def take(key: str) -> None:
        done = editor.feed(key)
        screen.typing(editor.text)
        if done is not None:
            pressed.put_nowait(done)

    def from_thread(key: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closing
            loop.call_soon_threadsafe(take, key)

    with reading(sys.stdin, from_thread, edited=sys.stdout.isatty()):
        screen.write(f"Type a line and press Enter, or /help. {KEYS}")
        await _obey(call, screen, pressed)


async def _obey(call: Call, screen: Lines, pressed: asyncio.Queue[Pressed]) -> None:
    console = Console(call)
    while True:
        key = await pressed.get()
        try:
            if key.what == "real":
                await call.real(not call.real_on)
                screen.status(status(call))
            elif key.what == "stop":
                await call.stop()
            elif key.text.strip():
                screen.typed(key.text)
                if answer := await console.obey(key.text):
                    screen.write(answer)
        except (BusError, EdgeError) as error:
            screen.write(str(error))
