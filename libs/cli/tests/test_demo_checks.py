from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from avatar_cli.demo import report, sheet
from avatar_cli.demo.checks import problems
from avatar_cli.demo.picture import Movement
from avatar_cli.demo.script import Line
from avatar_cli.demo.talk import Said, Talk
from avatar_edge import TurnReport, VideoStats

LINE = Line("What time is it?", "a voice", np.zeros(16_000, np.int16), 16_000)
TURN = TurnReport(
    turn=1, heard="What time is it?", typed=False, language="en", reply="It is noon.", first_audio_ms=500.0,
    first_frame_ms=510.0, stages_ms={"asr": 400.0, "tts": 100.0, "total": 500.0}, interrupted=False,
    played_ms=900.0, frames=20, underruns=0, end_reason="smart_turn",
)  # fmt: skip
VIDEO = VideoStats(width=512, height=512, fps=25.0, frames=500, dropped=0, held=0, looped=0, longest_gap_ms=80.0)
MOVES = {1: Movement(0.08)}


def talk(*turns: TurnReport, video: VideoStats = VIDEO) -> Talk:
    said = Said(LINE, started_s=2.0, ended_s=3.0, turns=turns)
    return Talk((said,), video, {"p50": 1.0, "p95": 20.0, "max": 30.0, "frames": 20}, ())


def turn(**changes: Any) -> TurnReport:
    return msgspec.structs.replace(TURN, **changes)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "demo.mp4"
    path.touch()
    return path


def test_a_whole_turn_has_no_problems(recording: Path) -> None:
    assert problems(talk(TURN), recording, MOVES) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"heard": "We're not going to write it out."}, "was not heard"),
        ({"reply": "", "errors": ("no answer came within 15 s",)}, "was not answered: no answer came within 15 s"),
        ({"first_audio_ms": None}, "without a voice"),
        ({"played_ms": 20.0}, "without a voice"),
        ({"first_frame_ms": None}, "without a picture"),
        ({"frames": 0}, "without a picture"),
    ],
)
def test_whatever_is_missing_from_a_turn_is_said_plainly(
    recording: Path, changes: dict[str, Any], sentence: str
) -> None:
    (problem,) = problems(talk(turn(**changes)), recording, MOVES)
    assert sentence in problem


def test_a_still_mouth_is_a_problem(recording: Path) -> None:
    (problem,) = problems(talk(TURN), recording, {1: Movement(0.002)})
    assert "still mouth" in problem


def test_a_frozen_picture_and_a_missing_recording_are_problems(tmp_path: Path) -> None:
    frozen = msgspec.structs.replace(VIDEO, longest_gap_ms=1500.0)
    found = problems(talk(TURN, video=frozen), tmp_path / "demo.mp4", MOVES)
    assert "The picture froze for 1500 ms." in found
    assert any("was not written" in problem for problem in found)


def test_a_line_cut_at_its_pauses_counts_as_heard_when_its_parts_make_it_up(recording: Path) -> None:
    parts = turn(heard="What time", interrupted=True), turn(turn=2, heard="is it?")
    assert problems(talk(*parts), recording, {2: Movement(0.08)}) == []


def test_only_the_first_turn_of_a_line_names_what_was_said() -> None:
    document = report.document(talk(turn(heard="What time"), turn(turn=2, heard="is it?")))
    assert [each["said"] for each in document["turns"]] == ["What time is it?", None]
    assert document["av_skew_ms"] == {"p50": 1.0, "p95": 20.0, "max": 30.0}


def test_the_contact_sheet_shows_idle_hearing_and_speaking_at_their_times() -> None:
    shown = sheet.moments(talk(TURN))
    assert [moment.what.split(":")[0] for moment in shown] == ["idle", "hears", "says", "says"]
    assert shown[1].at_s == pytest.approx(2.5)
    assert shown[2].at_s == pytest.approx(3.0 + 0.5 + 0.35)
