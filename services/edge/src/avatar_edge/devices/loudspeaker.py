"""A virtual microphone, loudspeaker or headphones by PortAudio.

A thread asks for the sound some 20 ms before the callback takes it, so that nothing of the program can hold that up.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, NamedTuple

import numpy as np
import soxr

from avatar_edge.audio import Pcm, Source, as_pcm
from avatar_edge.devices.catalogue import Device
from avatar_edge.devices.keeper import SILENT_S, Keeper, Trouble
from avatar_edge.devices.portaudio import LATENCY_S, Find, PortAudio
from avatar_edge.devices.ring import Ring
from avatar_edge.timeline import DeviceClock
from avatar_runtime import metrics

RATE = 48_000
BLOCK = 480
_AHEAD_S = 0.02
_AHEAD_MOST_S = 0.03
"""After it once came too late."""
_UNSURE_S = 1.0
"""What a device says about its clock in its first second is not to be trusted."""
_RING_S = 0.2
_WAIT_S = 0.005
_STOP_S = 2.0

_underruns = metrics.counter("avatar_edge_output_underruns_total", "Blocks of an output that came too late")


class _Asked(NamedTuple):
    """The device has taken `wanted` samples, of which the ring had `got`; the first sounds at edge clock `at`."""

    run: _Playing
    place: int
    got: int
    wanted: int
    at: float
    sure: bool


class _Playing:
    """One stream of the device. `asked` belongs to PortAudio's thread."""

    def __init__(self, asked: queue.SimpleQueue[_Asked | None]) -> None:
        self.stream: Any = None
        self.rate = 0
        self.beat = 0.0
        self.ring = Ring(0)
        self.missed = 0
        self._asked = asked
        self._place = 0
        self._began_at = 0.0
        self._latency_s = LATENCY_S

    def set(self, stream: Any) -> None:
        """Take the stream, before it starts."""
        self.stream = stream
        self.rate = round(stream.samplerate)
        self._latency_s = stream.latency
        self.ring = Ring(round(_RING_S * self.rate))
        self.clock = DeviceClock(self.rate)
        self.sure = False
        self.convert = soxr.ResampleStream(RATE, self.rate, 1, quality="LQ") if self.rate != RATE else None

    def asked(self, out: Pcm, count: int, times: Any, status: Any) -> None:
        """See sounddevice."""
        now = time.perf_counter()
        self._began_at = self._began_at or now
        first = out[:, 0]
        mono = np.empty(count, np.int16)
        got = self.ring.read(mono)
        mono[got:] = 0
        first[:] = mono
        for channel in range(1, out.shape[1]):
            out[:, channel] = mono
        sure = now - self._began_at >= _UNSURE_S
        ahead_s = times.outputBufferDacTime - times.currentTime if sure else self._latency_s
        self._asked.put(_Asked(self, self._place, got, count, now + min(max(ahead_s, 0.0), SILENT_S), sure))
        self._place += count
        self.beat = now


class PortAudioOut:
    """Pulls its source all the time, at the pace of the device, or of the edge clock while there is none.

    Attributes:
        trouble: Told when the device is lost or refused; set before `open`.
        underruns: Blocks that came too late.
    """

    def __init__(self, portaudio: PortAudio, find: Find, *, use: str = "speaker", acoustic: bool) -> None:
        """`find` gives the device, `use` says what it is, `acoustic`: a microphone may hear it."""
        self.trouble: Trouble = lambda *_: None
        self.underruns = 0
        self._acoustic = acoustic
        self._portaudio = portaudio
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._keeper = Keeper(portaudio, use, find, self._begin, self._ended)
        self._run: _Playing | None = None
        self._source: Source = lambda count, _: np.zeros(count, np.int16)
        self._thread = threading.Thread(target=self._work, name=use, daemon=True)
        self._closing = False
        self._bridging = True
        self._next_at = 0.0
        self._ahead_s = _AHEAD_S

    @property
    def rate(self) -> int:
        """See `AudioOut.rate`; a device at another rate is converted for."""
        return RATE

    @property
    def acoustic(self) -> bool:
        """See `AudioOut.acoustic`."""
        return self._acoustic

    @property
    def device(self) -> Device | None:
        """The device in use, None while there is none."""
        return self._keeper.device

    def open(self, source: Source) -> None:
        """See `AudioOut.open`; the device is opened by a thread, and what is due until then is lost."""
        self._source = source
        self._next_at = time.perf_counter() + LATENCY_S
        self._keeper.trouble = self.trouble
        self._thread.start()
        self._keeper.start()

    def close(self) -> None:
        """See `AudioOut.close`."""
        self._keeper.stop()
        self._closing = True
        self._asked.put(None)
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    # --- under the library's lock ------------------------------------------------------------------------------

    def _begin(self, device: Device) -> _Playing:
        run = _Playing(self._asked)
        stream = self._portaudio.stream(device, (RATE, device.rate), run.asked, plays=True)
        run.set(stream)
        self._run = run
        self._portaudio.start(stream, device)
        return run

    def _ended(self) -> None:
        self._run = None

    # --- on its thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing:
            try:
                asked = self._asked.get(timeout=_WAIT_S if self._bridging else SILENT_S / 5.0)
            except queue.Empty:
                asked = None
            if asked is not None and asked.run is self._run:
                self._answer(asked)
            else:
                self._bridge(time.perf_counter())

    def _answer(self, asked: _Asked) -> None:
        run = asked.run
        if asked.sure and not run.sure:
            run.sure, run.clock = True, DeviceClock(run.rate)
        run.clock.observe(asked.place, asked.at, asked.wanted / run.rate)
        if asked.got < asked.wanted:
            run.missed += asked.wanted - asked.got
            if run.ring.taken:
                self.underruns += 1
                _underruns.inc()
                self._ahead_s = _AHEAD_MOST_S
        self._bridging = False
        while run.ring.fill < self._ahead_s * run.rate and not self._closing:
            plays_at = run.clock.time(run.ring.written + run.missed)
            pcm = self._source(BLOCK, plays_at)
            self._next_at = plays_at + BLOCK / RATE
            if run.convert is not None:
                pcm = as_pcm(run.convert.resample_chunk(pcm.astype(np.float32) / 32_768.0))
            run.ring.write(pcm)

    def _bridge(self, now: float) -> None:
        """Ask for what is due by the edge clock, for nobody, once the device has not asked for half a second."""
        if not self._bridging:
            if now - self._next_at < SILENT_S:
                return
            self._bridging = True
        if now - self._next_at > SILENT_S:
            self._next_at = now
        while self._next_at - LATENCY_S <= now and not self._closing:
            self._source(BLOCK, self._next_at)
            self._next_at += BLOCK / RATE
