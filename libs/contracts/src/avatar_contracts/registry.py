"""The one table of events: tag → struct, owner, lane and size cap."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from avatar_contracts.base import Event, Kind
from avatar_contracts.errors import ErrorRaised, UnknownEvent
from avatar_contracts.llm import (
    LlmDelta,
    LlmDone,
    LlmSentence,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDecision,
    ReplyDeclined,
    ReplyProposed,
)
from avatar_contracts.playback import PlaybackProgress
from avatar_contracts.session import SessionClosed, SessionConfigured, SessionOpened, SessionReal, SessionWorkers
from avatar_contracts.speech import AsrPartial, MicFrame, SpeechOverlap, SpeechStarted, SpeechStopped
from avatar_contracts.tts import TtsChunk, TtsDone
from avatar_contracts.turn import TurnCancel, TurnDraft, TurnStop, TurnText, TurnTyped
from avatar_contracts.video import VideoAck, VideoFrame, VideoKeyframe, VideoRate

TEXT_CAP = 36 * 1024
"""8,000 characters of any script, 4 bytes each at most, and what surrounds them."""
AUDIO_CAP = 64 * 1024
FRAME_CAP = 512 * 1024


class Lane(enum.Enum):
    """How a consumer queues an event type.

    CONTROL is never dropped; ORDERED is bounded and drops its oldest; LATEST keeps only the newest.
    """

    CONTROL = "control"
    ORDERED = "ordered"
    LATEST = "latest"


@dataclass(frozen=True)
class Spec:
    """What the bus must know of an event type.

    Attributes:
        tag: Tail of its subject.
        event: The struct.
        owners: The kinds that may publish it.
        lane: How consumers queue it.
        cap_bytes: Largest encoded size.
        media: Sent at most once, dropped rather than delayed, without trace headers after a stream's first.
    """

    tag: str
    event: type[Event]
    owners: tuple[Kind, ...]
    lane: Lane
    cap_bytes: int
    media: bool


def tag_of(event: type[Event]) -> str:
    """The tag an event type carries on the wire."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def _table(*rows: tuple[type[Event], tuple[Kind, ...], Lane, int, bool]) -> dict[str, Spec]:
    return {
        tag_of(event): Spec(tag_of(event), event, owners, lane, cap, media) for event, owners, lane, cap, media in rows
    }


_CONTROL, _ORDERED, _LATEST = Lane.CONTROL, Lane.ORDERED, Lane.LATEST
_ALL: tuple[Kind, ...] = ("asr", "llm", "tts", "face", "edge")

_SPECS = MappingProxyType(
    _table(
        (SessionOpened, ("edge",), _CONTROL, TEXT_CAP, False),
        (SessionConfigured, ("edge",), _CONTROL, TEXT_CAP, False),
        (SessionReal, ("edge",), _CONTROL, TEXT_CAP, False),
        (SessionWorkers, ("edge",), _CONTROL, TEXT_CAP, False),
        (SessionClosed, ("edge",), _CONTROL, TEXT_CAP, False),
        (MicFrame, ("edge",), _ORDERED, AUDIO_CAP, True),
        (SpeechStarted, ("asr",), _CONTROL, TEXT_CAP, False),
        (SpeechStopped, ("asr",), _CONTROL, TEXT_CAP, False),
        (SpeechOverlap, ("asr",), _CONTROL, TEXT_CAP, False),
        (AsrPartial, ("asr",), _LATEST, TEXT_CAP, False),
        (TurnDraft, ("asr",), _CONTROL, TEXT_CAP, False),
        (TurnText, ("asr",), _CONTROL, TEXT_CAP, False),
        (TurnCancel, ("asr",), _CONTROL, TEXT_CAP, False),
        (TurnTyped, ("edge",), _CONTROL, TEXT_CAP, False),
        (TurnStop, ("edge",), _CONTROL, TEXT_CAP, False),
        (LlmDelta, ("llm",), _ORDERED, TEXT_CAP, False),
        (LlmSentence, ("llm",), _CONTROL, TEXT_CAP, False),
        (LlmDone, ("llm",), _CONTROL, TEXT_CAP, False),
        (ReplyCommitted, ("llm",), _CONTROL, TEXT_CAP, False),
        (ReplyCancelled, ("llm",), _CONTROL, TEXT_CAP, False),
        (ReplyProposed, ("llm",), _CONTROL, TEXT_CAP, False),
        (ReplyDecision, ("edge",), _CONTROL, TEXT_CAP, False),
        (ReplyDeclined, ("llm",), _CONTROL, TEXT_CAP, False),
        (TtsChunk, ("tts",), _ORDERED, AUDIO_CAP, True),
        (TtsDone, ("tts",), _CONTROL, TEXT_CAP, False),
        (VideoFrame, ("face",), _ORDERED, FRAME_CAP, True),
        (VideoAck, ("edge",), _LATEST, TEXT_CAP, False),
        (VideoKeyframe, ("edge",), _LATEST, TEXT_CAP, False),
        (VideoRate, ("edge",), _LATEST, TEXT_CAP, False),
        (PlaybackProgress, ("edge",), _CONTROL, TEXT_CAP, False),
        (ErrorRaised, _ALL, _CONTROL, TEXT_CAP, False),
    )
)


def specs() -> Iterable[Spec]:
    """Every event type, in the order of the table."""
    return _SPECS.values()


def spec_of(event: Event | type[Event] | str) -> Spec:
    """The spec of an event, an event type or a tag; raises `UnknownEvent`."""
    if isinstance(event, str):
        tag = event
    else:
        tag = tag_of(event if isinstance(event, type) else type(event))
    try:
        return _SPECS[tag]
    except KeyError:
        raise UnknownEvent(tag) from None
