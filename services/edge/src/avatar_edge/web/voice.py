"""The clone's voice on its way to a browser: what the playout gives, as Opus, every 20 ms."""

from __future__ import annotations

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from avatar_edge.audio import Pcm, Source
from avatar_edge.pacing import PacedThread
from avatar_edge.web.tracks import PacketTrack

RATE = 48_000
BLOCK = 960
"""20 ms, the length of an Opus packet."""
BITRATE_BPS = 64_000
OPUS_DELAY = 312
"""Samples by which libopus lags behind what it is given."""


class PeerOut:
    """Plays at real-time pace into a track, or to nobody while there is none."""

    acoustic = False
    rate = RATE

    def __init__(self) -> None:
        self._source: Source | None = None
        self._thread: PacedThread | None = None
        self._way: tuple[PacketTrack, AudioCodecContext] | None = None

    def attach(self, track: PacketTrack | None) -> None:
        """Play into `track` from now on; None: to nobody."""
        self._way = (track, _encoder()) if track is not None else None

    def open(self, source: Source) -> None:
        """See `AudioOut.open`."""
        self._source = source
        self._thread = PacedThread("peer-voice", BLOCK / RATE, self._tick)
        self._thread.start()

    def close(self) -> None:
        """See `AudioOut.close`."""
        if self._thread is not None:
            self._thread.stop()

    def _tick(self, index: int, due: float) -> None:
        assert self._source is not None
        pcm = self._source(BLOCK, due)
        if (way := self._way) is not None:
            track, encoder = way
            stamp = track.stamp(due) - OPUS_DELAY
            track.feed([(packet, stamp) for packet in _encoded(encoder, pcm)])


def _encoder() -> AudioCodecContext:
    context = AudioCodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = RATE, "mono", "s16"
    context.bit_rate = BITRATE_BPS
    context.options = {"application": "voip", "frame_duration": "20", "fec": "1", "packet_loss": "5"}
    return context


def _encoded(encoder: AudioCodecContext, pcm: Pcm) -> list[bytes]:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[np.newaxis]), format="s16", layout="mono")
    frame.sample_rate = RATE
    return [bytes(packet) for packet in encoder.encode(frame)]
