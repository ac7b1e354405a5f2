"""The session: one person, their devices and the workers they hold. All written by the edge."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from avatar_contracts.base import Count, Event, Kind, Label, Language

Mode = Literal["converse", "repeat", "draft", "typed"]
"""What the clone does with the person's words: answers them; speaks them itself; shows its answer and waits for
approval; or listens to typed lines only. Typed lines are taken in every mode."""

Respond = Literal["always", "addressed", "never"]
"""Which turns the clone answers: all, those that name it or follow a turn of its own as a question, or none."""

Patience = Literal["eager", "balanced", "patient"]
"""How long a silence must be before the clone takes the turn, and how soon it yields."""

VideoCodec = Literal["h264", "jpeg"]
"""How frames are encoded: H.264 access units (Annex B), or JPEG pictures."""


class VideoFormat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The picture the edge wants. Zero means: as the face service is set."""

    width: Annotated[int, msgspec.Meta(ge=0, le=3840)] = 0
    height: Annotated[int, msgspec.Meta(ge=0, le=2160)] = 0
    bitrate_bps: Annotated[int, msgspec.Meta(ge=0, le=20_000_000)] = 0
    codec: VideoCodec = "h264"


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the person chose for this call. Empty names mean: the default of the service that uses it.

    Attributes:
        language: Language of a turn whose own cannot be told.
        persona: Name of the persona the mind plays.
        user_name: How the clone addresses the person it talks with.
        voice: Name of the voice.
        face: Name of the avatar pack.
        video: The picture wanted from the face.
        mode: What the clone does with the person's words.
        respond: Which turns it answers.
        patience: How soon it takes a turn.
        speculate: It may think about a turn before that is surely over; what it thought in vain costs work only.
    """

    language: Language = "en"
    persona: Label = ""
    user_name: Label = ""
    voice: Label = ""
    face: Label = ""
    video: VideoFormat = VideoFormat()
    mode: Mode = "converse"
    respond: Respond = "always"
    patience: Patience = "balanced"
    speculate: bool = True


class WorkerLease(msgspec.Struct, frozen=True, kw_only=True):
    """Which worker of a kind serves the session now, under which epoch."""

    kind: Kind
    worker: Label
    epoch: Count


class SessionOpened(Event, frozen=True, kw_only=True, tag="session.opened"):
    """The session begins. Written by the edge after it holds its first workers."""

    config: SessionConfig


class SessionConfigured(Event, frozen=True, kw_only=True, tag="session.config"):
    """The person chose otherwise during the call: from now on `config` holds. Written by the edge.

    Mode, respond, patience and speculate change at once; the rest is for workers claimed from now on.
    """

    config: SessionConfig


class SessionReal(Event, frozen=True, kw_only=True, tag="session.real"):
    """The person takes the virtual camera and microphone over with their own face and voice, or gives them back.

    A command that the edge of the session obeys, from a key, a button or a program of the person's.

    Attributes:
        on: Real face and voice from now on; False: the clone's.
    """

    on: bool


class SessionWorkers(Event, frozen=True, kw_only=True, tag="session.workers"):
    """The workers the session holds, sent at every change. A kind that is absent has no worker now."""

    workers: tuple[WorkerLease, ...]


class SessionClosed(Event, frozen=True, kw_only=True, tag="session.closed"):
    """The session ends: every worker of it frees what it holds."""

    reason: Label
