"""When the person takes the clone's place: on their wish, by a program of theirs, or by itself when the bus is lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable

from avatar_contracts import ReplyCommitted, SessionReal, TurnText
from avatar_edge.errors import RealMissing
from avatar_edge.listening import MicPublisher
from avatar_edge.player import Player
from avatar_edge.playout import Playout
from avatar_edge.real import RealMe
from avatar_runtime import log, metrics
from avatar_runtime.bus import BusError
from avatar_runtime.session import Session

STABLE_S = 2.0
"""The clone comes back by itself once everything it needs has been there for so long,"""
PAUSE_S = 0.6
"""and the person has not been speaking for so long,"""
WAIT_S = 10.0
"""or, where they do not stop, after so long."""
_WHY = "stop"
_EVERY_TURN = 2**53

_switches = metrics.counter("avatar_edge_real_total", "Times the person took the clone's place", ["outcome"])

logger = log.get(__name__)


class Takeover:
    """Switches `RealMe`, and keeps the clone silent and deaf meanwhile: what is said is between people."""

    def __init__(
        self,
        session: Session,
        real: RealMe,
        mic: MicPublisher,
        playout: Playout,
        *,
        player: Player,
        stop: Callable[[], Awaitable[None]],
        note: Callable[[str, str, str], None],
        after_s: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`stop` asks the ears to silence every answer; `note` tells the person; for `after_s` see `EdgeSettings`."""
        self._session = session
        self._real = real
        self._mic = mic
        self._playout = playout
        self._player = player
        self._stop = stop
        self._note = note
        self._after_s = after_s
        self._clock = clock
        self._automatic = False
        self._declined = False
        self._away_at: float | None = None
        self._whole_at: float | None = None
        self._told = ""
        session.on(SessionReal, self._on_real, ack=True)
        session.on(TurnText, self._on_turn)
        session.on(ReplyCommitted, self._on_committed)

    @property
    def on(self) -> bool:
        """The person's own face and voice go out."""
        return self._real.on

    @property
    def available(self) -> bool:
        """See `RealMe.available`."""
        return self._real.available

    def take(self, *, on: bool) -> None:
        """Obey the person; raises `RealMissing`."""
        if on and not self._real.available:
            raise RealMissing(
                "there is neither a webcam nor a microphone of yours to show and hear: name them, such as --webcam 0"
            )
        self._automatic = False
        self._declined = not on
        self._switch(on=on, outcome="asked" if on else "ended")

    def watch(self, *, connected: bool, whole: bool) -> None:
        """Take over once the bus has been away too long, and give back; called ten times a second or so.

        Args:
            connected: The bus is there.
            whole: So is everything else the clone needs.
        """
        now = self._clock()
        self._tell_of_camera()
        if connected:
            self._away_at = None
            self._declined = False
        elif self._away_at is None:
            self._away_at = now
        if self._real.on:
            if self._automatic:
                self._give_back(now, ready=connected and whole)
        elif self._away_at is not None and now - self._away_at >= self._after_s > 0 and not self._declined:
            self._take_over()

    def _take_over(self) -> None:
        self._declined = True  # one attempt for each time the bus is away
        if not self._real.available:
            return
        self._automatic = True
        self._whole_at = None
        self._switch(on=True, outcome="automatic")
        message = f"the bus has been away for {self._after_s:g} s: your own face and voice are shown"
        self._note("real.on", message, "the clone comes back by itself soon after the bus; /real off hides you now")

    def _give_back(self, now: float, *, ready: bool) -> None:
        if not ready:
            self._whole_at = None
            return
        if self._whole_at is None:
            self._whole_at = now
            message = f"the bus is back: the clone takes over again in {STABLE_S:g} s, in a pause of yours"
            self._note("real.ending", message, "/real on keeps your own face and voice")
        whole_s = now - self._whole_at
        if whole_s >= WAIT_S or (whole_s >= STABLE_S and self._real.quiet_s() >= PAUSE_S):
            self._automatic = False
            self._switch(on=False, outcome="ended")
            self._note("real.off", "the clone is shown and heard again", "")

    def _switch(self, *, on: bool, outcome: str) -> None:
        if on == self._real.on:
            return
        self._real.switch(on=on)
        self._mic.silence("real", on=on)
        _switches.labels(outcome).inc()
        logger.info("real.switched", on=on, outcome=outcome)
        if on:
            self._silence_all()

    def _silence_all(self) -> None:
        self._playout.cancel_upto(_EVERY_TURN, _WHY, self._clock())
        self._player.wake()
        self._session.spawn(self._ask_stop(), "real")

    async def _ask_stop(self) -> None:
        with contextlib.suppress(BusError):  # what has not come by then is silenced when it does
            await self._stop()

    def _tell_of_camera(self) -> None:
        error = self._real.camera.error if self._real.camera is not None else ""
        if error and error != self._told:
            self._note("webcam.lost", error, "it is tried again every second")
        self._told = error

    # --- from the bus ------------------------------------------------------------------------------------------

    async def _on_real(self, event: SessionReal) -> None:
        try:
            self.take(on=event.on)
        except RealMissing as error:
            await self._session.report("real.missing", str(error))

    async def _on_turn(self, event: TurnText) -> None:
        """What was said before the person took over, or is typed, ends as a turn now: it is not answered."""
        if self._real.on:
            self._playout.cancel_turn(event.turn, _WHY, self._clock())
            self._session.spawn(self._ask_stop(), "real")

    async def _on_committed(self, event: ReplyCommitted) -> None:
        if self._real.on:
            self._playout.cancel_turn(event.turn, _WHY, self._clock())
            self._player.wake()
