"""The exceptions of this package."""

from __future__ import annotations


class EdgeError(Exception):
    """Base of everything this package raises."""


class AudioFileError(EdgeError):
    """An audio file that cannot be read or written."""


class AudioProcessingMissing(EdgeError):
    """The library that takes echo and noise out of the microphone is not there or does not load."""


class BadChoice(EdgeError):
    """A choice for the call that does not exist; the message names those that do."""


class CallNotReady(EdgeError):
    """A call that lacks a worker or a picture; the message says which."""


class CameraError(EdgeError):
    """A virtual camera that is not there, or that another program holds; the message says what to do."""


class DeviceMissing(EdgeError):
    """A sound device that is not there; the message lists those that are near."""


class DeviceRefused(EdgeError):
    """A sound device that cannot be opened: another program holds it, or it takes no format that is known."""


class DecodeError(EdgeError):
    """An access unit that is no picture."""


class NothingProposed(EdgeError):
    """A decision on an answer when none waits for one."""


class PortAudioMissing(EdgeError):
    """The library through which sound devices are reached is not there; the message says how to get it."""


class RealMissing(EdgeError):
    """The person is to take the clone's place, and there is neither a camera nor a microphone of theirs."""


class RecordingError(EdgeError):
    """A recording that cannot be written."""


class SoundServerMissing(EdgeError):
    """No PulseAudio or PipeWire, or no program to talk to it; the message says how to get it."""
