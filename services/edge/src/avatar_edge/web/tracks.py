"""A track of packets that are encoded already, fed by the thread of a device."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import av
from aiortc.clock import current_ntp_time
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack


class Clock:
    """The moment from which the time stamps of a connection count.

    Attributes:
        began_at: That moment on the edge clock.
        ntp: On the wall clock, in the form of RTCP.
    """

    def __init__(self) -> None:
        self.began_at = time.perf_counter()
        self.ntp = current_ntp_time()


class PacketTrack(MediaStreamTrack):
    """Hands packets to its sender as they come; a loop that is late gets the newest `held` of them.

    The time stamps of both tracks of a connection are read from one clock, so that what belongs together is shown
    together.

    Attributes:
        newest: Time stamp of the packet that was handed to the sender last.
    """

    def __init__(self, kind: Literal["audio", "video"], rate: int, clock: Clock, held: int) -> None:
        """`rate`: units of a time stamp in a second."""
        super().__init__()
        self.kind = kind
        self.newest = 0
        self._rate = rate
        self._clock = clock
        self._base = Fraction(1, rate)
        self._packets: deque[av.Packet] = deque(maxlen=held)
        self._more = asyncio.Event()
        self._running = asyncio.get_running_loop()

    def stamp(self, at: float) -> int:
        """The time stamp of what belongs to edge clock `at`."""
        return round((at - self._clock.began_at) * self._rate)

    def ntp(self, stamp: int) -> int:
        """The same moment on the wall clock, in the form of RTCP: 1/2^32 s since 1900."""
        return self._clock.ntp + (stamp << 32) // self._rate

    def feed(self, packets: Sequence[tuple[bytes, int]]) -> None:
        """Send these, each with its time stamp; from any thread."""
        made = []
        for data, stamp in packets:
            packet = av.Packet(data)
            packet.pts, packet.time_base = stamp, self._base
            made.append(packet)
        with contextlib.suppress(RuntimeError):  # the loop may be closing
            self._running.call_soon_threadsafe(self._put, made)

    def _put(self, packets: list[av.Packet]) -> None:
        self._packets.extend(packets)
        self._more.set()

    async def recv(self) -> av.Packet:
        """For the sender: the next packet."""
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._more.clear()
            await self._more.wait()
        packet = self._packets.popleft()
        self.newest = packet.pts or 0
        return packet

    def stop(self) -> None:
        """See `MediaStreamTrack.stop`."""
        super().stop()
        self._more.set()
