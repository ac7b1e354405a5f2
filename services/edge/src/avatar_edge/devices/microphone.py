"""A microphone, or what another device plays, by PortAudio: 16 kHz frames at the pace of its own clock."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import soxr

from avatar_edge.audio import FRAME, MIC_RATE, LiveVoice, MicBlock, Pcm, as_pcm
from avatar_edge.devices.catalogue import Device
from avatar_edge.devices.drift import Elastic
from avatar_edge.devices.keeper import SILENT_S, Keeper, Trouble
from avatar_edge.devices.portaudio import Find, PortAudio
from avatar_edge.devices.ring import Ring
from avatar_edge.timeline import DeviceClock
from avatar_runtime import metrics

FRAME_S = FRAME / MIC_RATE
_RING_S = 1.0
_HIGHEST = 48_000
"""Voice has nothing above it: a device at 192 kHz is asked for less first."""
_WAIT_S = 0.01
_LATE_S = 0.03
"""Silence in place of a lost device is this late, as its frames would be."""
_LIVE_RATE = 48_000
_STOP_S = 2.0

_overruns = metrics.counter("avatar_edge_captured_lost_total", "Blocks of a microphone for which there was no room")


class _Arrived(NamedTuple):
    """So many samples have been captured, the first at this edge clock."""

    run: _Capture
    samples: int
    at: float


class _Capture:
    """One stream of the device. `captured` belongs to PortAudio's thread."""

    def __init__(self, arrived: queue.SimpleQueue[_Arrived | None]) -> None:
        self.stream: Any = None
        self.rate = 0
        self.beat = 0.0
        self.ring = Ring(0)
        self._arrived = arrived

    def set(self, stream: Any) -> None:
        """Take the stream, before it starts."""
        self.stream = stream
        self.rate = round(stream.samplerate)
        self.ring = Ring(round(_RING_S * self.rate))
        self.clock = DeviceClock(self.rate)
        self.convert = soxr.ResampleStream(self.rate, MIC_RATE, 1, quality="LQ") if self.rate != MIC_RATE else None
        self.taken = 0
        self.given = 0

    def captured(self, samples: Pcm, count: int, times: Any, status: Any) -> None:
        """See sounddevice."""
        now = time.perf_counter()
        self.beat = now
        mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1).astype(np.int16)
        written = self.ring.write(mono)
        if written < count:
            _overruns.inc()
        # A block is complete now; a host that says its first sample came later than that is not believed.
        age_s = max(count / self.rate, times.currentTime - times.inputBufferAdcTime)
        self._arrived.put(_Arrived(self, written, now - min(age_s, SILENT_S)))


class PortAudioMic:
    """Delivers frames all the time, silence while there is no device.

    Attributes:
        trouble: Told when the device is lost or refused; set before `open`.
    """

    def __init__(self, portaudio: PortAudio, find: Find, *, use: str = "microphone", acoustic: bool = True) -> None:
        """`find` gives the device, `use` says what it is, `acoustic`: it can hear a loudspeaker."""
        self.acoustic = acoustic
        self.trouble: Trouble = lambda *_: None
        self._portaudio = portaudio
        self._arrived: queue.SimpleQueue[_Arrived | None] = queue.SimpleQueue()
        self._keeper = Keeper(portaudio, use, find, self._begin, self._ended)
        self._run: _Capture | None = None
        self._deliver: Callable[[MicBlock], None] = lambda _: None
        self._thread = threading.Thread(target=self._work, name=use, daemon=True)
        self._closing = False
        self._live = _Live()
        self._start = 0
        self._next_at = 0.0
        self._bridging = True
        self._skip = 0
        self._left = np.zeros(0, np.int16)

    @property
    def device(self) -> Device | None:
        """The device in use, None while there is none."""
        return self._keeper.device

    @property
    def live(self) -> LiveVoice:
        """See `OwnVoice.live`: at the device's full rate."""
        return self._live

    def open(self, deliver: Callable[[MicBlock], None]) -> None:
        """See `AudioIn.open`; the device is opened by a thread, and silence delivered until then."""
        self._deliver = deliver
        self._next_at = time.perf_counter()
        self._keeper.trouble = self.trouble
        self._thread.start()
        self._keeper.start()

    def close(self) -> None:
        """See `AudioIn.close`."""
        self._keeper.stop()
        self._closing = True
        self._arrived.put(None)
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def voiced_end(self, heard: int, margin: int) -> int | None:
        """See `AudioIn.voiced_end`: a room does not say."""
        return None

    # --- under the library's lock ------------------------------------------------------------------------------

    def _begin(self, device: Device) -> _Capture:
        run = _Capture(self._arrived)
        rates = (device.rate, _HIGHEST) if device.rate <= _HIGHEST else (_HIGHEST, device.rate)
        stream = self._portaudio.stream(device, rates, run.captured, plays=False)
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
                arrived = self._arrived.get(timeout=_WAIT_S if self._bridging else SILENT_S / 5.0)
            except queue.Empty:
                arrived = None
            if arrived is not None and arrived.run is self._run:
                self._take(arrived.run, arrived.samples, arrived.at)
            else:
                self._bridge(time.perf_counter())

    def _take(self, run: _Capture, count: int, at: float) -> None:
        pcm = np.empty(count, np.int16)
        run.ring.read(pcm)
        run.clock.observe(run.taken, at, count / run.rate)
        run.taken += count
        self._live.push(pcm, run.rate)
        if run.convert is None:
            heard = pcm
        else:
            heard = as_pcm(run.convert.resample_chunk(pcm.astype(np.float32) / 32_768.0))
        if self._bridging:
            heard = self._rejoin(run, heard)
        run.given += len(heard)
        self._frames(run, heard)

    def _rejoin(self, run: _Capture, heard: Pcm) -> Pcm:
        """The device is there: go on where the silence has got to, without a gap or a step back in time."""
        if not len(heard):
            return heard
        first_at = run.clock.time(run.given / MIC_RATE * run.rate)
        early = round((self._next_at - first_at) * MIC_RATE)
        if early >= len(heard):
            run.given += len(heard)
            return heard[:0]
        self._bridging = False
        if early >= 0:
            run.given += early
            return heard[early:]
        self._left = np.zeros(min(-early, MIC_RATE), np.int16)
        return heard

    def _frames(self, run: _Capture, heard: Pcm) -> None:
        waiting = np.concatenate((self._left, heard))
        first = run.given - len(waiting)
        while len(waiting) >= FRAME:
            at = run.clock.time(first / MIC_RATE * run.rate)
            self._give(waiting[:FRAME].copy(), at)
            waiting, first = waiting[FRAME:], first + FRAME
        self._left = waiting

    def _bridge(self, now: float) -> None:
        """Silence at the pace of the edge clock, once nothing has come for half a second."""
        if not self._bridging:
            if now - self._next_at < SILENT_S:
                return
            self._bridging = True
            self._left = np.zeros(0, np.int16)
        while now - self._next_at >= FRAME_S + _LATE_S and not self._closing:
            self._give(np.zeros(FRAME, np.int16), self._next_at)

    def _give(self, pcm: Pcm, at: float) -> None:
        start, self._start = self._start, self._start + FRAME
        self._next_at = at + FRAME_S
        self._deliver(MicBlock(start, at, pcm))


class _Live:
    """See `LiveVoice`; the clocks of the two devices differ, and so may their rates."""

    def __init__(self) -> None:
        self._store: Elastic | None = None
        self._rates = (0, _LIVE_RATE)

    def push(self, pcm: Pcm, rate: int) -> None:
        """What was captured; from the microphone's thread."""
        if rate != self._rates[0]:
            self._rates = (rate, self._rates[1])
            self._store = Elastic(*self._rates)
        assert self._store is not None
        self._store.push(pcm)

    def read(self, count: int, rate: int) -> Pcm:
        """See `LiveVoice.read`."""
        store = self._store
        if store is not None and rate != self._rates[1]:
            self._rates = (self._rates[0], rate)
            store = self._store = Elastic(*self._rates)
        return np.zeros(count, np.int16) if store is None else store.pull(count)
