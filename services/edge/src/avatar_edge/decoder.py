"""Access units to pictures."""

from __future__ import annotations

from typing import Any

import av
import simplejpeg
from av.video.codeccontext import VideoCodecContext

from avatar_contracts import VideoFrame
from avatar_edge.errors import DecodeError
from avatar_edge.picture import Picture, from_bgr

MOST_PIXELS = 3840 * 2160


class Decoder:
    """Decodes the frames of one stream in order; a stream that begins anew needs `reset`. Used by one thread."""

    def __init__(self) -> None:
        self._h264: VideoCodecContext | None = None

    def reset(self) -> None:
        """Forget the stream: the next frame is a keyframe."""
        self._h264 = None

    def decode(self, frame: VideoFrame) -> Picture:
        """The picture in `frame`; raises `DecodeError` when there is none."""
        i420 = self._decode_jpeg(frame.data) if frame.codec == "jpeg" else self._decode_h264(frame.data)
        return Picture(i420, frame.reply, frame.pts / frame.rate)

    def _decode_jpeg(self, data: bytes) -> Any:
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
            if min(height, width) < 2 or height * width > MOST_PIXELS:
                raise DecodeError(f"a JPEG of {width} x {height} pixels is out of bounds")
            return from_bgr(simplejpeg.decode_jpeg(data, colorspace="BGR"))
        except ValueError as error:
            raise DecodeError(f"the frame is no JPEG: {error}") from error

    def _decode_h264(self, data: bytes) -> Any:
        if self._h264 is None:
            self._h264 = _h264_decoder()
        try:
            pictures = self._h264.decode(av.Packet(data))
        except av.FFmpegError as error:
            raise DecodeError(f"the frame is no H.264 access unit: {error}") from error
        if not pictures:
            raise DecodeError("the access unit held no picture")
        newest = pictures[-1]
        if newest.format.name not in ("yuv420p", "yuvj420p") or newest.width % 2 or newest.height % 2:
            newest = newest.reformat(newest.width & ~1, newest.height & ~1, format="yuv420p")
        return newest.to_ndarray()


def _h264_decoder() -> VideoCodecContext:
    context = VideoCodecContext.create("h264", "r")
    # Threads over frames would hold pictures back.
    context.thread_count = 1
    context.options = {"flags": "low_delay", "max_pixels": str(MOST_PIXELS)}
    return context
