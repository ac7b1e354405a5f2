"""The microphone of a browser: Opus packets as they come, 20 ms frames by the clock."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import av
import numpy as np
import soxr
from av.audio.codeccontext import AudioCodecContext

from avatar_edge.audio import FRAME, MIC_RATE, MicBlock, Pcm
from avatar_edge.web.uplink import Uplink
from avatar_runtime import log, metrics

RATE = 48_000
WAIT_S = 0.02
SLACK_FRAMES = 5
"""100 ms by which the sound may lag behind the clock before silence takes its place, or run ahead before it is cut."""
UNDECODED = 50
"""Packets (1 s) waiting for the thread at most."""

LATER_S = 0.00005
"""By how much later each frame is taken to come than the one before it, unless it came earlier."""

_broken = metrics.counter("avatar_edge_peer_packets_total", "Packets of sound from browsers", ["outcome"])

logger = log.get(__name__)


class PeerMic:
    """An `AudioIn` fed with the packets of a connection, one after the other; silence while there is none.

    The browser cancels its echo, so that the loudspeaker is not heard. Packets are decoded in a thread of its own.
    """

    acoustic = False

    def __init__(self) -> None:
        self._packets: queue.Queue[tuple[int, bytes] | None] = queue.Queue(UNDECODED)
        self._deliver: Callable[[MicBlock], None] = lambda _: None
        self._thread = threading.Thread(target=self._run, name="peer-mic", daemon=True)
        self._closing = False
        self._position = 0
        self._began_at = 0.0
        self._lead_s = 0.0
        self._pcm = np.zeros(0, np.int16)
        self._begin()

    def packet(self, sequence: int, payload: bytes) -> None:
        """An RTP packet of Opus came; from any thread."""
        try:
            self._packets.put_nowait((sequence, payload))
        except queue.Full:
            _broken.labels("overflow").inc()

    def restart(self) -> None:
        """The packets of another connection follow."""
        try:
            self._packets.put_nowait(None)
        except queue.Full:  # then those of the old one fall behind, which resets as well
            _broken.labels("overflow").inc()

    def open(self, deliver: Callable[[MicBlock], None]) -> None:
        """See `AudioIn.open`."""
        self._deliver = deliver
        self._began_at = time.perf_counter()
        self._thread.start()

    def close(self) -> None:
        """See `AudioIn.close`."""
        self._closing = True
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def voiced_end(self, heard: int, margin: int) -> int | None:
        """See `AudioIn.voiced_end`: not known."""
        return None

    # --- on its own thread -------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._uplink = Uplink()
        self._decoder = _decoder()
        self._resampler = soxr.ResampleStream(RATE, MIC_RATE, 1, dtype="int16", quality="LQ")

    def _run(self) -> None:
        while not self._closing:
            try:
                packet = self._packets.get(timeout=WAIT_S)
            except queue.Empty:
                for part in self._uplink.expire(time.perf_counter()):
                    self._take(part)
            else:
                if packet is None:
                    self._begin()
                else:
                    for part in self._uplink.put(*packet, now=time.perf_counter()):
                        self._take(part)
            if self._packets.empty():  # when this thread is late, what came meanwhile is no silence
                self._follow_the_clock()

    def _take(self, part: bytes | int) -> None:
        """A packet, or so many samples that were lost."""
        if isinstance(part, int):
            wave = np.zeros(part, np.int16)
        else:
            try:
                wave = _decoded(self._decoder, part)
            except (av.FFmpegError, ValueError):
                _broken.labels("broken").inc()
                wave = np.zeros(RATE // 50, np.int16)
            else:
                _broken.labels("taken").inc()
        self._pcm = np.concatenate((self._pcm, self._resampler.resample_chunk(wave)))
        while len(self._pcm) >= FRAME:
            frame, self._pcm = self._pcm[:FRAME], self._pcm[FRAME:]
            if self._ahead() < SLACK_FRAMES:
                self._give(frame)

    def _follow_the_clock(self) -> None:
        if self._ahead() < -SLACK_FRAMES:
            while self._ahead() < -1:
                self._give(np.zeros(FRAME, np.int16))

    def _ahead(self) -> int:
        """Frames given beyond those that the clock has seen pass."""
        passed_s = time.perf_counter() - self._began_at
        return (self._position - int(passed_s * MIC_RATE)) // FRAME

    def _give(self, pcm: Pcm) -> None:
        # When a frame was captured is known by how early the earliest came, not by how late this one did.
        end_s = (self._position + FRAME) / MIC_RATE
        late_s = time.perf_counter() - self._began_at - end_s
        self._lead_s = min(late_s, self._lead_s + LATER_S)
        self._deliver(MicBlock(self._position, self._began_at + end_s + self._lead_s - FRAME / MIC_RATE, pcm))
        self._position += FRAME


def _decoder() -> AudioCodecContext:
    context = AudioCodecContext.create("libopus", "r")
    context.sample_rate, context.layout, context.format = RATE, "mono", "s16"
    return context


def _decoded(decoder: AudioCodecContext, payload: bytes) -> Pcm:
    parts = [frame.to_ndarray().reshape(-1) for frame in decoder.decode(av.Packet(payload))]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)
