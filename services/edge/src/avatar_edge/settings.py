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
        width: Width of the picture asked of the face, in pixels.
        height: Its height in pixels.
        fps: Pictures a second handed to the camera.
        codec: Codec of the picture on the bus.
        bitrate_bps: Bitrate of the picture; 0: as the face service is set.
        frame_wait_s: How long a reply that could sound waits for its first picture.
        video_bus: URL of the bus for the picture, empty: that of the sound. Beside ears of its own an edge has the
            sound from a bus on its machine, and the picture straight from the one elsewhere.
        starve_s: A reply that has run dry for this long is given up.
        answer_timeout_s: A turn without an answer for this long is reported as failed.
        claim_timeout_s: How long a worker has to answer a claim.
        ping_s: Time between two pings of a worker.
        hang_s: A worker that has answered no ping for this long is replaced.
        stall_s: A worker whose engine has made no progress for this long is replaced.
        face_gap_s: A face that has sent no frame for this long is replaced.
        face_first_s: The same from the claim to its first frame.
        drain_wait_s: A leaving worker is replaced after this long even while a reply is awaited or played.
        mic: The person's own microphone: ``default``, ``none``, ``[HOST API:]PART OF A NAME`` in any case, or
            ``file:PATH``, an audio file that is played once the call is ready.
        mic_noise_dbfs: Level of faint noise of the file microphone; 0: true silence.
        meeting: Where the meeting is heard: ``auto`` for the loopback this system has, ``none``, or a name as above.
        ears: What the clone listens to in a conversation: ``mic``, ``meeting``, ``both``, or ``auto``: the
            microphone until the meeting makes a sound, then the meeting. In ``repeat`` mode always the microphone.
        speaker: Where its voice goes: ``auto`` for the virtual microphone this system has, ``default``, ``none``, a
            name as above, or ``file:PATH``, a WAV file that is written.
        monitor: Where its voice sounds as well, for the person to hear: ``none``, ``default``, or a name as above.
        aec: Echo cancellation: ``auto`` where the microphone can hear the loudspeaker, which files cannot, ``on``
            or ``off``.
        noise_suppression: Suppress steady noise of the microphone; 6 ms later, and no better recognised.
        high_pass: Remove what lies below speech from the microphone; cancelling echo includes it.
        camera: Virtual camera the picture goes to: ``auto`` for the one this system has, ``none``, or BACKEND or
            BACKEND:DEVICE, such as ``v4l2loopback:/dev/video10``, ``obs`` or ``unitycapture``.
        camera_width: Width of the virtual camera in pixels; it is opened once with it.
        camera_height: Height of the virtual camera in pixels.
        webcam: The person's own camera, to be shown in place of the clone: its number, or a path; empty: none.
        real_after_s: The person's own face and voice take over once the bus has been away for so long; 0: never.
        panel: Port of the panel, the page on this machine that shows the call and steers it; 0: none.
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
    video_bus: str = ""
    starve_s: _Seconds = 1.5
    answer_timeout_s: _Seconds = 15.0
    claim_timeout_s: _Seconds = 1.0
    ping_s: _Seconds = 0.1
    hang_s: _Seconds = 1.0
    stall_s: _Seconds = 3.0
    face_gap_s: _Seconds = 1.0
    face_first_s: _Seconds = 5.0
    drain_wait_s: _Seconds = 3.0
    mic: str = "default"
    mic_noise_dbfs: Annotated[float, msgspec.Meta(ge=-120, le=0)] = 0.0
    meeting: str = "auto"
    ears: Literal["auto", "mic", "meeting", "both"] = "auto"
    speaker: str = "auto"
    monitor: str = "none"
    aec: Literal["auto", "on", "off"] = "auto"
    noise_suppression: bool = False
    high_pass: bool = False
    camera: str = "auto"
    camera_width: _Width = 1280
    camera_height: _Height = 720
    webcam: str = ""
    real_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    panel: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8484
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
