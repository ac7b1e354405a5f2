"""Frames to access units: H.264 for the wire, JPEG where every picture must stand alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import av
import cv2
import numpy as np
import simplejpeg
from av.video.frame import PictureType
from numpy.typing import NDArray

from avatar_contracts.session import VideoCodec
from avatar_face.errors import CodecError

Picture = NDArray[np.uint8]
GOP_S = 2


class Encoder(Protocol):
    """Encodes the pictures of one stream in order."""

    codec: VideoCodec

    def encode(self, picture: Picture, *, keyframe: bool = False) -> tuple[bytes, bool]:
        """One BGR picture [height, width, 3] as one access unit, and whether it is a keyframe."""
        ...


class H264Encoder:
    """Constrained baseline H.264, Annex B: every picture leaves at once, parameter sets precede each keyframe."""

    codec: VideoCodec = "h264"

    def __init__(self, width: int, height: int, fps: int, bitrate_bps: int) -> None:
        if width % 2 or height % 2:
            raise CodecError(f"H.264 needs even sides, not {width}x{height}: set width and height to even numbers")
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, fps), Fraction(fps, 1)
        context.bit_rate = bitrate_bps
        context.gop_size, context.max_b_frames, context.thread_count = GOP_S * fps, 0, 1
        # The rate is held over half a second, so that one frame of much motion cannot fill a thin link.
        context.options = {
            "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1",
            "maxrate": str(bitrate_bps), "bufsize": str(bitrate_bps // 2),
            "x264-params": f"repeat-headers=1:keyint={GOP_S * fps}:scenecut=0:sliced-threads=0:threads=1",
        }  # fmt: skip
        try:
            context.open()
        except av.FFmpegError as error:
            raise CodecError(f"libx264 refused {width}x{height} at {bitrate_bps} bit/s: {error}") from error
        self._context = context
        self._count = 0

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
        self._quality = quality

    def encode(self, picture: Picture, *, keyframe: bool = False) -> tuple[bytes, bool]:
        """One BGR picture as a JPEG, which is always a keyframe."""
        data = simplejpeg.encode_jpeg(picture, quality=self._quality, colorspace="BGR", colorsubsampling="420")
        return bytes(data), True
