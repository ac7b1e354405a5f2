"""One reply: an attempt to answer a turn, from its first thought to its last word heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from avatar_contracts import Pending, TurnDraft, TurnText
from avatar_llm import words
from avatar_llm.engines.base import Message
from avatar_llm.history import Spoken

_MIC_RATE = 16_000


@dataclass(frozen=True)
class Turn:
    """What the mind is to react to.

    Attributes:
        number: The turn.
        text: The person's words, cleaned.
        language: ISO 639 code of the words.
        verbatim: They are to be spoken as they are.
        typed: They were typed, so they are meant for the clone.
        interruptible: The person may interrupt the answer.
        duration_s: How long the person spoke.
    """

    number: int
    text: str
    language: str
    verbatim: bool = False
    typed: bool = False
    interruptible: bool = True
    duration_s: float = 0.0

    @classmethod
    def of(cls, event: TurnDraft | TurnText | Pending, limit: int) -> Turn:
        """The turn `event` brings, with at most `limit` characters of its words."""
        turn = cls(event.turn, words.clean(event.text, limit), event.language)
        if isinstance(event, Pending):
            return replace(turn, verbatim=event.verbatim, typed=event.typed, interruptible=event.interruptible)
        if isinstance(event, TurnText):
            return replace(
                turn,
                verbatim=event.verbatim,
                typed=event.end_reason == "typed",
                interruptible=event.interruptible,
                duration_s=max(0, event.speech_end - event.speech_start) / _MIC_RATE,
            )
        return turn


@dataclass(eq=False)
class Reply:
    """One generation attempt.

    Attributes:
        number: Larger than every one before.
        turn: The turn it answers; of a reply on a guess, what that would be.
        language: ISO 639 code it is spoken in.
        asked: What the engine is asked; empty where none is.
        proposal: Its owner decides on the whole text before anything of it is spoken.
        began_s: When it was begun, on the clock of the event loop.
        spoken: Its sentences and how far they were heard.
        text: All of its words so far.
        committed: It answers a finished turn and may be heard; until then its generation waits at a few sentences.
        proposed: Its text was shown to the owner.
        cancelled: Nothing more of it may be made.
        made: There is nothing more to come of it.
        played_out: The edge has finished or stopped playing it.
        sign_s: When something was last made or heard of it.
        over: Nothing of it can be made or heard any more.
        task: What makes it.
    """

    number: int
    turn: Turn
    language: str
    asked: Sequence[Message] = ()
    proposal: bool = False
    began_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    spoken: Spoken = field(default_factory=Spoken)
    text: str = ""
    committed: asyncio.Event = field(default_factory=asyncio.Event)
    proposed: bool = False
    cancelled: bool = False
    made: bool = False
    played_out: bool = False
    sign_s: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.sign_s = self.began_s

    @property
    def alive(self) -> bool:
        """It is being made, or may still be heard."""
        return not self.over.is_set()

    @property
    def undecided(self) -> bool:
        """It was proposed, and its owner has not decided."""
        return self.proposed and not self.cancelled and not self.committed.is_set()

    def settle(self) -> None:
        """Notices that it is over; called after each change that may have ended it."""
        self.sign_s = asyncio.get_running_loop().time()
        if self.cancelled or (self.made and (self.played_out or not self.spoken.sentences)):
            self.over.set()
