"""The picture: frames from the face, and the edge's credit for them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from avatar_contracts.base import Count, Event, Rate
from avatar_contracts.session import VideoCodec


class VideoFrame(Event, frozen=True, kw_only=True, tag="video.frame"):
    """One encoded access unit. Written by face, 25 a second without end.

    Attributes:
        reply: The reply the face is speaking, 0 for the idle face.
        pts: When to show it: samples of the reply clock, or of the idle clock (at `rate`) when reply is 0.
        rate: Samples per second that `pts` counts in.
        codec: ``h264`` (Annex B, one access unit, parameter sets before each keyframe) or ``jpeg``.
        keyframe: Can be decoded without the frames before it.
        width: Pixels.
        height: Pixels.
        data: The access unit.
        last: The last frame of this reply: the mouth is shut and the idle face goes on from here.
        sent_ms: When it was sent, in milliseconds of the face's own steady clock: how long frames queue on the way is
            seen from how this and their arrival drift apart. 0: not told.
    """

    reply: Count
    pts: Count
    rate: Rate
    codec: VideoCodec
    keyframe: bool
    width: Count
    height: Count
    data: bytes
    last: bool = False
    sent_ms: Count = 0


class VideoAck(Event, frozen=True, kw_only=True, tag="video.ack"):
    """The edge has received frames up to `upto` (their seq): credit for more. Written by the edge."""

    upto: Count


class VideoKeyframe(Event, frozen=True, kw_only=True, tag="video.keyframe"):
    """The edge cannot decode what comes and needs a keyframe. Written by the edge."""


class VideoRate(Event, frozen=True, kw_only=True, tag="video.rate"):
    """What the link to the edge carries now: from the next frame on, no more than this. Written by the edge.

    A new worker is told again. Without one, the session's format and the face service's settings hold.

    Attributes:
        bitrate_bps: Bits a second of the encoded picture.
        fps: Frames a second; those left out are not rendered.
    """

    bitrate_bps: Annotated[int, msgspec.Meta(ge=50_000, le=20_000_000)]
    fps: Annotated[int, msgspec.Meta(ge=1, le=50)]
