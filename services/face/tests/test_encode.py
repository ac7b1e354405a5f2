from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from avatar_face.controls import Mouth
from avatar_face.encode import H264Encoder, JpegEncoder
from avatar_face.errors import CodecError
from avatar_face.idle import Idle


@pytest.fixture(scope="module")
def pictures(face):
    idle = Idle(2)
    return [face.render(Mouth(jaw=0.2 + 0.2 * np.sin(k / 2)), idle.pose(k / 25)) for k in range(60)]


def decoded(units: list[bytes]) -> list[np.ndarray]:
    decoder = av.CodecContext.create("h264", "r")
    found = []
    for unit in units:
        found += decoder.decode(av.Packet(unit))
    return [frame.to_ndarray(format="bgr24") for frame in found + decoder.decode(None)]


def test_h264_gives_back_every_picture(pictures):
    encoder = H264Encoder(512, 512, 25, 1_500_000)
    units = [encoder.encode(picture) for picture in pictures]
    shown = decoded([data for data, _ in units])
    assert len(shown) == len(pictures)
    for got, sent in zip(shown, pictures, strict=True):
        assert float(np.abs(got.astype(int) - sent).mean()) < 4
    assert [i for i, (_, key) in enumerate(units) if key] == [0]
    assert sum(len(data) for data, _ in units) * 8 / (60 / 25) < 2_500_000


def test_every_keyframe_can_begin_a_stream(pictures):
    encoder = H264Encoder(512, 512, 25, 1_500_000)
    units = [encoder.encode(picture, keyframe=i == 10) for i, picture in enumerate(pictures[:20])]
    assert [i for i, (_, key) in enumerate(units) if key] == [0, 10]
    data = units[10][0]
    kinds = {data[i + 3] & 31 for i in range(len(data) - 3) if data[i : i + 3] == b"\x00\x00\x01"}
    assert {7, 8, 5} <= kinds  # SPS, PPS and an IDR slice
    assert len(decoded([unit for unit, _ in units[10:]])) == 10


def test_jpeg_pictures_stand_alone(pictures):
    data, key = JpegEncoder(90).encode(pictures[0])
    assert key
    got = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert float(np.abs(got.astype(int) - pictures[0]).mean()) < 3


def rate_bps(units: list[tuple[bytes, bool]], fps: int = 25) -> float:
    return sum(len(data) for data, _ in units) * 8 * fps / len(units)


def test_h264_follows_the_link_down_and_up_without_a_keyframe_and_is_decoded_throughout(pictures):
    busy = [np.roll(picture, 3 * i, axis=1) for i, picture in enumerate(pictures * 4)]
    encoder = H264Encoder(512, 512, 25, 1_500_000)
    before = [encoder.encode(picture) for picture in busy[:50]]
    encoder.limit(800_000, 25)
    thin = [encoder.encode(picture) for picture in busy[50:125]]
    encoder.limit(1_400_000, 25)
    wide = [encoder.encode(picture) for picture in busy[125:240]]
    assert rate_bps(before[25:]) > 1_000_000
    assert rate_bps(thin[25:]) < 950_000
    assert rate_bps(wide[50:]) > 1_000_000
    assert [i for i, (_, key) in enumerate(before + thin + wide) if key] == [0]
    assert len(decoded([data for data, _ in before + thin + wide])) == 240


def test_beyond_what_the_encoder_can_follow_the_stream_begins_anew_with_a_small_keyframe(pictures):
    busy = [np.roll(picture, 3 * i, axis=1) for i, picture in enumerate(pictures * 3)]
    encoder = H264Encoder(512, 512, 25, 1_500_000)
    before = [encoder.encode(picture) for picture in busy[:25]]
    encoder.limit(300_000, 25)
    floor = [encoder.encode(picture) for picture in busy[25:75]]
    encoder.limit(4_000_000, 25)
    best = [encoder.encode(picture) for picture in busy[75:150]]
    assert [i for i, (_, key) in enumerate(before + floor + best) if key] == [0, 25, 75]
    assert len(floor[0][0]) < 0.5 * len(before[0][0])
    assert rate_bps(floor[10:]) < 400_000
    assert rate_bps(best[25:]) > 2_500_000
    assert len(decoded([data for data, _ in before + floor + best])) == 150


def test_fewer_frames_a_second_share_the_same_bits(pictures):
    busy = [np.roll(picture, 3 * i, axis=1) for i, picture in enumerate(pictures * 2)]
    encoder = H264Encoder(512, 512, 25, 900_000)
    encoder.limit(600_000, 15)
    units = [encoder.encode(picture) for picture in busy]
    assert rate_bps(units[30:], fps=15) == pytest.approx(600_000, rel=0.2)


def test_jpeg_follows_by_its_quality_and_comes_back_to_its_best(pictures):
    encoder = JpegEncoder(90)
    best = len(encoder.encode(pictures[0])[0])
    encoder.limit(best * 8 * 25 // 2, 25)
    for _ in range(10):
        size = len(encoder.encode(pictures[0])[0])
    assert 0.35 * best < size <= 0.5 * best
    encoder.limit(20_000_000, 25)
    for _ in range(100):
        size = len(encoder.encode(pictures[0])[0])
    assert size == best


def test_odd_sizes_are_refused_with_advice():
    with pytest.raises(CodecError, match="even"):
        H264Encoder(511, 512, 25, 1_500_000)
