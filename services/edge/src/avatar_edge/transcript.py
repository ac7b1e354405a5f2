"""What has been said and heard, for workers that come later. Pure logic."""

from __future__ import annotations

from collections import deque

from avatar_contracts import Exchange, TurnText
from avatar_edge.changes import Change

EXCHANGES = 20
"""Exchanges a new worker is told of at most."""
CHARS = 40_000
"""Characters of them at most: a claim above its size cap would be refused by every worker."""
_TEXT_CHARS = 8_000
_UNHEARD_S = 0.3
"""What was heard for less of an answer to words that come again was as good as not said."""


class Transcript:
    """The newest exchanges of a call."""

    def __init__(self) -> None:
        self._kept: deque[Exchange] = deque(maxlen=EXCHANGES)

    def add(self, said: Exchange) -> None:
        """A turn is over."""
        self._kept.append(said)

    def aside(self, language: str, change: Change) -> None:
        """An answer ended whose turn had been taken back: what was heard of it was said all the same."""
        progress = change.progress
        if change.text and progress.played >= _UNHEARD_S * progress.rate:
            self._kept.append(Exchange(said="", heard=change.text[:_TEXT_CHARS], language=language, cut=True))

    def newest(self, going_on: Exchange | None) -> tuple[Exchange, ...]:
        """As many as a claim may hold, oldest first, with the one that is going on."""
        newest: deque[Exchange] = deque()
        left = CHARS
        for each in reversed((*self._kept, *((going_on,) if going_on is not None else ()))):
            left -= len(each.said) + len(each.heard)
            if left < 0:
                break
            newest.appendleft(each)
        return tuple(newest)


def exchange(event: TurnText, heard: str, *, cut: bool) -> Exchange:
    """A turn and what of its answer was heard; `cut`: the rest of it was not."""
    said = "" if event.verbatim else event.text  # a line the clone was to say is nobody's question
    return Exchange(said=said, heard=heard[:_TEXT_CHARS], language=event.language, cut=cut and bool(heard))
