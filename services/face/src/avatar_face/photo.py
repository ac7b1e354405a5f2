"""Reading a photo from outside: checked by its header before anything large is decoded."""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_face.errors import PhotoError

MAX_BYTES = 64 * 1024 * 1024
MAX_SIDE = 12_000
MIN_SIDE = 128
_KINDS = "use a JPEG, PNG or WebP picture"
_JPEG_FRAMES = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
_JPEG_SCAN, _JPEG_END = 0xDA, b"\xff\xd9"
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def read(data: bytes) -> NDArray[np.uint8]:
    """The photo as BGR uint8 [height, width, 3], turned upright.

    Raises `PhotoError` with code "size", "kind", "truncated" or "unreadable".
    """
    if len(data) > MAX_BYTES:
        raise PhotoError("size", f"the photo has {len(data) >> 20} MB, more than {MAX_BYTES >> 20}: save it smaller")
    width, height = _size(data)
    if min(width, height) < MIN_SIDE:
        raise PhotoError("size", f"the photo is {width}x{height}; use one with at least {MIN_SIDE} pixels a side")
    if max(width, height) > MAX_SIDE:
        raise PhotoError("size", f"the photo is {width}x{height}; use one with at most {MAX_SIDE} pixels a side")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PhotoError("unreadable", f"the photo cannot be decoded ({error.code}): {_KINDS}") from error
    if image is None:
        raise PhotoError("unreadable", f"the photo is damaged and cannot be decoded: {_KINDS}")
    upright: NDArray[np.uint8] = image
    return upright


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the header, after checking that the file is whole."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError) as error:
        raise _truncated() from error
    raise PhotoError("kind", f"this file is not a photo we can read: {_KINDS}")


def _truncated() -> PhotoError:
    return PhotoError("truncated", "the photo file ends too early, it was cut off: copy or export it again")


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        at += 12 + length
        if at + 12 > len(data):
            raise _truncated()
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    at, size = 2, None
    while True:
        if data[at] != 0xFF:
            raise PhotoError("unreadable", f"the photo is a damaged JPEG: {_KINDS}")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _JPEG_BARE:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        at += 2 + length
        if marker == _JPEG_SCAN:
            break
    if size is None:
        raise PhotoError("unreadable", f"the photo is a damaged JPEG: {_KINDS}")
    if data.find(_JPEG_END, at) < 0:
        raise _truncated()
    return size


def _webp(data: bytes) -> tuple[int, int]:
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise _truncated()
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
