"""The session's owner: devices, workers, the playout clock, what was really heard and seen."""

from avatar_edge.audio import AudioIn, AudioOut, MicBlock, load_audio
from avatar_edge.call import Call
from avatar_edge.camera import CameraOut, MemoryCamera, NullCamera
from avatar_edge.errors import AudioFileError, CallNotReady, EdgeError, RecordingError
from avatar_edge.microphone import FileMic, NullMic, Utterance
from avatar_edge.picture import Picture
from avatar_edge.recorder import Recorder, RecorderStats
from avatar_edge.screen import VideoStats
from avatar_edge.settings import EdgeSettings
from avatar_edge.speaker import FileOut, MemoryOut, NullOut
from avatar_edge.turns import TurnReport

__all__ = [
    "AudioFileError",
    "AudioIn",
    "AudioOut",
    "Call",
    "CallNotReady",
    "CameraOut",
    "EdgeError",
    "EdgeSettings",
    "FileMic",
    "FileOut",
    "MemoryCamera",
    "MemoryOut",
    "MicBlock",
    "NullCamera",
    "NullMic",
    "NullOut",
    "Picture",
    "Recorder",
    "RecorderStats",
    "RecordingError",
    "TurnReport",
    "Utterance",
    "VideoStats",
    "load_audio",
]
