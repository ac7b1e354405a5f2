"""The replies of a session: those that may still be heard, which of them needs the voice next, and what is over."""

from __future__ import annotations

from avatar_runtime.over import Over
from avatar_tts.reply import Asked, Reply

MOST = 8
"""Replies kept at a time: one that plays, one that is drafted, and a few whose end nobody told."""


class Replies:
    """Pure: events in, the next thing to do out."""

    def __init__(self) -> None:
        self._alive: dict[int, Reply] = {}
        self._over = Over(0)
        self._over_turns = Over(-1)

    def find(self, number: int) -> Reply | None:
        """The reply, if it is known and alive."""
        return self._alive.get(number)

    def is_over(self, turn: int, number: int) -> bool:
        """Nothing of this reply may be heard any more."""
        return number in self._over or turn in self._over_turns

    def begin(self, turn: int, number: int) -> tuple[Reply, Reply | None]:
        """A new reply, and another one that had to be given up for it: the oldest that does not play."""
        given_up = None
        if len(self._alive) >= MOST:
            idle = [reply for reply in self._alive.values() if not reply.playing] or list(self._alive.values())
            given_up = min(idle, key=lambda reply: (not reply.done, reply.number))
            self.end(given_up.number)
        reply = self._alive[number] = Reply(turn, number)
        return reply, given_up

    def end(self, number: int) -> None:
        """Nothing of this reply may be heard any more, whether it is known or not."""
        self._over.add(number)
        if reply := self._alive.pop(number, None):
            reply.over = True

    def end_turn(self, turn: int) -> None:
        """The same for every reply to a turn, also those to come."""
        self._over_turns.add(turn)
        for number in [reply.number for reply in self._alive.values() if reply.turn == turn]:
            self.end(number)

    def due(self, rate: int, ahead: int) -> tuple[Reply, Asked] | None:
        """The sentence that is needed next: of the reply that plays when it starves, else of the newest that has one.

        A newer reply is the one a person will wait for, while the one that plays has sound for a while.
        """
        starving_first = sorted(self._alive.values(), key=lambda reply: (not reply.starving(rate), -reply.number))
        for reply in starving_first:
            if (asked := reply.due(rate, ahead)) is not None:
                return reply, asked
        return None

    def complete(self) -> Reply | None:
        """A reply of which every sentence is over and nobody has been told."""
        return next((reply for reply in self._alive.values() if reply.complete and not reply.done), None)

    def lost(self, now: float, patience_s: float) -> tuple[Reply | None, float | None]:
        """A reply that has waited for longer than `patience_s` for a sentence that should be here, or None.

        Then: when that will be so, if nothing comes; None when nothing is missing.
        """
        missing = [(since, reply) for reply in self._alive.values() if (since := reply.missing_since(now)) is not None]
        since, reply = min(missing, key=lambda pair: pair[0], default=(now, None))
        if reply is None:
            return None, None
        return (reply if now - since >= patience_s else None), since + patience_s
