"""Typed events and subjects every Avatar service speaks.

An event is a frozen MessagePack struct whose tag is the tail of the subject it travels on:
``TtsChunk`` (tag ``tts.chunk``) of session ``k3v9…`` travels on ``av.k3v9….tts.chunk``.
`registry` lists every event with its owner, lane and size cap; `codec` turns events into bytes and back.
"""

from avatar_contracts.base import Event, Kind
from avatar_contracts.codec import decode, encode
from avatar_contracts.control import (
    Ack,
    Claim,
    Claimed,
    Exchange,
    Pending,
    Ping,
    Pong,
    Refused,
    Release,
    decode_control,
    encode_control,
)
from avatar_contracts.errors import (
    ContractError,
    ErrorRaised,
    InvalidId,
    MalformedEvent,
    PayloadTooLarge,
    UnknownEvent,
)
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
from avatar_contracts.registry import Lane, Spec, spec_of, specs
from avatar_contracts.session import (
    SessionClosed,
    SessionConfig,
    SessionConfigured,
    SessionOpened,
    SessionReal,
    SessionWorkers,
    VideoFormat,
    WorkerLease,
)
from avatar_contracts.speech import AsrPartial, MicFrame, SpeechOverlap, SpeechStarted, SpeechStopped
from avatar_contracts.tts import TtsChunk, TtsDone, Viseme, Word
from avatar_contracts.turn import TurnCancel, TurnDraft, TurnStop, TurnText, TurnTyped
from avatar_contracts.video import VideoAck, VideoFrame, VideoKeyframe, VideoRate

__all__ = [
    "Ack",
    "AsrPartial",
    "Claim",
    "Claimed",
    "ContractError",
    "ErrorRaised",
    "Event",
    "Exchange",
    "InvalidId",
    "Kind",
    "Lane",
    "LlmDelta",
    "LlmDone",
    "LlmSentence",
    "MalformedEvent",
    "MicFrame",
    "PayloadTooLarge",
    "Pending",
    "Ping",
    "PlaybackProgress",
    "Pong",
    "Refused",
    "Release",
    "ReplyCancelled",
    "ReplyCommitted",
    "ReplyDecision",
    "ReplyDeclined",
    "ReplyProposed",
    "SessionClosed",
    "SessionConfig",
    "SessionConfigured",
    "SessionOpened",
    "SessionReal",
    "SessionWorkers",
    "Spec",
    "SpeechOverlap",
    "SpeechStarted",
    "SpeechStopped",
    "TtsChunk",
    "TtsDone",
    "TurnCancel",
    "TurnDraft",
    "TurnStop",
    "TurnText",
    "TurnTyped",
    "UnknownEvent",
    "VideoAck",
    "VideoFormat",
    "VideoFrame",
    "VideoKeyframe",
    "VideoRate",
    "Viseme",
    "Word",
    "WorkerLease",
    "decode",
    "decode_control",
    "encode",
    "encode_control",
    "spec_of",
    "specs",
]
