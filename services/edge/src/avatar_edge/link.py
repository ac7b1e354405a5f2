"""The link between the edge and the machine with the voice and the face: how it does, and what it is asked to carry."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Callable

import msgspec

from avatar_contracts import TtsChunk, VideoFrame, VideoRate
from avatar_edge.jitter import NetworkJitter
from avatar_edge.rate import RateControl
from avatar_runtime import log, metrics
from avatar_runtime.session import Session

DECIDE_S = 0.1
TELL_SHARE = 0.05
"""A rate that has grown by less than this is not worth telling."""
REPEAT_S = 2.0
"""What was asked is asked again this often: a message may be lost with a connection."""
SILENT_S = 0.5
"""With nothing heard of the other side for this long the link carries nothing."""
_TRIPS = 50
_LINK_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)

_trip = metrics.histogram("avatar_edge_link_round_trip_seconds", "Round trips to the voice", buckets=_LINK_S)
_late = metrics.histogram("avatar_edge_link_queue_seconds", "Standing queue of the picture", buckets=_LINK_S)
_buffer = metrics.histogram("avatar_edge_link_buffer_seconds", "Sound held against jitter", buckets=_LINK_S)
_bytes = metrics.counter("avatar_edge_link_picture_bytes_total", "Bytes of picture that came")
_asked = metrics.gauge("avatar_edge_link_asked_bits", "Bits a second asked of the face, by the call that asked last")
_rates = metrics.counter("avatar_edge_link_rates_total", "Rates asked of the face", ["outcome"])

logger = log.get(__name__)


class LinkStats(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the link between the edge and the face and voice.

    Attributes:
        connected: The bus is there.
        rtt_ms: Median round trip to the voice; None before it is known.
        buffer_ms: Sound held against the jitter of the link.
        fps: Pictures a second from the face, over the last second and a half.
        kbps: Bitrate of the picture, over the same time.
        asked_kbps: Bitrate asked of the face.
        lost: Pictures lost on the way in this call.
        skew_ms: Picture against sound, 95th percentile of its size in this call; None before anything was said.
    """

    connected: bool
    rtt_ms: float | None = None
    buffer_ms: float = 0.0
    fps: float = 0.0
    kbps: float = 0.0
    asked_kbps: float = 0.0
    lost: int = 0
    skew_ms: float | None = None


class Link:
    """Watches frames and round trips, and asks the face for what the link carries."""

    def __init__(
        self,
        session: Session,
        control: RateControl,
        jitter: NetworkJitter,
        *,
        face: Callable[[], int],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`session`: that of the picture. `face()`: the lease of the face that is held now, 0 without one."""
        self._session = session
        self._control = control
        self._jitter = jitter
        self._face = face
        self._clock = clock
        self._trips: deque[float] = deque(maxlen=_TRIPS)
        self._heard_at = clock()
        self._epoch = 0
        self._told: tuple[int, int] = (control.bitrate_bps, control.fps)
        self._told_face = 0
        self._told_at = 0.0
        session.on(VideoFrame, self._on_frame)

    def start(self) -> None:
        """Begin to decide."""
        self._session.spawn(self._run(), "link")

    # --- what happens ------------------------------------------------------------------------------------------

    async def sound(self, chunk: TtsChunk) -> None:
        """A piece of the voice came."""
        self._control.sound(self._clock())

    async def _on_frame(self, frame: VideoFrame) -> None:
        now = self._clock()
        if frame.epoch != self._epoch:
            self._epoch = frame.epoch
            self._control.anew()
        self._heard_at = now
        self._control.frame(frame.sent_ms / 1000.0 if frame.sent_ms else None, len(frame.data), now)
        _bytes.inc(len(frame.data))

    def round_trip(self, seconds: float, *, answered: bool = True) -> None:
        """A round trip to the voice took this long; not `answered`: it had not come back by then."""
        now = self._clock()
        self._jitter.add(seconds)
        self._control.round_trip(seconds, now)
        _trip.observe(seconds)
        if answered:
            self._heard_at = now
            self._trips.append(seconds)

    # --- what can be seen --------------------------------------------------------------------------------------

    def silent(self) -> bool:
        """Nothing has been heard of the other side for a while: what is missing now is not its fault."""
        return self._clock() - self._heard_at > SILENT_S

    def stats(self, *, connected: bool, lost: int, skew: dict[str, float]) -> LinkStats:
        """The link now; `skew` as `Pairing.skew_ms` tells it."""
        now = self._clock()
        return LinkStats(
            connected=connected,
            rtt_ms=round(statistics.median(self._trips) * 1000.0, 1) if self._trips else None,
            buffer_ms=round(self._jitter.target_s * 1000.0, 1),
            fps=round(self._control.flow.fps(now), 1),
            kbps=round(self._control.flow.bps(now) / 1000.0, 1),
            asked_kbps=round(self._control.bitrate_bps / 1000.0, 1),
            lost=lost,
            skew_ms=round(skew["p95"], 1) if skew["frames"] else None,
        )

    # --- asking ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        untouched = self._told
        while True:
            await asyncio.sleep(DECIDE_S)
            now = self._clock()
            self._control.decide(now)
            _late.observe(max(0.0, self._control.picture.standing_s(now)))
            _buffer.observe(self._jitter.target_s)
            wanted = (self._control.bitrate_bps, self._control.fps)
            face = self._face()
            if wanted == self._told == untouched or not face:
                continue  # what a face does by itself
            if self._news(wanted) or face != self._told_face or now - self._told_at >= REPEAT_S:
                await self._tell(wanted, face, now)

    def _news(self, wanted: tuple[int, int]) -> bool:
        """Whether it is worth telling: every step down, and steps up that can be seen."""
        bitrate_bps, fps = wanted
        return fps != self._told[1] or not 0 <= bitrate_bps - self._told[0] < TELL_SHARE * self._told[0]

    async def _tell(self, wanted: tuple[int, int], face: int, now: float) -> None:
        if wanted != self._told:
            _rates.labels("down" if wanted < self._told else "up").inc()
            logger.debug("link.rate", bitrate_bps=wanted[0], fps=wanted[1])
        self._told, self._told_face, self._told_at = wanted, face, now
        _asked.set(wanted[0])
        await self._session.publish(VideoRate(bitrate_bps=wanted[0], fps=wanted[1]))
