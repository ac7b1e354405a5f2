import os
import sys
import threading
import time

import pytest

from avatar_edge.keys import Editor, Pressed, reading


def typed(text):
    editor = Editor()
    return [pressed for key in text if (pressed := editor.feed(key))], editor.text


@pytest.mark.parametrize(
    ("keys", "lines", "left"),
    [
        ("hello\n", ["hello"], ""),
        ("hello\rthere\n", ["hello", "there"], ""),
        ("helo\x7flo", [], "hello"),
        ("\x7f\x7fx", [], "x"),
        ("all of this\x15that\n", ["that"], ""),
        ("two words\x17more\n", ["two more"], ""),
        ("arrows \x1b[A\x1b[1;5C\x1bOPstay out\n", ["arrows stay out"], ""),
        ("\x1b\x1b[Bfine\n", ["fine"], ""),
        ("Привіт\t\x00!\n", ["Привіт!"], ""),
    ],
)
def test_a_line_is_edited_as_on_any_terminal(keys, lines, left):
    pressed, text = typed(keys)
    assert [one.text for one in pressed] == lines
    assert text == left


def test_the_keys_that_act_at_once_leave_the_line_alone():
    pressed, text = typed("half a\x12 line\x18")
    assert pressed == [Pressed("real"), Pressed("stop")]
    assert text == "half a line"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("edited", [True, False])
def test_a_terminal_is_read_key_by_key_and_left_as_it_was(edited):
    import pty  # noqa: PLC0415 - not on Windows
    import termios  # noqa: PLC0415

    keeper, number = pty.openpty()
    before = termios.tcgetattr(number)
    got, arrived = [], threading.Event()

    def take(key):
        got.append(key)
        if key in ("є", "\n"):
            arrived.set()

    with os.fdopen(number, "r", closefd=False) as terminal:
        with reading(terminal, take, edited=edited):
            os.write(keeper, "a\x12є".encode() if edited else b"ab\n")
            assert arrived.wait(5)
        assert got == (["a", "\x12", "є"] if edited else ["a", "b", "\n"])
        assert termios.tcgetattr(number) == before
    os.close(keeper)  # the reader's thread sees the end of the terminal
    deadline = time.monotonic() + 5
    while any(thread.name == "keys" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.close(number)
