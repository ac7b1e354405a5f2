"""What every event has in common, and the field types events are made of."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["asr", "llm", "tts", "face", "edge"]
"""The five services. Which of them may publish an event, the registry says: one, but for ``error.raised``."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""A number that never runs backwards: turns, replies, sentences, samples."""

Rate: TypeAlias = Annotated[int, msgspec.Meta(ge=8_000, le=48_000)]
"""Samples per second of a PCM stream."""

Language: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}$")]
"""ISO 639 code in lower case: ``en``, ``uk``."""

Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=8_000)]
"""Words a person wrote or said; the codec's byte cap bounds it as well."""

Label: TypeAlias = Annotated[str, msgspec.Meta(max_length=120)]
"""A short machine-chosen name: a voice, an error code, a worker."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t"):
    """One thing that happened in one session.

    The session stamps both fields when it publishes; services never set them.

    Attributes:
        epoch: The lease of the worker that made it. A consumer drops events of a lease older than the newest
            it has accepted from that kind of worker.
        seq: Position in the stream of this tag within the lease, from 1.
    """

    epoch: Count = 0
    seq: Count = 0
