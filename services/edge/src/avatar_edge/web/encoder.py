"""Pictures that are nobody's access unit, encoded for a browser in the form the face's own have."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from avatar_edge.picture import Picture

BITS_PER_PIXEL = 0.16
MOST_BPS = 3_000_000


class LocalEncoder:
    """Constrained baseline H.264, Annex B, one access unit for every picture at once. Used by one thread.

    Attributes:
        size: Width and height of its pictures.
    """

    def __init__(self, width: int, height: int, fps: int, bitrate_bps: int = 0) -> None:
        """`bitrate_bps`: 0 for one that suits the size."""
        self.size = (width, height)
        rate = bitrate_bps or min(MOST_BPS, round(width * height * fps * BITS_PER_PIXEL))
        context = VideoCodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, fps), Fraction(fps, 1)
        context.bit_rate = rate
        context.gop_size, context.max_b_frames, context.thread_count = 10 * fps, 0, 1
        context.options = {
            "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1",
            "maxrate": str(rate), "bufsize": str(rate // 2),
            "x264-params": f"repeat-headers=1:keyint={10 * fps}:scenecut=0:sliced-threads=0:threads=1",
        }  # fmt: skip
        self._context = context
        self._count = 0

    def encode(self, picture: Picture, *, keyframe: bool) -> bytes:
        """The access unit of one picture; `keyframe`: it can be decoded without the ones before it."""
        frame = av.VideoFrame.from_ndarray(picture.i420, format="yuv420p")
        frame.pts = self._count
        self._count += 1
        if keyframe:
            frame.pict_type = PictureType.I
        return b"".join(bytes(packet) for packet in self._context.encode(frame))
