"""The session: one person, their devices and the workers they hold. All written by the edge."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from avatar_contracts.base import Count, Event, Kind, Label, Language

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
    """

    language: Language = "en"
    persona: Label = ""
    user_name: Label = ""
    voice: Label = ""
    face: Label = ""
    video: VideoFormat = VideoFormat()


class WorkerLease(msgspec.Struct, frozen=True, kw_only=True):
    """Which worker of a kind serves the session now, under which epoch."""

    kind: Kind
    worker: Label
    epoch: Count


class SessionOpened(Event, frozen=True, kw_only=True, tag="session.opened"):
    """The session begins. Written by the edge after it holds its first workers."""

    config: SessionConfig


class SessionWorkers(Event, frozen=True, kw_only=True, tag="session.workers"):
    """The workers the session holds, sent at every change. A kind that is absent has no worker now."""

    workers: tuple[WorkerLease, ...]


class SessionClosed(Event, frozen=True, kw_only=True, tag="session.closed"):
    """The session ends: every worker of it frees what it holds."""

    reason: Label
