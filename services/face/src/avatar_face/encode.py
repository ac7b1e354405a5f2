"""Frames to access units: H.264 for the wire, JPEG where every picture must stand alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol

import av
import cv2
import numpy as np
import simplejpeg
from av.video.frame import PictureType
from numpy.typing import NDArray

from avatar_contracts.session import VideoCodec
from avatar_face.errors import CodecError

Picture = NDArray[np.uint8]
GOP_S = 10
"""Nothing is lost on the bus without being noticed, and then a keyframe is asked for: these are for recordings."""
ROOM = 1.5
"""An encoder is opened for this much more than is wanted, so that it can follow the link up without a keyframe …"""
SPAN = 2.0
"""… and follows it down to this share of what it was opened for: below, its keyframes would be too large."""
LEAST_QUALITY = 20


class Encoder(Protocol):
    """Encodes the pictures of one stream in order."""

    codec: VideoCodec

    def encode(self, picture: Picture, *, keyframe: bool = False) -> tuple[bytes, bool]:
        """One BGR picture [height, width, 3] as one access unit, and whether it is a keyframe."""
        ...

    def limit(self, bitrate_bps: int, fps: int) -> None:
        """From the next picture on there are `fps` a second and they take no more than `bitrate_bps`."""
        ...


class H264Encoder:
    """Constrained baseline H.264, Annex B: every picture leaves at once, parameter sets precede each keyframe."""

    codec: VideoCodec = "h264"

    def __init__(self, width: int, height: int, fps: int, bitrate_bps: int) -> None:
        if width % 2 or height % 2:
            raise CodecError(f"H.264 needs even sides, not {width}x{height}: set width and height to even numbers")
        self._size, self._fps = (width, height), fps
        self._opened_bps = 0
        self._context: Any = None
        self._count = 0
        self._open(bitrate_bps)

    def limit(self, bitrate_bps: int, fps: int) -> None:
        """See `Encoder.limit`. The stream goes on without a keyframe unless the change is large."""
        # libx264 counts in frames, and was told another number of them a second.
        per_frame_bps = bitrate_bps * self._fps // max(1, min(fps, self._fps))
        if self._opened_bps / SPAN <= per_frame_bps <= self._opened_bps:
            self._context.bit_rate = per_frame_bps  # FFmpeg passes it on to libx264 with the next picture
        else:
            self._open(round(per_frame_bps * ROOM))
            self._context.bit_rate = per_frame_bps

    def _open(self, bitrate_bps: int) -> None:
        width, height = self._size
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, self._fps), Fraction(self._fps, 1)
        context.bit_rate = bitrate_bps
        context.gop_size, context.max_b_frames, context.thread_count = GOP_S * self._fps, 0, 1
        # The rate is held over half a second, so that one frame of much motion cannot fill a thin link. Only with
        # equal rates here does libx264 follow a `bit_rate` that is set later, and only to what it was opened for.
        context.options = {
            "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1",
            "maxrate": str(bitrate_bps), "bufsize": str(bitrate_bps // 2),
            "x264-params": f"repeat-headers=1:keyint={GOP_S * self._fps}:scenecut=0:sliced-threads=0:threads=1",
        }  # fmt: skip
        try:
            context.open()
        except av.FFmpegError as error:
            raise CodecError(f"libx264 refused {width}x{height} at {bitrate_bps} bit/s: {error}") from error
        self._context, self._opened_bps = context, bitrate_bps

    def encode(self, picture: Picture, *, keyframe: bool = False) -> tuple[bytes, bool]:
        """One BGR picture as one access unit; `keyframe` makes it an IDR picture."""
        planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = self._count
        self._count += 1
        if keyframe:
            frame.pict_type = PictureType.I
        packets = self._context.encode(frame)
        if len(packets) != 1:
            raise CodecError(f"libx264 gave {len(packets)} packets for one picture")
        return bytes(packets[0]), bool(packets[0].is_keyframe)


class JpegEncoder:
    """One JPEG per picture."""

    codec: VideoCodec = "jpeg"

    def __init__(self, quality: int) -> None:
        self._best = quality
        self._quality = float(quality)
        self._most_bytes = 0

    def encode(self, picture: Picture, *, keyframe: bool = False) -> tuple[bytes, bool]:
        """One BGR picture as a JPEG, which is always a keyframe."""
        data = simplejpeg.encode_jpeg(picture, quality=round(self._quality), colorspace="BGR", colorsubsampling="420")
        if self._most_bytes:
            self._adapt(len(data))
        return bytes(data), True

    def limit(self, bitrate_bps: int, fps: int) -> None:
        """See `Encoder.limit`. Its quality follows, within a few pictures."""
        self._most_bytes = bitrate_bps // (8 * fps)

    def _adapt(self, size: int) -> None:
        """The next picture is much like this one."""
        if size > self._most_bytes:
            self._quality *= max(0.5, self._most_bytes / size)
        elif size < 0.9 * self._most_bytes:
            self._quality += 1.0
        self._quality = min(max(self._quality, LEAST_QUALITY), self._best)
