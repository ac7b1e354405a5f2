"""What can be seen of a call while it lasts."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Literal

from avatar_contracts import ErrorRaised, Kind, WorkerLease
from avatar_edge.dialogue import Dialogue
from avatar_edge.link import Link, LinkStats
from avatar_edge.pairing import Pairing
from avatar_edge.playhead import Playhead
from avatar_edge.playout import Playout
from avatar_edge.real import RealMe
from avatar_edge.report import TurnReport
from avatar_edge.screen import Screen, VideoStats
from avatar_edge.video import VideoReceiver
from avatar_edge.workers import Workers
from avatar_runtime.bus import Bus

State = Literal["offline", "waiting", "listening", "hearing", "thinking", "speaking", "real"]


class Sight:
    """The part of `Call` that tells what goes on."""

    _buses: tuple[Bus, ...]
    _clock: Callable[[], float]
    _dialogue: Dialogue
    _link: Link
    _pairing: Pairing
    _playout: Playout
    _real: RealMe
    _screen: Screen
    _video: VideoReceiver
    _workers: Workers
    _errors: deque[ErrorRaised]
    _began_at: float

    async def turn_done(self, number: int, timeout_s: float = 30.0) -> TurnReport:
        """The `number`-th turn to finish, from 1; raises TimeoutError when it has not finished in time."""
        return await self._dialogue.reports.report(number, timeout_s)

    def finished(self) -> AsyncIterator[TurnReport]:
        """Every turn as it finishes, until the call ends."""
        return self._dialogue.reports.stream()

    @property
    def turns(self) -> list[TurnReport]:
        """Finished turns, oldest first."""
        return list(self._dialogue.ledger.reports)

    @property
    def captions(self) -> str:
        """What the person is saying just now, empty when they are not."""
        return self._dialogue.captions

    @property
    def saying(self) -> str:
        """The sentence of its answer the clone is saying just now, empty when it is silent."""
        return self._dialogue.saying

    @property
    def errors(self) -> list[ErrorRaised]:
        """What went wrong in this call, anywhere, oldest first."""
        return list(self._errors)

    @property
    def workers(self) -> dict[Kind, WorkerLease]:
        """The workers held now."""
        return dict(self._workers.leases)

    @property
    def missing(self) -> list[Kind]:
        """Kinds that have no worker now."""
        return self._workers.missing

    @property
    def connected(self) -> bool:
        """The bus is there: with ears beside the edge, that of the picture, which goes to the other services itself."""
        return all(bus.connected for bus in self._buses)

    @property
    def state(self) -> State:
        """What the call is doing, in one word."""
        if self._real.on:
            return "real"
        if not self.connected:
            return "offline"
        if self._playout.busy and not (self._playout.held and self._dialogue.hearing):
            return "speaking"
        if self._workers.missing:
            return "waiting"
        if self._dialogue.hearing:
            return "hearing"
        return "thinking" if self._dialogue.ledger.thinking else "listening"

    def video_stats(self) -> VideoStats:
        """The picture so far."""
        pairing = self._pairing
        seconds = max(1e-3, self._clock() - self._began_at)
        return VideoStats(
            width=self._video.width,
            height=self._video.height,
            fps=round(self._screen.pushed / seconds, 2),
            frames=pairing.shown,
            dropped=pairing.dropped + self._video.lost,
            held=pairing.held,
            looped=pairing.looped,
            longest_gap_ms=round(pairing.longest_gap_s * 1000.0, 1),
        )

    def link(self) -> LinkStats:
        """The link to the voice and the face."""
        lost = self._video.lost
        return self._link.stats(connected=self.connected, lost=lost, skew=self._pairing.skew_ms())

    def playhead(self, at: float) -> Playhead | None:
        """What sounds at edge clock `at`, not more than two seconds ago; None when nothing does."""
        return self._playout.playhead(at)

    def av_skew_ms(self) -> dict[str, float]:
        """See `Pairing.skew_ms`."""
        return self._pairing.skew_ms()
