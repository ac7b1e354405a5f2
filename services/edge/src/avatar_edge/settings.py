"""Settings of the edge."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from avatar_contracts import SessionConfig, VideoFormat
from avatar_contracts.base import Label, Language
from avatar_contracts.session import Mode, Patience, Respond, VideoCodec
from avatar_runtime.settings import ServiceSettings

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
_Width = Annotated[int, msgspec.Meta(ge=64, le=3840, multiple_of=2)]
_Height = Annotated[int, msgspec.Meta(ge=64, le=2160, multiple_of=2)]


class EdgeSettings(ServiceSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What the edge can be told.

    Attributes:
        language: Language of a turn whose own cannot be told.
        persona: Name of the persona; empty: the mind's default. The same holds for `voice` and `face`.
        user_name: How the clone addresses the person.
        voice: Name of the voice.
        face: Name of the avatar pack.
        mode: What the clone does with the person's words: ``converse``, ``repeat``, ``draft`` or ``typed``.
        respond: Which turns it answers: ``always``, ``addressed`` or ``never``.
        patience: How soon it takes a turn: ``eager``, ``balanced`` or ``patient``.
        speculate: It may think about a turn before that is surely over.
        disclosure: A line it says first, which cannot be interrupted; empty: none.
        width: Width of the picture in pixels; the camera is opened once with it.
        height: Height of the picture in pixels.
        fps: Pictures a second handed to the camera.
        codec: Codec of the picture on the bus.
        bitrate_bps: Bitrate of the picture; 0: as the face service is set.
        frame_wait_s: How long a reply that could sound waits for its first picture.
        starve_s: A reply that has run dry for this long is given up.
        answer_timeout_s: A turn without an answer for this long is reported as failed.
        claim_timeout_s: How long a worker has to answer a claim.
        ping_s: Time between two pings of a worker.
        hang_s: A worker that has answered no ping for this long is replaced.
        stall_s: A worker whose engine has made no progress for this long is replaced.
        face_gap_s: A face that has sent no frame for this long is replaced.
        face_first_s: The same from the claim to its first frame.
        drain_wait_s: A leaving worker is replaced after this long even while a reply is awaited or played.
        mic: Audio file the microphone plays once the call is ready; empty: silence.
        mic_noise_dbfs: Level of faint noise of the file microphone; 0: true silence.
        speaker: WAV file the clone's voice is written to; empty: none.
        aec: Echo cancellation: ``auto`` where the microphone can hear the loudspeaker, which files cannot, ``on``
            or ``off``.
        noise_suppression: Suppress steady noise of the microphone; 6 ms later, and no better recognised.
        high_pass: Remove what lies below speech from the microphone; cancelling echo includes it.
        record: MP4 file the call is recorded to; empty: none.
    """

    language: Language = "en"
    persona: Label = ""
    user_name: Label = ""
    voice: Label = ""
    face: Label = ""
    mode: Mode = "converse"
    respond: Respond = "always"
    patience: Patience = "balanced"
    speculate: bool = True
    disclosure: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    width: _Width = 512
    height: _Height = 512
    fps: Annotated[int, msgspec.Meta(ge=5, le=50)] = 25
    codec: VideoCodec = "h264"
    bitrate_bps: Annotated[int, msgspec.Meta(ge=0, le=20_000_000)] = 0
    frame_wait_s: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.02
    starve_s: _Seconds = 1.5
    answer_timeout_s: _Seconds = 15.0
    claim_timeout_s: _Seconds = 1.0
    ping_s: _Seconds = 0.1
    hang_s: _Seconds = 1.0
    stall_s: _Seconds = 3.0
    face_gap_s: _Seconds = 1.0
    face_first_s: _Seconds = 5.0
    drain_wait_s: _Seconds = 3.0
    mic: str = ""
    mic_noise_dbfs: Annotated[float, msgspec.Meta(ge=-120, le=0)] = 0.0
    speaker: str = ""
    aec: Literal["auto", "on", "off"] = "auto"
    noise_suppression: bool = False
    high_pass: bool = False
    record: str = ""

    def session_config(self) -> SessionConfig:
        """What the workers are told about this call."""
        video = VideoFormat(width=self.width, height=self.height, bitrate_bps=self.bitrate_bps, codec=self.codec)
        return SessionConfig(
            language=self.language,
            persona=self.persona,
            user_name=self.user_name,
            voice=self.voice,
            face=self.face,
            video=video,
            mode=self.mode,
            respond=self.respond,
            patience=self.patience,
            speculate=self.speculate,
        )
