"""Sleeping towards fixed moments, so that a stream keeps its pace however long each step took."""

import asyncio


class Pace:
    """Waits for deadlines counted from one start; `stop` ends every wait at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._start_s = self._loop.time()
        self._waiting: asyncio.Future[None] | None = None
        self.stopped = False

    async def until(self, after_s: float) -> bool:
        """Waits until `after_s` seconds past the start; False when stopped before."""
        due_s = self._start_s + after_s
        if not self.stopped and self._loop.time() < due_s:
            self._waiting = self._loop.create_future()
            timer = self._loop.call_at(due_s, _wake, self._waiting)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        return not self.stopped

    def stop(self) -> None:
        """Ends the wait under way and all later ones."""
        self.stopped = True
        if self._waiting is not None:
            _wake(self._waiting)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
