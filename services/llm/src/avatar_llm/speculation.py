"""The guess: a reply to what the person seems to have said, made while they may still go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from avatar_llm import words
from avatar_llm.engines.base import Message
from avatar_llm.reply import Reply, Turn
from avatar_runtime import metrics
from avatar_runtime.session import Session

LIFE_S = 10.0
"""A draft whose turn has not come by then has no ears any more that could send it."""

_outcomes = metrics.counter("avatar_speculation_total", "Replies begun on a draft, by what became of them", ["outcome"])
_wasted = metrics.counter("avatar_speculation_wasted_characters_total", "Characters of replies nobody asked for")


class Speculation:
    """Holds the one guess of a session and counts what becomes of guesses.

    Attributes:
        guess: The uncommitted reply; None when there is none.
    """

    def __init__(self, session: Session, expired: Callable[[Reply], Awaitable[None]]) -> None:
        """`expired(guess)` is called for one that nothing came of."""
        self.guess: Reply | None = None
        self._session = session
        self._expired = expired
        self._revision = 0
        self._timer: asyncio.Task[None] | None = None

    def late(self, turn: int, revision: int) -> bool:
        """A newer draft is already known than `revision` of `turn`."""
        return self.guess is not None and (turn, revision) < (self.guess.turn.number, self._revision)

    def fits(self, turn: Turn, asked: Sequence[Message]) -> bool:
        """Whether the guess is what `turn` would be answered with.

        `asked` is what the engine would be asked now for the words the guess was made from: the talk may have
        changed since, such as by more words of the reply before that were heard.
        """
        guess = self.guess
        return (
            guess is not None
            and guess.turn.number == turn.number
            and guess.turn.language == turn.language
            and words.key(guess.turn.text) == words.key(turn.text)
            and list(guess.asked) == list(asked)
        )

    def hold(self, guess: Reply, revision: int) -> None:
        """`guess` is the guess, as of draft `revision`, for `LIFE_S` from now."""
        self._stop_timer()
        self.guess = guess
        self._revision = revision
        self._timer = self._session.spawn(self._expire(guess), f"guess {guess.number}")

    def take(self, outcome: Literal["committed", "wrong", "dropped"]) -> Reply | None:
        """Lets go of the guess, which has ended so; None when there was none."""
        guess, self.guess = self.guess, None
        if guess is not None:
            self._stop_timer()
            _outcomes.labels(outcome).inc()
            if outcome != "committed":
                _wasted.inc(len(guess.text))
        return guess

    async def _expire(self, guess: Reply) -> None:
        await asyncio.sleep(LIFE_S)
        self._timer = None  # it must not end itself
        await self._expired(guess)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
