from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from avatar_face.controls import Mouth
from avatar_face.encode import GOP_S, H264Encoder, JpegEncoder
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
    assert [i for i, (_, key) in enumerate(units) if key] == [0, GOP_S * 25]
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


def test_odd_sizes_are_refused_with_advice():
    with pytest.raises(CodecError, match="even"):
        H264Encoder(511, 512, 25, 1_500_000)
