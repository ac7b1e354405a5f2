"""Keys of a terminal as they are pressed: lines that are typed, and the keys that act at once."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO, Literal, NamedTuple

_ESCAPE = "\x1b"
_ERASE = ("\x7f", "\b")
_KILL_LINE = "\x15"
_KILL_WORD = "\x17"
_ACTIONS: dict[str, Literal["real", "stop"]] = {"\x12": "real", "\x18": "stop"}
"""Ctrl-R: the person's own face and voice, or the clone's again. Ctrl-X: the clone is silent."""
KEYS = "Ctrl-R switches to your own face and voice and back, Ctrl-X silences the clone, Ctrl-C ends the call."


class Pressed(NamedTuple):
    """What the person wants: a ``line`` to be sent, or one of the keys that act at once."""

    what: Literal["line", "real", "stop"]
    text: str = ""


class Editor:
    """A line being typed, key by key. Pure logic.

    Attributes:
        text: The line so far.
    """

    def __init__(self) -> None:
        self.text = ""
        self._escape = ""

    def feed(self, key: str) -> Pressed | None:
        """Take one character; returns what it completes."""
        if self._escape or key == _ESCAPE:
            self._skip(key)
        elif key in _ACTIONS:
            return Pressed(_ACTIONS[key])
        elif key in ("\n", "\r"):
            line, self.text = self.text, ""
            return Pressed("line", line)
        elif key in _ERASE:
            self.text = self.text[:-1]
        elif key == _KILL_LINE:
            self.text = ""
        elif key == _KILL_WORD:
            self.text = self.text.rstrip().rpartition(" ")[0]
            self.text += " " if self.text else ""
        elif key.isprintable():
            self.text += key
        return None

    def _skip(self, key: str) -> None:
        """Leave out what arrow and function keys send: ESC, then ``[`` and all up to a letter, or one more."""
        self._escape += key
        if key == _ESCAPE:
            self._escape = key
        elif len(self._escape) == 2 and key in "[O":
            return
        elif len(self._escape) == 2 or "@" <= key <= "~":
            self._escape = ""


@contextlib.contextmanager
def reading(terminal: IO[str], take: Callable[[str], None], *, edited: bool = True) -> Iterator[None]:
    """Call `take` with every character typed on `terminal`, on a thread.

    `edited`: whoever takes them shows them too, key by key; otherwise the terminal does, and gives whole lines.
    """
    read, restore = (_windows, _nothing) if sys.platform == "win32" else _unix(terminal, edited=edited)

    def run() -> None:
        # Reading a terminal cannot be interrupted: the thread ends with the process, or with the terminal.
        while text := read():
            for key in text:
                take(key)

    threading.Thread(target=run, name="keys", daemon=True).start()
    try:
        yield
    finally:
        restore()


def _unix(terminal: IO[str], *, edited: bool) -> tuple[Callable[[], str], Callable[[], None]]:
    import termios  # noqa: PLC0415 - not on Windows
    import tty  # noqa: PLC0415

    number = terminal.fileno()
    before = termios.tcgetattr(number)
    if edited:
        tty.setcbreak(number)  # Ctrl-C and Ctrl-Z keep their meaning
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read() -> str:
        while True:
            try:
                data = os.read(number, 1024)
            except OSError:  # the terminal has gone
                return ""
            if text := decoder.decode(data):
                return text
            if not data:
                return ""

    def restore() -> None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(number, termios.TCSADRAIN, before)

    return read, restore


def _windows() -> str:
    import msvcrt  # noqa: PLC0415 - on Windows only

    key: str = msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
    if key in ("\0", "\xe0"):  # an arrow or a function key: its number follows
        msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        return _ESCAPE + "[~"
    return key


def _nothing() -> None:
    """There is nothing to restore."""
