"""Turns that wait until the clone has said what it is saying."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from avatar_llm.reply import Reply, Turn

MOST = 32
"""Turns that may wait: some minutes of talk."""

QUIET_S = 8.0
"""A reply of which nothing was made or heard for so long keeps nobody waiting any more: its voice is lost."""


class Waiting:
    """A bounded queue of turns. Lines to be spoken as they are keep their order; of questions only the latest waits."""

    def __init__(self) -> None:
        self._turns: deque[Turn] = deque()

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def full(self) -> bool:
        """There is no room for another one."""
        return len(self._turns) >= MOST

    def must(self, turn: Turn, playing: Reply | None) -> bool:
        """Whether `turn` has to wait: what may not be interrupted is heard out, and lines follow one after another."""
        if self._turns:
            return True
        if playing is None or not playing.alive or not playing.committed.is_set():
            return False
        return not playing.turn.interruptible or (playing.turn.verbatim and turn.verbatim)

    def put(self, turn: Turn) -> list[Turn]:
        """Appends `turn`; returns the turns that will not be answered on their own because of it."""
        passed_over = [] if turn.verbatim else [each for each in self._turns if not each.verbatim]
        self._turns = deque(each for each in self._turns if each not in passed_over)
        self._turns.append(turn)
        return passed_over

    def pop(self) -> Turn:
        """The next turn."""
        return self._turns.popleft()

    def remove(self, first: int, last: int) -> list[Turn]:
        """Takes out and returns the turns `first` to `last`."""
        gone = [turn for turn in self._turns if first <= turn.number <= last]
        self._turns = deque(turn for turn in self._turns if turn not in gone)
        return gone

    def take_back(self, first: int, last: int) -> None:
        """Takes out the spoken ones among the turns `first` to `last`."""
        self._turns = deque(turn for turn in self._turns if turn.typed or not first <= turn.number <= last)

    def interrupt(self) -> list[Turn]:
        """Takes out and returns everything that may be interrupted: who interrupts a line wants none after it."""
        gone = [turn for turn in self._turns if turn.interruptible]
        self._turns = deque(turn for turn in self._turns if not turn.interruptible)
        return gone


async def until_over(reply: Reply) -> None:
    """Returns when `reply` is over, or nothing has been made or heard of it for `QUIET_S`."""
    loop = asyncio.get_running_loop()
    while reply.alive and (left_s := reply.sign_s + QUIET_S - loop.time()) > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await reply.over.wait()
