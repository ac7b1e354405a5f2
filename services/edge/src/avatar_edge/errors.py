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


class DecodeError(EdgeError):
    """An access unit that is no picture."""


class NothingProposed(EdgeError):
    """A decision on an answer when none waits for one."""


class RecordingError(EdgeError):
    """A recording that cannot be written."""
