"""Everything that can go wrong in the face service, on one page."""

from __future__ import annotations


class FaceError(Exception):
    """Base of all errors of the face service; the message says what happened, to what, and what to do."""


class PhotoError(FaceError):
    """A photo cannot become an avatar: unreadable, too small, too large, no face, several faces."""

    def __init__(self, code: str, message: str) -> None:
        """Keep a short machine-readable `code` such as "no_face" beside the sentence."""
        super().__init__(message)
        self.code = code


class SizeError(FaceError):
    """A picture of this size cannot be drawn."""


class PackError(FaceError):
    """An avatar pack is damaged, was made by another engine, or has another version."""


class CodecError(FaceError):
    """A video codec cannot be opened or refused a frame."""
