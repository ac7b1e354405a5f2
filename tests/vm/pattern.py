"""Pictures that carry their number, so that whoever sees one knows what all of it must look like."""

import numpy as np

SIDE = 512
"""Of the square picture, as the face sends it."""
BITS = 8
_DARK, _BRIGHT = 60, 200


def face(number: int) -> np.ndarray:
    """I420 uint8 [768, 512]: the number in eight stripes, below them a bar that moves with it; coloured by it."""
    i420 = np.empty((SIDE * 3 // 2, SIDE), np.uint8)
    luma = i420[:SIDE]
    luma[:] = 110
    for bit in range(BITS):
        left = bit * SIDE // BITS
        luma[: SIDE // 2, left : left + SIDE // BITS] = _BRIGHT if number >> bit & 1 else _DARK
    left = 2 * number % (SIDE - 64)
    luma[SIDE // 2 + 64 : SIDE - 64, left : left + 64] = 230
    i420[SIDE : SIDE + SIDE // 4] = 90 + number % 64
    i420[SIDE + SIDE // 4 :] = 160 - number % 64
    return i420


def number_of(luma: np.ndarray) -> int:
    """The number a seen picture carries; `luma`: uint8 [height, width], the square face in its middle."""
    height, width = luma.shape
    left, stripe = (width - height) // 2, height / BITS
    row = luma[height // 4]
    return sum(1 << bit for bit in range(BITS) if row[round(left + (bit + 0.5) * stripe)] > (_DARK + _BRIGHT) // 2)
