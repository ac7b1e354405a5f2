"""A thread that ticks by the monotonic clock: the heartbeat of file devices and of the picture.

The event loop's timers are too coarse on some systems (15.6 ms) and stop while a handler runs; a thread's are not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from avatar_runtime import log

LATE_S = 1.0
"""A sound device's ticks this late are skipped: the process was suspended."""

logger = log.get(__name__)


class PacedThread:
    """Calls ``tick(index, due)`` every `period_s` from its own thread.

    `index` counts periods since `began_at` and `due` is the exact time of that tick, so that what is derived from
    them does not carry the jitter of waking up. A failing tick is logged once until one succeeds again.

    Attributes:
        began_at: Edge clock of tick 0.
    """

    def __init__(
        self, name: str, period_s: float, tick: Callable[[int, float], None], *, late_s: float = LATE_S
    ) -> None:
        """`late_s`: ticks later than this are skipped, less is caught up."""
        self.began_at = 0.0
        self._late_s = late_s
        self._period_s = period_s
        self._tick = tick
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; tick 0 is due now."""
        self.began_at = time.perf_counter()
        self._thread.start()

    def stop(self) -> None:
        """End and wait for the tick in progress."""
        self._stopping = True
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        index = 0
        failing = False
        while not self._stopping:
            due = self.began_at + index * self._period_s
            wait_s = due - time.perf_counter()
            if wait_s > 0:
                time.sleep(wait_s)
                continue
            if wait_s < -self._late_s:
                index += max(1, int(-wait_s / self._period_s))
                continue
            try:
                self._tick(index, due)
                failing = False
            except Exception:
                if not failing:
                    logger.exception("tick.failed", thread=self._thread.name)
                failing = True
            index += 1
