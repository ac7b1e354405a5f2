"""The decoder's queue: what is to be decoded, one job at a time, oldest first."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatar_asr.actions import Action, Decode

_MAX_WAITING_PIECES = 3


class Decoding:
    """Jobs that wait for the decoder, and the one it works on."""

    def __init__(self) -> None:
        self._waiting: deque[Decode] = deque()
        self._running: Decode | None = None

    @property
    def busy(self) -> bool:
        """The decoder works on a job."""
        return self._running is not None

    @property
    def starts(self) -> list[int]:
        """Where the sound of the waiting jobs begins."""
        return [job.start for job in self._waiting]

    def ask(self, job: Decode) -> Decode | None:
        """Queue `job`. Returns a piece that is given up for it: the decoder is slower than speech."""
        lost = None
        if job.purpose == "piece":
            pieces = [waiting for waiting in self._waiting if waiting.purpose == "piece"]
            if len(pieces) >= _MAX_WAITING_PIECES:
                lost = pieces[0]
                self._waiting.remove(lost)
        self._waiting.append(job)
        return lost

    def run(self) -> list[Action]:
        """Start the next job if the decoder is free."""
        if self._running is not None or not self._waiting:
            return []
        self._running = self._waiting.popleft()
        return [self._running]

    def done(self, job: int) -> Decode | None:
        """The job that was under way, if it is this one."""
        done = self._running
        if done is None or done.job != job:
            return None
        self._running = None
        return done

    def void(self) -> None:
        """The voice goes on: what waits is old, except for pieces."""
        self._waiting = deque(job for job in self._waiting if job.purpose == "piece")

    def clear(self) -> None:
        """Forget everything; nobody waits for the job under way either."""
        self._waiting.clear()
        self._running = None
