"""Replies: what the clone answers, numbered and written by llm."""

from __future__ import annotations

from typing import Literal

from avatar_contracts.base import Count, Event, Language, Text


class LlmDelta(Event, frozen=True, kw_only=True, tag="llm.delta"):
    """A few more words of a reply, as the model gives them: for captions, never for speech. Written by llm.

    Attributes:
        turn: The turn it answers.
        reply: The generation attempt; larger than every one before.
        text: The words, with their spaces: the concatenation of all deltas is the reply.
    """

    turn: Count
    reply: Count
    text: Text


class LlmSentence(Event, frozen=True, kw_only=True, tag="llm.sentence"):
    """A piece of the reply to be spoken: first a clause, then whole sentences. Written by llm.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        sentence: Position within the reply, from 0.
        text: The words, without surrounding space.
        language: Language to speak them in.
    """

    turn: Count
    reply: Count
    sentence: Count
    text: Text
    language: Language


class LlmDone(Event, frozen=True, kw_only=True, tag="llm.done"):
    """No more sentences will come for the reply. Written by llm, also after an error; not after reply.cancelled.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        sentences: How many sentences were sent in all.
        finish: ``stop``: the model ended; ``length``: the reply was cut at its limit; ``error``: it failed.
    """

    turn: Count
    reply: Count
    sentences: Count
    finish: Literal["stop", "length", "error"] = "stop"


class ReplyCommitted(Event, frozen=True, kw_only=True, tag="reply.committed"):
    """The reply answers a finished turn: from now on it may be heard. Written by llm.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        interruptible: The person may interrupt it.
    """

    turn: Count
    reply: Count
    interruptible: bool = True


class ReplyProposed(Event, frozen=True, kw_only=True, tag="reply.proposed"):
    """In mode ``draft``: what the clone would say, waiting for `ReplyDecision`. Written by llm.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        text: All of its words.
        language: Language of the words.
    """

    turn: Count
    reply: Count
    text: Text
    language: Language


class ReplyDecision(Event, frozen=True, kw_only=True, tag="reply.decision"):
    """The owner's word on a proposed reply. Written by the edge.

    Attributes:
        reply: The reply that was proposed.
        action: ``speak`` or ``drop`` it.
        text: To be spoken in its place; empty: as it was proposed.
    """

    reply: Count
    action: Literal["speak", "drop"]
    text: Text = ""


class ReplyDeclined(Event, frozen=True, kw_only=True, tag="reply.declined"):
    """The turn is remembered and not answered. Written by llm.

    Attributes:
        turn: The turn.
        reason: ``not_addressed``: it was not for the clone; ``silent``: the clone was told never to answer;
            ``loop``: the talk went in circles.
    """

    turn: Count
    reason: Literal["not_addressed", "silent", "loop"]


class ReplyCancelled(Event, frozen=True, kw_only=True, tag="reply.cancelled"):
    """Nothing more of the reply may be made or heard. Written by llm.

    Attributes:
        turn: The turn it answered.
        reply: The reply.
        reason: ``superseded`` by a newer turn, ``cancelled`` with its turn, a ``draft`` that guessed wrong, or
            ``dropped`` by the owner.
    """

    turn: Count
    reply: Count
    reason: Literal["superseded", "cancelled", "draft", "dropped"]
