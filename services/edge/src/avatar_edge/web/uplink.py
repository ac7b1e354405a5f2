"""RTP packets of sound in order, with what is missing. Pure logic; the caller passes the time."""

from __future__ import annotations

from collections.abc import Iterator

PACKET = 960
"""Samples (of 48 kHz) in a packet of 20 ms, the length browsers send."""
REORDER_S = 0.04
"""How long packets wait for one before them that is missing."""
REORDER = 3
"""How many packets wait for it at most."""
LOST_MOST = 10
"""More packets than this in a row that are missing are no loss but a new beginning."""


class Uplink:
    """Gives packets out in the order of their sequence numbers; a gap is given as its length in samples."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, tuple[float, bytes]] = {}

    def put(self, sequence: int, payload: bytes, now: float) -> Iterator[bytes | int]:
        """A packet came; gives what can be used now, an int for so many lost samples."""
        ahead = _distance(self._next, sequence) if self._next is not None else 0
        if not payload or -LOST_MOST <= ahead < 0:  # it comes too late, or twice, or is padding
            return
        if self._next is None or ahead < -LOST_MOST or ahead > LOST_MOST + REORDER:
            self._waiting.clear()
            self._next = sequence
        self._waiting[sequence] = (now, payload)
        yield from self._ready()
        if len(self._waiting) > REORDER:
            yield from self._skip()

    def expire(self, now: float) -> Iterator[bytes | int]:
        """Nothing came; gives what has waited long enough for a packet that is missing."""
        if self._waiting and now - min(came for came, _ in self._waiting.values()) >= REORDER_S:
            yield from self._skip()

    def _ready(self) -> Iterator[bytes]:
        assert self._next is not None
        while (found := self._waiting.pop(self._next, None)) is not None:
            self._next = (self._next + 1) & 0xFFFF
            yield found[1]

    def _skip(self) -> Iterator[bytes | int]:
        assert self._next is not None
        missing = min(_distance(self._next, sequence) for sequence in self._waiting)
        yield missing * PACKET
        self._next = (self._next + missing) & 0xFFFF
        yield from self._ready()


def _distance(origin: int, sequence: int) -> int:
    """How far `sequence` is after `origin`, of 16 bits each; negative before it."""
    return ((sequence - origin + 0x8000) & 0xFFFF) - 0x8000
