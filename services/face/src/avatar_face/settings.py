"""What the face service can be told."""

from __future__ import annotations

from typing import Annotated

import msgspec

from avatar_contracts.session import VideoCodec
from avatar_runtime.settings import ServiceSettings

Side = Annotated[int, msgspec.Meta(ge=128, le=2160, multiple_of=2)]


class FaceSettings(ServiceSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Settings of the face.

    Attributes:
        engine: Name of the engine.
        avatar: Path of the photo to animate; empty: the drawn portrait.
        photos: Folder of the photos that a session may ask for by name.
        width: Pixels of the picture where the edge does not ask for others; even.
        height: Pixels of the picture where the edge does not ask for others; even.
        fps: Frames per second.
        codec: How frames travel; an edge that asks for JPEG gets it.
        bitrate_bps: Bit rate of H.264 where the edge does not ask for another.
        jpeg_quality: Quality of JPEG, 1 to 100.
        seed: Seed of blinks and glances; 0: another one for every session.
    """

    engine: str = "warp"
    avatar: str = ""
    photos: str = "photos"
    width: Side = 512
    height: Side = 512
    fps: Annotated[int, msgspec.Meta(ge=20, le=60)] = 25
    codec: VideoCodec = "h264"
    bitrate_bps: Annotated[int, msgspec.Meta(ge=100_000, le=20_000_000)] = 1_500_000
    jpeg_quality: Annotated[int, msgspec.Meta(ge=1, le=100)] = 85
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
