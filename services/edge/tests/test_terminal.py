import asyncio
import contextlib

import pytest

from avatar_contracts import ErrorRaised, ReplyProposed
from avatar_edge import NothingProposed, terminal
from avatar_edge.choices import Choices
from avatar_edge.console import Console
from avatar_edge.report import TurnReport
from avatar_edge.settings import EdgeSettings
from avatar_edge.terminal import Lines, told
from avatar_runtime.bus import CommandFailed


class Talk:
    """A call as the terminal sees it."""

    def __init__(self):
        self.errors = []
        self.captions = self.saying = ""
        self.proposal = None

    def note(self, message):
        self.errors.append(ErrorRaised(service="edge", code="bus.away", message=message))


@contextlib.asynccontextmanager
async def showing(call, *, live):
    task = asyncio.create_task(terminal._show_talk(call, Lines(live=live)))
    await asyncio.sleep(0.05)
    yield
    await asyncio.sleep(0.2)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def report(**changes):
    known = {
        "turn": 1,
        "heard": "What time is it?",
        "typed": False,
        "language": "en",
        "reply": "",
        "first_audio_ms": None,
        "first_frame_ms": None,
        "stages_ms": {},
        "interrupted": False,
        "played_ms": 0.0,
        "frames": 0,
        "underruns": 0,
        "end_reason": "silence",
    }
    return TurnReport(**{**known, **changes})


async def test_every_error_is_shown_once_also_when_the_same_thing_goes_wrong_again(capsys):
    call = Talk()
    async with showing(call, live=False):
        call.note("the bus is away")
        await asyncio.sleep(0.25)
        call.note("the voice died")
        call.note("the bus is away")
    assert capsys.readouterr().out.splitlines() == [
        "[edge] the bus is away",
        "[edge] the voice died",
        "[edge] the bus is away",
    ]


async def test_captions_of_both_sides_change_in_place_on_a_terminal_and_are_left_out_of_a_pipe(capsys):
    for live in (True, False):
        call = Talk()
        async with showing(call, live=live):
            call.captions = "what time"
            await asyncio.sleep(0.15)
            call.captions, call.saying = "", "It is three."
            await asyncio.sleep(0.15)
            call.saying = ""
            call.note("the voice died")
        out = capsys.readouterr().out
        assert out.endswith("[edge] the voice died\n")
        assert ("\r\x1b[2Kyou:   what time\r\x1b[2Kclone: It is three.\r\x1b[2K[edge]" in out) == live
        assert live or out == "[edge] the voice died\n"


async def test_a_proposed_answer_is_shown_with_what_can_be_done_about_it(capsys):
    call = Talk()
    async with showing(call, live=False):
        call.proposal = ReplyProposed(turn=1, reply=2, text="At noon.", language="en")
    assert capsys.readouterr().out.splitlines() == [
        "clone would say: At noon.",
        "       /speak it, /edit TEXT, or /drop it",
    ]


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"reply": "Three.", "first_audio_ms": 410.2}, ["clone: Three.", "       first sound after 410 ms"]),
        ({"reply": "It is", "interrupted": True, "cancelled": "barge_in"}, ["clone: It is …"]),
        ({"declined": "not_addressed"}, ["       not answered: it was not for the clone"]),
        ({"cancelled": "dropped"}, ["       not answered: the answer was dropped"]),
        (
            {"errors": ("there is no voice",), "text": "It is three."},
            ["clone: ", "       there is no voice", "       what it would have said: It is three."],
        ),
    ],
)
def test_a_turn_is_told_in_plain_words(changes, lines):
    assert told(report(**changes)).splitlines() == ["you:   What time is it?", *lines]


def test_merged_turns_and_fixed_lines_are_told_as_what_they_are():
    assert told(report(continues=3, reply="Yes.")).startswith("you:   What time is it? (went on after a pause)\n")
    assert told(report(verbatim=True, heard="I am a clone.", reply="I am a clone.")) == "clone: I am a clone."


class Wished(Talk):
    """A call that notes what it is asked."""

    session_id = "0123456789abcdef"

    def __init__(self):
        super().__init__()
        self.asked = []
        self.choices = Choices(EdgeSettings().session_config())

    @property
    def config(self):
        return self.choices.config

    async def configure(self, **chosen):
        self.choices.change(**chosen)

    async def type(self, text):
        self.asked.append(("type", text))

    async def say(self, text):
        self.asked.append(("say", text))

    async def stop(self):
        raise CommandFailed("turn.stop", "no ears")

    async def decide(self, action, text):
        if self.proposal is None:
            raise NothingProposed("no answer waits for a decision")
        self.asked.append((action, text))


async def test_lines_are_said_and_commands_obeyed():
    call = Wished()
    console = Console(call)
    call.proposal = object()
    for line in ("hello there\n", "/say  I am a clone. ", "/speak", "/EDIT no, wait", "/drop", "   ", "/ mode"):
        await console.obey(line)
    assert call.asked == [
        ("type", "hello there"),
        ("say", "I am a clone."),
        ("speak", ""),
        ("speak", "no, wait"),
        ("drop", ""),
    ]
    assert await console.obey("/mode draft") == "mode is draft (of converse|repeat|draft|typed)"
    assert await console.obey("/patience") == "patience is balanced (of eager|balanced|patient)"
    assert await console.obey("/respond never") == "respond is never (of always|addressed|never)"
    assert (call.config.mode, call.config.respond, call.config.patience) == ("draft", "never", "balanced")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/sing", "there is no command /sing; /help lists those there are"),
        ("/mode loud", "mode cannot be 'loud'; it is converse, repeat, draft or typed"),
        ("/patience 3", "patience cannot be '3'; it is eager, balanced or patient"),
        ("/say", "what is it to say? /say TEXT"),
        ("/edit  ", "what is it to say instead? /edit TEXT"),
        ("/speak", "no answer waits for a decision"),
    ],
)
async def test_what_cannot_be_done_is_said_plainly(line, answer):
    assert await Console(Wished()).obey(line) == answer


async def test_a_command_nobody_takes_is_told_and_help_lists_them_all():
    console = Console(Wished())
    assert "turn.stop" in await console.obey("/stop")
    help_text = await console.obey("/help")
    for name in ("mode", "patience", "respond", "say", "stop", "speak", "edit", "drop", "real", "help"):
        assert f"/{name}" in help_text


def test_a_choice_is_checked_before_it_holds():
    choices = Choices(EdgeSettings().session_config())
    choices.change(mode=None)
    assert not choices.changed
    with pytest.raises(Exception, match="speculate cannot be 'maybe'; it is on or off"):
        choices.change(speculate="maybe", mode="typed")
    assert choices.config.mode == "converse"
    assert choices.change(speculate=False).speculate is False
    assert choices.changed
