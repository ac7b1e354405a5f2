"""Typed lines: cleaned, bounded, taken once."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict

MAX_BYTES = 8_000
_REMEMBERED = 256
# Joiners build emoji and letters of several scripts; every other invisible control goes.
_KEPT_CONTROLS = "\u200c\u200d"


def normalise(text: str) -> str:
    """`text` as NFC on one line, without control characters and surplus blanks; empty when nothing is left."""
    visible = (
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or character in _KEPT_CONTROLS or unicodedata.category(character) not in _INVISIBLE
    )
    line = " ".join("".join(visible).split())
    return line if any(character not in _KEPT_CONTROLS for character in line) else ""


def shorten(text: str) -> str:
    """`text` cut to 8,000 bytes of UTF-8 between characters, at a blank if one is near the end."""
    data = text.encode()
    if len(data) <= MAX_BYTES:
        return text
    cut = data[:MAX_BYTES].decode(errors="ignore")
    blank = cut.rfind(" ")
    return (cut[:blank] if blank > len(cut) - 40 else cut).rstrip()


class Seen:
    """The ids of the last 256 typed lines: a line that is sent again must not become a second turn."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def again(self, client_id: str) -> bool:
        """Whether `client_id` came before; remembers it. A line without an id is always new."""
        if not client_id:
            return False
        if client_id in self._ids:
            return True
        self._ids[client_id] = None
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)
        return False


_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
