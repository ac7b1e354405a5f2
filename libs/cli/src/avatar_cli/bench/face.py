"""Milliseconds per frame of the face and of its codec, on one thread, at the two sizes people use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from avatar_cli import recordings
from avatar_cli.bench.figures import Figure, Limit, spread, value
from avatar_contracts import VideoFrame
from avatar_edge.decoder import Decoder
from avatar_face.avatars import Avatars
from avatar_face.controls import REST, Mouth, Pose
from avatar_face.encode import H264Encoder
from avatar_face.idle import Idle
from avatar_face.mouth import MouthTrack
from avatar_face.settings import FaceSettings
from avatar_runtime import engines

T = TypeVar("T")
_FPS = 25
_SIZES = {"512": (512, 512), "720p": (1280, 720)}
_WARP_P95_MS = {"512": 12.0, "720p": 25.0}
_COMMAND = "avatar bench --only face"
_WARM_UP = 5


def measure(frames: int) -> list[Figure]:
    """Speak a human reading for `frames` frames at each size, then rest as long."""
    settings = FaceSettings()
    avatars = Avatars(engines.create("face", settings.engine, settings), settings)
    avatars.load()
    try:
        return [figure for size in _SIZES for figure in _measure(avatars, size, settings.bitrate_bps, frames)]
    finally:
        avatars.close()


def _measure(avatars: Avatars, size: str, bitrate_bps: int, frames: int) -> list[Figure]:
    width, height = _SIZES[size]
    face = avatars.open("", width, height)
    encoder, decoder = H264Encoder(width, height, _FPS, bitrate_bps), Decoder()
    speaking, resting, encoding, decoding = list[float](), list[float](), list[float](), list[float]()
    size_bytes = 0
    for index, (mouth, pose) in enumerate(_performance(frames + _WARM_UP)):
        draw_ms, picture = _timed(face.render, mouth, pose)
        encode_ms, (data, keyframe) = _timed(encoder.encode, picture)
        decode_ms, _ = _timed(decoder.decode, _unit(index, keyframe, width, height, data))
        if index >= _WARM_UP:
            speaking.append(draw_ms)
            encoding.append(encode_ms)
            decoding.append(decode_ms)
            size_bytes += len(data)
    idle = Idle(1)
    for index in range(frames):
        resting.append(_timed(face.render, REST, idle.pose(index / _FPS))[0])
    limits = (Limit("p95", _WARP_P95_MS[size]),)
    return [
        Figure(name=f"warp_{size}_ms", statistics=spread(speaking), command=_COMMAND, limits=limits, note="speaking"),
        Figure(name=f"warp_idle_{size}_ms", statistics=spread(resting), command=_COMMAND, note="resting"),
        Figure(name=f"h264_encode_{size}_ms", statistics=spread(encoding), command=_COMMAND),
        Figure(name=f"h264_decode_{size}_ms", statistics=spread(decoding), command=_COMMAND),
        Figure(
            name=f"h264_{size}_mbit_per_s",
            statistics=value(size_bytes * 8 * _FPS / frames / 1e6),
            command=_COMMAND,
            note="speaking",
        ),
    ]


def _unit(index: int, keyframe: bool, width: int, height: int, data: bytes) -> VideoFrame:
    return VideoFrame(
        reply=1, pts=index * 320, rate=8_000, codec="h264", keyframe=keyframe, width=width, height=height, data=data
    )


def _performance(frames: int) -> list[tuple[Mouth, Pose]]:
    """The mouth of a human reading and the head of a speaker, frame by frame."""
    sound = recordings.cut("two_cities.wav", recordings.TWO_CITIES)
    pcm = (np.concatenate(sound) * 32_767).astype(np.int16)[: (frames + 1) * recordings.RATE // _FPS]
    track, idle = MouthTrack(recordings.RATE), Idle(1)
    track.push(pcm.tobytes())
    track.end()
    return [(track.shape(i / _FPS), idle.pose(i / _FPS, track.loudness(i / _FPS))) for i in range(frames)]


def _timed(work: Callable[..., T], *arguments: Any) -> tuple[float, T]:
    began_at = time.perf_counter()
    result = work(*arguments)
    return (time.perf_counter() - began_at) * 1000, result
