import asyncio
import contextlib

import cv2
import msgspec
import numpy as np
import pytest
import simplejpeg

from avatar_contracts import ErrorRaised, VideoAck, VideoFrame, VideoKeyframe
from avatar_edge.decoder import Decoder
from avatar_edge.errors import DecodeError
from avatar_edge.pairing import Pairing
from avatar_edge.video import PictureSession, VideoReceiver
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session
from avatar_runtime.testing.sessions import Peer

RATE = 16_000
SIZE = 64


class Stream:
    """Real H.264 frames of a face whose brightness tells their number."""

    def __init__(self, h264):
        make, self.encode = h264
        self.encoder = make(SIZE, SIZE)
        self.count = 0

    def frame(self, *, keyframe=False, reply=0):
        picture = np.full((SIZE, SIZE, 3), 30 + 10 * (self.count % 20), np.uint8)
        data, is_key = self.encode(self.encoder, picture, keyframe=keyframe or self.count == 0)
        frame = VideoFrame(
            reply=reply,
            pts=self.count * RATE // 25,
            rate=RATE,
            codec="h264",
            keyframe=is_key,
            width=SIZE,
            height=SIZE,
            data=data,
        )
        self.count += 1
        return frame


def luma(picture):
    return int(cv2.cvtColor(picture.bgr(), cv2.COLOR_BGR2GRAY).mean())


@pytest.fixture
async def receiver():
    @contextlib.asynccontextmanager
    async def make():
        bus = MemoryBus()
        session = Session(bus, "abcdefgh12", "edge", epoch=1)
        pairing = Pairing(0.04)
        usable = []
        receiver = VideoReceiver(session, pairing, lambda reply, _: usable.append(reply))
        face = Peer(bus, "abcdefgh12", "face")
        await session.start()
        await face.session.start()
        await receiver.start()
        receiver.usable = usable
        receiver.pairing = pairing
        try:
            yield receiver, face
        finally:
            await session.close()
            await face.session.close()
            receiver.close()

    return make


async def shown(receiver):
    """What the camera would show of the idle frames that have come, oldest first; too early for any margin."""
    await asyncio.sleep(0.1)
    pictures = []
    for tick in range(-8, 0):
        choice = receiver.pairing.choose(None, tick * 0.04, tick * 0.04)
        if choice.source == "live":
            pictures.append(luma(choice.picture))
    return pictures


async def test_every_frame_is_acknowledged_decoded_and_shown(receiver, h264):
    stream = Stream(h264)
    async with receiver() as (video, face):
        for _ in range(4):
            await face.publish(stream.frame())
        assert await shown(video) == pytest.approx([30, 40, 50, 60], abs=3)
        assert [ack.upto for ack in face.heard(VideoAck)][-1] == 4
        assert (video.width, video.height, video.lost) == (SIZE, SIZE, 0)


async def test_after_a_lost_frame_the_picture_is_held_until_the_keyframe_that_is_asked_for_once(receiver, h264):
    stream = Stream(h264)
    async with receiver() as (video, face):
        await face.publish(stream.frame())
        stream.frame()
        face.session._seqs["video.frame"] += 1
        for _ in range(3):
            await face.publish(stream.frame())
        assert await shown(video) == pytest.approx([30], abs=3)
        assert len(face.heard(VideoKeyframe)) == 1
        await face.publish(stream.frame(keyframe=True))
        await face.publish(stream.frame())
        assert await shown(video) == pytest.approx([80, 90], abs=3)
        assert video.lost == 4


async def test_a_broken_access_unit_asks_for_a_keyframe_and_the_stream_goes_on(receiver, h264):
    stream = Stream(h264)
    async with receiver() as (video, face):
        good = stream.frame()
        await face.publish(msgspec.structs.replace(good, data=b"\x00\x00\x00\x01garbage"))
        await face.wait_for(VideoKeyframe)
        await face.publish(stream.frame())
        await face.publish(stream.frame(keyframe=True))
        assert await shown(video) == pytest.approx([50], abs=3)


async def test_a_frame_that_upsets_the_decoder_does_not_end_the_picture(receiver, h264, monkeypatch):
    stream = Stream(h264)
    async with receiver() as (video, face):
        decode, seen = video._decoder.decode, []

        def upset(frame):
            seen.append(frame)
            if len(seen) == 1:
                raise MemoryError("as a decoder may")
            return decode(frame)

        monkeypatch.setattr(video._decoder, "decode", upset)
        await face.publish(stream.frame())
        await face.wait_for(VideoKeyframe)
        await face.publish(stream.frame(keyframe=True))
        assert await shown(video) == pytest.approx([40], abs=3)


async def test_the_stream_of_a_new_worker_begins_anew(receiver, h264):
    first, second = Stream(h264), Stream(h264)
    async with receiver() as (video, face):
        await face.publish(first.frame())
        await face.publish(first.frame())
        face.session.epoch, face.session._seqs["video.frame"] = 2, 0
        await face.publish(second.frame())
        await face.publish(second.frame())
        assert await shown(video) == pytest.approx([30, 40, 30, 40], abs=3)
        assert face.heard(VideoKeyframe) == []


async def test_a_face_far_ahead_of_the_sound_gets_no_credit_until_its_pictures_are_shown(receiver, h264):
    stream = Stream(h264)
    async with receiver() as (video, face):
        for _ in range(15):
            await face.publish(stream.frame(reply=1))
        await asyncio.sleep(0.05)
        for _ in range(40):
            await face.publish(stream.frame(reply=1))
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        held = face.heard(VideoAck)[-1].upto
        assert held < 55
        video.pairing.forget(1)
        await face.wait_for(VideoAck, where=lambda ack: ack.upto == 55)
        assert set(video.usable) == {1}


async def test_what_goes_wrong_with_the_picture_is_reported_under_the_numbers_of_the_call():
    bus = MemoryBus()
    main, peer = Session(bus, "abcdefgh12", "edge", epoch=1), Peer(bus, "abcdefgh12", "llm")
    await peer.session.start()
    picture = PictureSession(bus, main)
    for session in (main, picture, main, picture):
        await session.report("some.trouble", "it went wrong")
    await peer.wait_for(ErrorRaised, count=4, timeout_s=1)
    assert [error.seq for error in peer.heard(ErrorRaised)] == [1, 2, 3, 4]
    await peer.session.close()


def test_jpeg_frames_are_decoded_and_what_is_no_picture_is_an_error():
    jpeg = simplejpeg.encode_jpeg(np.full((48, 50, 3), 120, np.uint8), colorspace="BGR")
    frame = VideoFrame(reply=0, pts=800, rate=RATE, codec="jpeg", keyframe=True, width=50, height=48, data=jpeg)
    picture = Decoder().decode(frame)
    assert (picture.width, picture.height) == (50, 48)
    assert picture.pts_s == pytest.approx(0.05)
    assert luma(picture) == pytest.approx(120, abs=3)
    line = simplejpeg.encode_jpeg(np.zeros((1, 5, 3), np.uint8), colorspace="BGR")
    with pytest.raises(DecodeError, match="5 x 1"):
        Decoder().decode(msgspec.structs.replace(frame, data=line))
    for codec in ("jpeg", "h264"):
        for data in (b"", b"nonsense", jpeg[:100] if codec == "jpeg" else b"\x00\x00\x01\x65\x88"):
            with pytest.raises(DecodeError):
                Decoder().decode(msgspec.structs.replace(frame, codec=codec, data=data))
