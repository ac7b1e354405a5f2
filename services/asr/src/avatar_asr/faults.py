"""What does not work in one session: counted every time, reported once until it works again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_runtime import log, metrics

if TYPE_CHECKING:
    from avatar_runtime.session import Session

_failures = metrics.counter("avatar_asr_failures_total", "Times a model raised.", ["stage"])

logger = log.get(__name__)


class Faults:
    """The stages of hearing that fail now.

    Args:
        session: Where they are reported.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._failing: set[str] = set()

    def failed(self, stage: str, error: Exception) -> None:
        """Count a failure; report it when the stage worked before."""
        _failures.labels(stage).inc()
        if self.fresh(stage):
            logger.error("asr.failed", stage=stage, exc_info=error)
            report = self._session.report(f"asr.{stage}", f"hearing failed at {stage}: {error}", "see the log of asr")
            self._session.spawn(report, "report")

    def fresh(self, stage: str) -> bool:
        """Whether it is news that `stage` fails."""
        fresh = stage not in self._failing
        self._failing.add(stage)
        return fresh

    def works(self, stage: str) -> None:
        """The next failure of `stage` is news again."""
        self._failing.discard(stage)
