"""Requests between an edge and the workers it claims. They are asked and answered, never broadcast."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from avatar_contracts.base import Count, Kind, Label, Language, Text
from avatar_contracts.errors import MalformedEvent
from avatar_contracts.session import SessionConfig


class _Control(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t"):
    pass


class Exchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One turn and what of its answer was heard: how a new mind learns where the talk stands.

    Attributes:
        said: The person's words; empty where the answer was a line of the clone's own.
        heard: What was heard in answer.
        language: Language of the turn.
        cut: The answer was interrupted where `heard` ends.
    """

    said: Text
    heard: Text
    language: Language
    cut: bool = False


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A finished turn nobody has answered: the mind that had it was lost. Fields as in `TurnText`.

    Attributes:
        turn: The turn.
        text: What was said or typed.
        language: Language of the words.
        typed: It was typed.
        verbatim: The words are to be spoken as they are.
        interruptible: The person may interrupt the answer.
    """

    turn: Count
    text: Text
    language: Language
    typed: bool = False
    verbatim: bool = False
    interruptible: bool = True


class Claim(_Control, frozen=True, kw_only=True, tag="claim"):
    """An edge asks for a worker, on ``svc.{kind}.claim``.

    Attributes:
        session: The session.
        kind: The kind of worker wanted.
        epoch: The lease's epoch: larger than any before it for this session and kind.
        config: What the person chose.
        turn: Newest turn so far; asr numbers above it. Asr itself is told some more, since the one it replaces may
            have numbered turns that nobody saw.
        reply: Newest reply so far; llm numbers above it, and is told some more for the same reason.
        transcript: What has been said so far, oldest first.
        pending: For llm: the turn to answer first, if one waits.
    """

    session: Label
    kind: Kind
    epoch: Count
    config: SessionConfig = SessionConfig()
    turn: Count = 0
    reply: Count = 0
    transcript: tuple[Exchange, ...] = ()
    pending: Pending | None = None


class Claimed(_Control, frozen=True, kw_only=True, tag="claimed"):
    """A worker took the session. It hears the session's subjects from before this answer.

    Attributes:
        worker: The worker's id: ping and release go to ``svc.{kind}.{worker}.…``.
        lease_s: Without a ping for this long the worker frees the session.
    """

    worker: Label
    lease_s: float


class Refused(_Control, frozen=True, kw_only=True, tag="refused"):
    """A worker cannot take the session; another one may."""

    worker: Label
    reason: Label
    hint: Label = ""


class Ping(_Control, frozen=True, kw_only=True, tag="ping"):
    """The edge renews its lease, every 100 ms, on ``svc.{kind}.{worker}.ping``."""

    session: Label
    epoch: Count


class Pong(_Control, frozen=True, kw_only=True, tag="pong"):
    """The worker's answer to a ping.

    Attributes:
        holds: The worker still holds this session under this epoch.
        draining: It is leaving: claim another one when convenient.
        stalled_s: How long its engine has been busy with this session without a sign of progress.
    """

    holds: bool
    draining: bool = False
    stalled_s: float = 0.0


class Release(_Control, frozen=True, kw_only=True, tag="release"):
    """The edge gives the worker back, on ``svc.{kind}.{worker}.release``."""

    session: Label
    epoch: Count


class Ack(_Control, frozen=True, kw_only=True, tag="ack"):
    """A command or release was taken."""


Control: TypeAlias = Claim | Claimed | Refused | Ping | Pong | Release | Ack

MAX_CONTROL_BYTES = 256 * 1024
_decoder: msgspec.msgpack.Decoder[Control] = msgspec.msgpack.Decoder(Control)


def encode_control(message: Control) -> bytes:
    """The MessagePack bytes of a control message."""
    return msgspec.msgpack.encode(message)


def decode_control(data: bytes) -> Control:
    """The control message in `data`; raises `MalformedEvent` for anything else."""
    if len(data) > MAX_CONTROL_BYTES:
        raise MalformedEvent("control", f"{len(data)} bytes is above the cap of {MAX_CONTROL_BYTES}")
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise MalformedEvent("control", str(error)) from error
