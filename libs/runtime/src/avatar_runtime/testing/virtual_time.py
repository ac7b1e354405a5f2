"""An event loop whose clock jumps: minutes of waiting pass at once, and always in the same order.

When nothing can run, the clock moves straight to the next timer. When there is no timer either, the test would hang
for ever: it raises `Deadlock` and names the tasks instead. Work handed to threads takes no virtual time. Only the
loop's own clock is virtual: code under test asks ``asyncio.get_running_loop().time()``, not ``time.monotonic()``.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

THREAD_TIMEOUT_S = 10.0
"""Real seconds to wait for a thread before calling it a deadlock."""


class Deadlock(Exception):
    """Every task waits and no timer is set."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop; its clock starts at 0 and moves only when everything waits."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """As in asyncio; the clock stands still until the thread has answered."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self) -> None:
        """As in asyncio, where a thread does the waiting."""
        self._threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._threads -= 1

    def _thread_done(self, _future: asyncio.Future[Any]) -> None:
        self._threads -= 1

    @property
    def threads(self) -> int:
        """Threads that have not answered yet."""
        return self._threads

    def jump(self, seconds: float) -> None:
        """Move the clock."""
        self._now_s += seconds

    def waiting(self) -> str:
        """The tasks that wait, for an error message."""
        return ", ".join(sorted(repr(task.get_name()) for task in asyncio.all_tasks(self))) or "none"


class _JumpingSelector(selectors.DefaultSelector):
    """Where the loop would sleep until the next timer, this moves its clock there."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.threads:
            if not (ready := super().select(THREAD_TIMEOUT_S)):
                raise Deadlock(f"a thread has not answered for {THREAD_TIMEOUT_S} s; tasks: {self._loop.waiting()}")
            return ready
        if timeout is None:
            raise Deadlock(f"every task waits and no timer is set; tasks: {self._loop.waiting()}")
        self._loop.jump(timeout)
        return []


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a fresh `VirtualTimeLoop`, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def loop_factories(virtual: bool) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop for a test, as pytest-asyncio's hook wants it."""
    return {"virtual": VirtualTimeLoop} if virtual else {"real": asyncio.new_event_loop}
