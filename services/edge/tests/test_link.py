import asyncio
import contextlib

from avatar_contracts import VideoFrame, VideoRate
from avatar_edge.jitter import NetworkJitter
from avatar_edge.link import Link
from avatar_edge.rate import START_BPS, RateControl
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session
from avatar_runtime.testing.sessions import Peer

SKEW = {"p50": 0.0, "p95": 12.34, "max": 30.0, "frames": 10}


class Rig:
    """A link on a real session, and a face that sends frames at the delays it is told."""

    def __init__(self, ceiling=4_000_000):
        bus = MemoryBus()
        self.session = Session(bus, "abcdefgh12", "edge", epoch=1)
        self.control = RateControl(ceiling, 25)
        self.face = 1
        self.link = Link(self.session, self.control, NetworkJitter(), face=lambda: self.face)
        self.peer = Peer(bus, "abcdefgh12", "face")
        self.sent = 0

    async def send(self, count=1, *, late_ms=0, size=6_000, every_s=0.01):
        for _ in range(count):
            loop_ms = round(asyncio.get_running_loop().time() * 1000)
            frame = VideoFrame(
                reply=0, pts=self.sent * 640, rate=16_000, codec="h264", keyframe=False, width=64, height=64,
                data=bytes(size), sent_ms=1 + loop_ms - late_ms,
            )  # fmt: skip
            self.sent += 1
            await self.peer.publish(frame)
            await asyncio.sleep(every_s)

    def rates(self):
        return [(rate.bitrate_bps, rate.fps) for rate in self.peer.heard(VideoRate)]


@contextlib.asynccontextmanager
async def rigged(**options):
    rig = Rig(**options)
    await rig.session.start()
    await rig.peer.session.start()
    rig.link.start()
    try:
        yield rig
    finally:
        await rig.session.close()
        await rig.peer.session.close()


async def test_on_a_good_link_a_face_at_its_best_is_told_nothing():
    async with rigged(ceiling=START_BPS) as rig:
        await rig.send(60)
        assert rig.rates() == []
        assert not rig.link.silent()


async def test_frames_that_come_late_lower_the_rate_at_once_and_a_new_face_is_told_again():
    async with rigged() as rig:
        await rig.send(40)
        await rig.send(40, late_ms=150)
        await rig.peer.wait_for(VideoRate, where=lambda rate: rate.bitrate_bps < START_BPS)
        await rig.send(20)
        told = len(rig.rates())
        rig.face = 0
        await asyncio.sleep(0.25)
        assert len(rig.rates()) == told  # there is nobody to tell
        rig.face = 2
        await asyncio.sleep(0.25)
        assert len(rig.rates()) > told
        assert rig.rates()[-1][0] < START_BPS


async def test_what_was_asked_is_repeated_in_case_it_got_lost():
    async with rigged() as rig:
        await rig.send(40)
        await rig.send(40, late_ms=150)
        await rig.peer.wait_for(VideoRate)
        told = len(rig.rates())
        await asyncio.sleep(2.3)
        assert len(rig.rates()) > told


async def test_the_state_of_the_link_is_told():
    async with rigged() as rig:
        await rig.send(50, every_s=0.02, size=5_000)
        for _ in range(20):
            rig.link.round_trip(0.05)
            rig.link.round_trip(0.15)
        stats = rig.link.stats(connected=True, lost=3, skew=SKEW)
        assert stats.connected
        assert stats.rtt_ms == 100.0
        assert stats.buffer_ms == 200.0
        assert 15 < stats.fps < 60
        assert 0.7 < stats.kbps / (stats.fps * 40.0) < 1.4
        assert START_BPS <= stats.asked_kbps * 1000 <= 1.1 * START_BPS
        assert (stats.lost, stats.skew_ms) == (3, 12.3)
        unknown = rig.link.stats(connected=False, lost=0, skew={**SKEW, "frames": 0})
        assert unknown.skew_ms is None


async def test_it_is_silent_when_neither_frames_nor_answers_come():
    async with rigged() as rig:
        await rig.send(1)
        await asyncio.sleep(0.6)
        assert rig.link.silent()
        rig.link.round_trip(0.25, answered=False)
        assert rig.link.silent()
        rig.link.round_trip(0.05)
        assert not rig.link.silent()
