"""The exceptions of this package."""

from __future__ import annotations


class EdgeError(Exception):
    """Base of everything this package raises."""


class AudioFileError(EdgeError):
    """An audio file that cannot be read or written."""


class CallNotReady(EdgeError):
    """A call that lacks a worker or a picture; the message says which."""


class DecodeError(EdgeError):
    """An access unit that is no picture."""


class RecordingError(EdgeError):
    """A recording that cannot be written."""
