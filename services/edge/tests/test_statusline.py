import asyncio
import contextlib

import pytest

from avatar_edge import terminal
from avatar_edge.errors import RealMissing
from avatar_edge.keys import Pressed
from avatar_edge.link import LinkStats
from avatar_edge.statusline import status
from avatar_edge.terminal import Lines


class Turn:
    def __init__(self, first_audio_ms):
        self.first_audio_ms = first_audio_ms


class Call:
    """A call as the status line sees it."""

    def __init__(self, state="listening", latencies=(), muted=False, **link):
        self.state, self.muted = state, muted
        self.turns = [Turn(ms) for ms in latencies]
        self.stats = LinkStats(**{"connected": True, **link})

    def link(self):
        return self.stats


GOOD = {"fps": 24.97, "kbps": 1104.0, "skew_ms": 12.4, "rtt_ms": 3.2}


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            Call(latencies=(410.2, 388.6, None), **GOOD),
            "listening · answered in 389 ms · 25 fps · lips 12 ms · 1.1 Mbit/s · link 3 ms",
        ),
        (Call("speaking", lost=3, **GOOD), "speaking · 25 fps · lips 12 ms · 1.1 Mbit/s · link 3 ms · 3 lost"),
        (Call("waiting"), "waiting for a service"),
        (Call("offline", connected=False, fps=25, kbps=900), "no bus: reconnecting"),
        (Call("real", muted=True), "YOUR OWN FACE AND VOICE · muted"),
    ],
)
def test_what_is_known_of_the_call_stands_in_one_line(call, line):
    assert status(call) == line


def test_what_is_typed_goes_before_what_is_said_and_that_before_how_it_goes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    lines = Lines(live=True)
    lines.status("listening · answered in 389 ms")
    lines.caption("you:   what time is it now")
    lines.typing("hel")
    lines.caption("clone: It is three.")
    lines.typing("")
    lines.caption("")
    shown = capsys.readouterr().out.split("\r\x1b[2K")[1:]
    assert shown == [
        "listening · answere",
        "…hat time is it now",
        "> hel",
        "clone: It is three.",
        "listening · answere",
    ]


def test_without_a_cursor_nothing_of_it_is_written(capsys):
    lines = Lines(live=False)
    lines.status("listening")
    lines.typing("hello")
    lines.typed("hello")
    assert capsys.readouterr().out == ""


class Obeying(Call):
    """A call that notes what the keys ask."""

    def __init__(self):
        super().__init__()
        self.real_on = False
        self.asked = []
        self.missing = False

    async def real(self, on):
        if self.missing:
            raise RealMissing("there is no webcam and no microphone to show you with")
        self.real_on = on
        self.asked.append(("real", on))

    async def stop(self):
        self.asked.append(("stop",))

    async def type(self, text):
        self.asked.append(("type", text))


async def test_keys_act_at_once_and_what_cannot_be_done_is_said(capsys):
    call, pressed = Obeying(), asyncio.Queue()
    task = asyncio.create_task(terminal._obey(call, Lines(live=True), pressed))
    for key in (Pressed("real"), Pressed("real"), Pressed("stop"), Pressed("line", "  "), Pressed("line", "hello")):
        pressed.put_nowait(key)
    await asyncio.sleep(0.05)
    call.missing = True
    pressed.put_nowait(Pressed("real"))
    await asyncio.sleep(0.05)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert call.asked == [("real", True), ("real", False), ("stop",), ("type", "hello")]
    out = capsys.readouterr().out
    assert "> hello\n" in out
    assert "no webcam and no microphone" in out
