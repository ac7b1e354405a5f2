"""The session's owner: devices, workers, the playout clock, what was really heard and seen."""

from avatar_edge.audio import AudioIn, AudioOut, MicBlock, load_audio
from avatar_edge.call import Call
from avatar_edge.camera import CameraOut, MemoryCamera, NullCamera
from avatar_edge.errors import (
    AudioFileError,
    AudioProcessingMissing,
    BadChoice,
    CallNotReady,
    CameraError,
    EdgeError,
    NothingProposed,
    RealMissing,
    RecordingError,
)
from avatar_edge.link import LinkStats
from avatar_edge.microphone import FileMic, NullMic, Utterance
from avatar_edge.picture import Picture
from avatar_edge.recorder import Recorder, RecorderStats
from avatar_edge.report import TurnReport
from avatar_edge.rooms import HALL_SPEAKER, LAPTOP, MEETING_ROOM, Room, RoomMic
from avatar_edge.screen import VideoStats
from avatar_edge.settings import EdgeSettings
from avatar_edge.speaker import FileOut, MemoryOut, NullOut

__all__ = [
    "HALL_SPEAKER",
    "LAPTOP",
    "MEETING_ROOM",
    "AudioFileError",
    "AudioIn",
    "AudioOut",
    "AudioProcessingMissing",
    "BadChoice",
    "Call",
    "CallNotReady",
    "CameraError",
    "CameraOut",
    "EdgeError",
    "EdgeSettings",
    "FileMic",
    "FileOut",
    "LinkStats",
    "MemoryCamera",
    "MemoryOut",
    "MicBlock",
    "NothingProposed",
    "NullCamera",
    "NullMic",
    "NullOut",
    "Picture",
    "RealMissing",
    "Recorder",
    "RecorderStats",
    "RecordingError",
    "Room",
    "RoomMic",
    "TurnReport",
    "Utterance",
    "VideoStats",
    "load_audio",
]
