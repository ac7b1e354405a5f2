"""Which replies may still sound: the ones known, and those that are over however late something of them comes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from avatar_edge.track import Track
from avatar_runtime.over import Over

_MOST = 8


class Replies:
    """A bounded number of tracks by reply.

    That one reply is over says nothing of another; only that one has begun to sound ends those numbered before it.

    Attributes:
        newest: The newest reply that has begun to sound.
    """

    def __init__(self, device_rate: int) -> None:
        self.newest = 0
        self._device_rate = device_rate
        self._tracks: dict[int, Track] = {}
        self._over = Over(0)
        self._turns_over = Over(-1)

    def __len__(self) -> int:
        return len(self._tracks)

    def get(self, reply: int) -> Track | None:
        """A known track."""
        return self._tracks.get(reply)

    def over(self, turn: int, reply: int) -> bool:
        """The reply is over, or any reply to its turn, or a newer one has begun to sound."""
        return reply in self._over or reply < self.newest or turn in self._turns_over

    def admit(self, turn: int, reply: int) -> Track:
        """The track of a reply, made when it is new; the caller has seen to it that there is room."""
        if reply not in self._tracks:
            self._tracks[reply] = Track(turn, reply, self._device_rate)
        return self._tracks[reply]

    @property
    def full(self) -> bool:
        """Another one finds no room."""
        return len(self._tracks) >= _MOST

    def in_order(self) -> list[Track]:
        """Every track, by number."""
        return [self._tracks[reply] for reply in sorted(self._tracks)]

    def of(self, turn: int) -> list[Track]:
        """The replies to a turn."""
        return [track for track in self.in_order() if track.turn == turn]

    def before(self, reply: int) -> list[Track]:
        """Those numbered lower than `reply`."""
        return [track for track in self.in_order() if track.reply < reply]

    def end(self, reply: int) -> None:
        """Nothing of the reply will sound any more."""
        self._tracks.pop(reply, None)
        self._over.add(reply)

    def end_turn(self, turn: int) -> None:
        """No reply to the turn will begin any more."""
        self._turns_over.add(turn)


def oldest(tracks: Iterable[Track]) -> Track | None:
    """The one to give up first: the oldest nobody has committed, then the oldest."""
    return min(tracks, key=lambda track: (track.committed_at is not None, track.reply), default=None)
