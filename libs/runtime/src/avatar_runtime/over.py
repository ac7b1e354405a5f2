"""What is over and must never come back."""

from __future__ import annotations

REMEMBERED = 256


class Over:
    """Numbers of replies or turns that are over. One being over says nothing about its neighbours.

    The greatest `REMEMBERED` are known one by one; everything up to the greatest one forgotten counts as over.
    """

    def __init__(self, floor: int) -> None:
        """Everything up to `floor` is over from the beginning."""
        self._floor = floor
        self._numbers: set[int] = set()

    def add(self, number: int) -> None:
        """It is over, for ever."""
        self._numbers.add(number)
        if len(self._numbers) > REMEMBERED:
            oldest = min(self._numbers)
            self._numbers.remove(oldest)
            self._floor = max(self._floor, oldest)

    def __contains__(self, number: int) -> bool:
        return number <= self._floor or number in self._numbers
