"""The mark after an answer that was cut short: for the engine's eyes, never for anybody's ears."""

import re

MARK = "[interrupted]"

EXPLANATION = (
    f"An answer of yours that ends with {MARK} was cut off: the person heard the words before the mark and nothing"
    " after them. Do not say those words again, do not speak as if you had said the rest, and go on from there only"
    f" when asked to. Never write {MARK} yourself."
)
"""What the engine is told about it, as a part of the system prompt."""

_NAME = "interrupted"
_OPENED = r"(?:\[\s*)+"
_WHOLE = re.compile(rf"{_OPENED}{_NAME}\s*\]", re.IGNORECASE)
_BEGUN = re.compile(rf"{_OPENED}(?P<name>[a-z]*)(?P<space>\s*)\Z", re.IGNORECASE)
_CLOSING = re.compile(r"\A[\s\]]+")
_LONGEST = 64
"""Characters that are held back at most: nobody writes so much space into a mark."""


class MarkFilter:
    """Takes the mark out of streamed text, however the stream was split. Pure: no clock, no I/O.

    What might become a mark is held back until that is certain.
    """

    def __init__(self) -> None:
        self._held = ""
        self._last = " "  # the last character given out
        self._after_mark = False

    def push(self, text: str) -> str:
        """Adds `text`; returns what may be shown by now."""
        self._held += text
        shown = ""
        while True:
            if self._after_mark:
                self._held = _CLOSING.sub("", self._held)
                self._after_mark = not self._held
            mark = _WHOLE.search(self._held)
            if mark is None:
                break
            shown += self._give(self._held[: mark.start()])
            if not self._last.isspace():
                shown += self._give(" ")  # what stood around the mark must not grow together, into words or a mark
            self._held = self._held[mark.end() :]
            self._after_mark = True
        at = _begun_at(self._held)
        free, self._held = self._held[:at], self._held[at:]
        return shown + self._give(free)

    def _give(self, text: str) -> str:
        self._last = text[-1:] or self._last
        return text


def unmarked(text: str) -> str:
    """`text` without a mark at its end."""
    return text.removesuffix(MARK).rstrip() if text.endswith(MARK) else text


def _begun_at(text: str) -> int:
    """Where a mark may have begun that the end of `text` has cut; the length of `text` where none has."""
    begun = _BEGUN.search(text, max(0, len(text) - _LONGEST))
    if begun is None:
        return len(text)
    name = begun["name"].lower()
    cut = name == _NAME if begun["space"] and name else _NAME.startswith(name)
    return begun.start() if cut else len(text)
