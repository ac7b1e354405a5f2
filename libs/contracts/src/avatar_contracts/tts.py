"""The voice: sound of a reply with the mouth shapes and words that go with it, written by tts."""

from __future__ import annotations

from typing import Literal

import msgspec

from avatar_contracts.base import Count, Event, Rate

VisemeName = Literal["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou"]
"""The fifteen mouth shapes of the Oculus (OVR) lip-sync set, the field's common vocabulary."""


class Viseme(msgspec.Struct, frozen=True, array_like=True):
    """A mouth shape held from `start` until the next viseme's start (samples of the reply clock)."""

    start: Count
    name: VisemeName


class Word(msgspec.Struct, frozen=True, array_like=True):
    """When a word sounds: samples `start` to `end` of the reply clock.

    `chars` is the offset in the text of its llm.sentence just after the word, so that the text up to
    there has been heard once `end` has been played.
    """

    start: Count
    end: Count
    chars: Count


class TtsChunk(Event, frozen=True, kw_only=True, tag="tts.chunk"):
    """A piece of the reply's sound. Written by tts; chunks of one reply are contiguous.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        sentence: The llm.sentence it speaks.
        rate: Samples per second, the same for the whole reply.
        start: Offset of the first sample since the reply began (the reply clock).
        pcm: Signed 16-bit little-endian mono samples.
        visemes: Mouth shapes that begin within this chunk; empty when the voice gives none.
        words: Words that begin within this chunk; empty when the voice gives none.
        last: This chunk ends its sentence.
    """

    turn: Count
    reply: Count
    sentence: Count
    rate: Rate
    start: Count
    pcm: bytes
    visemes: tuple[Viseme, ...] = ()
    words: tuple[Word, ...] = ()
    last: bool = False


class TtsDone(Event, frozen=True, kw_only=True, tag="tts.done"):
    """The whole reply has been spoken into chunks. Written by tts.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        samples: Length of the reply in samples; 0 when nothing of it could be spoken.
    """

    turn: Count
    reply: Count
    samples: Count
