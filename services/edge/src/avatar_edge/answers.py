"""What is known of replies, before and after they become the answer to a turn. Pure logic."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from avatar_edge.latency import Marks

_KEPT = 64

Mark = Literal["first_token", "first_sentence", "first_chunk", "first_frame"]


@dataclass
class Answer:
    """A reply: edge clock of its firsts, None for what has not come; its words.

    `written`: all of them are there; `given_up`: the mind took it back.
    """

    first_token: float | None = None
    first_sentence: float | None = None
    first_chunk: float | None = None
    first_frame: float | None = None
    written: bool = False
    given_up: bool = False
    sentences: dict[int, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of its words so far."""
        return " ".join(self.sentences[number] for number in sorted(self.sentences))


class Answers:
    """The newest replies.

    Attributes:
        newest: The newest number seen.
    """

    def __init__(self) -> None:
        self.newest = 0
        self._known: OrderedDict[int, Answer] = OrderedDict()

    def get(self, reply: int) -> Answer | None:
        """What is known of a reply, None when nothing is."""
        return self._known.get(reply)

    def of(self, reply: int) -> Answer:
        """The same, kept from now on."""
        self.newest = max(self.newest, reply)
        known = self._known.setdefault(reply, Answer())
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return known

    def mark(self, reply: int, what: Mark, now: float) -> None:
        """The first `what` of a reply came; later ones change nothing."""
        known = self.of(reply)
        if getattr(known, what) is None:
            setattr(known, what, now)

    def fill(self, reply: int, marks: Marks) -> None:
        """Copy a reply's firsts to the marks of the turn it answers."""
        if (known := self._known.get(reply)) is not None:
            marks.first_token, marks.first_sentence = known.first_token, known.first_sentence
            marks.first_chunk, marks.first_frame = known.first_chunk, known.first_frame

    def written(self) -> set[int]:
        """Replies written in full: their voice can do without the mind."""
        return {reply for reply, known in self._known.items() if known.written}
