import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest

from avatar_cli.errors import EvalFailed
from avatar_cli.eval import command, summary
from avatar_cli.eval.case import Case, Drawing, Mark, Sounding
from avatar_cli.eval.overlaps import Overlap, Quiet
from avatar_cli.eval.page import page
from avatar_cli.eval.table import rows
from avatar_cli.eval.take import Condition, Span
from avatar_cli.eval.turn_ends import TurnEnd
from avatar_cli.eval.wording import Wording

WORDS = Wording(said=10, errors=1, first_said=4, first_lost=0, lost=1, doubled=0)
END = TurnEnd(
    talk_over_ms=0, talked_over=False, began_in_pause=False, yield_ms=None, split=False, missed=False, taken_back=0,
    delay_ms=400, voice_to_voice_ms=430, drafts=1, speculated=True, ahead_ms=200, heard="it was", words=WORDS,
    answered=True,
)  # fmt: skip
MET = Overlap(
    duck_ms=80, silent_ms=500, cancel_ms=480, yield_ms=20, stopped=True, paused=False, resumed=False, repeated_ms=0,
    turn=True, heard="wait stop", words=WORDS, dead_ms=0,
)  # fmt: skip
NOD = msgspec.structs.replace(
    MET, silent_ms=None, cancel_ms=None, yield_ms=None, stopped=False, resumed=True, turn=False
)
DRAWING = Drawing(
    seconds=6.0,
    voice=[Span(0.3, 1.3, "it was <the> age of"), Span(1.9, 2.5, "wisdom & light")],
    clone=[Sounding(3.0, 4.0, False), Sounding(4.0, 4.5, True)],
    marks=[Mark(1.7, "overlap", "hold: voice"), Mark(2.9, "turn", "turn 1: It was <the> age of wisdom.")],
)


def ended(pause_s: float = 0.6, kind: str = "function", patience: str = "balanced", **changes: Any) -> Case:
    condition = Condition(group="turns", kind=kind, pause_s=pause_s, patience=patience)  # type: ignore[arg-type]
    turn = msgspec.structs.replace(END, **changes)
    return Case(name="it was the age of … wisdom", condition=condition, turn=turn, drawing=DRAWING)


def said(*, speculate: bool, **changes: Any) -> Case:
    turn = msgspec.structs.replace(END, **changes)
    return Case(name="a line", condition=Condition(group="natural", speculate=speculate), turn=turn, drawing=DRAWING)


def met(kind: str, base: Overlap = MET, name: str = "wait", room: str = "", **changes: Any) -> Case:
    condition = Condition(group="echo" if room else "overlaps", kind=kind, room=room)
    overlap = msgspec.structs.replace(base, **changes)
    return Case(name=name, condition=condition, overlap=overlap, drawing=DRAWING)


def found(*cases: Case) -> dict[str, Any]:
    return {figure.name: figure for figure in summary.figures(cases)}


def test_speculation_is_what_the_medians_with_and_without_it_differ_by() -> None:
    ahead = [said(speculate=True, voice_to_voice_ms=ms) for ms in (400, 430, 500)]
    plain = [said(speculate=False, voice_to_voice_ms=ms, speculated=False) for ms in (600, 630, 900)]
    figures = found(*ahead, *plain)
    assert figures["speculation_saved_ms"].statistics["value"] == 200
    assert figures["speculation_hits_percent"].statistics["value"] == 100
    assert figures["voice_to_voice_ms"].met
    assert figures["word_error_rate"].statistics["value"] == pytest.approx(0.1)


def test_talk_over_after_function_words_at_600_ms_has_its_own_limit() -> None:
    cases = [ended(talked_over=index < 1) for index in range(20)] + [ended(kind="content", talked_over=True)]
    figures = found(*cases)
    assert figures["talk_over_function_600ms_percent"].statistics == {"value": 5.0, "n": 20}
    assert figures["talk_over_function_600ms_percent"].met
    assert figures["talk_over_percent"].statistics["value"] == pytest.approx(100 * 2 / 21, abs=0.01)
    assert not found(*cases, ended(talked_over=True))["talk_over_function_600ms_percent"].met


def test_every_yield_counts_not_only_most() -> None:
    cases = [ended(yield_ms=100.0) for _ in range(30)]
    assert found(*cases)["yield_ms"].met
    assert not found(*cases, ended(yield_ms=151.0))["yield_ms"].met


def test_the_presets_are_kept_apart_and_the_patient_one_has_limits() -> None:
    figures = found(ended(talked_over=True), ended(patience="patient"), ended(patience="eager", talked_over=True))
    assert figures["patient_talk_over_600ms_percent"].statistics["value"] == 0
    assert figures["eager_talk_over_600ms_percent"].statistics["value"] == 100
    assert figures["patient_talk_over_600ms_percent"].limits
    assert figures["patient_voice_to_voice_ms"].met
    assert "eager_talk_over_900ms_percent" not in figures


def test_interruptions_and_backchannels_are_told_apart() -> None:
    nods = [met("backchannel", NOD, name="yeah") for _ in range(32)]
    figures = found(met("interruption"), *nods, met("backchannel", name="hummed mm"), met("noise", NOD))
    assert figures["duck_ms"].statistics["n"] == 1
    assert figures["barge_ins_missed_percent"].statistics["value"] == 0
    assert figures["backchannels_stopping_percent"].statistics["value"] == pytest.approx(100 / 33, abs=0.01)
    assert not figures["backchannels_stopping_percent"].met
    assert not figures["mhm_stopping_percent"].met
    assert figures["resumed_rightly_percent"].statistics["value"] == pytest.approx(100 * 33 / 34, abs=0.01)


def test_an_interruption_that_is_noticed_late_or_never_was_missed() -> None:
    cases = [met("interruption"), met("interruption", cancel_ms=None), met("interruption", cancel_ms=3_500)]
    assert found(*cases)["barge_ins_missed_percent"].statistics["value"] == pytest.approx(66.667)


def test_echo_and_barge_in_over_it_are_counted_over_all_rooms() -> None:
    condition = Condition(group="echo", kind="alone", room="laptop")
    alone = Case(name="alone", condition=condition, alone=Quiet(seconds=30, turns=1, stops=0, holds=2))
    figures = found(alone, alone, *[met("interruption", room="laptop") for _ in range(9)])
    assert figures["echo_turns"].statistics["value"] == 2
    assert not figures["echo_turns"].met
    assert figures["echo_stops"].met
    assert "60 s" in figures["echo_turns"].note
    assert figures["echo_barge_ins_detected_percent"].statistics["value"] == 100
    assert "duck_ms" not in figures


def test_a_failed_case_is_counted_and_spoils_no_other_figure() -> None:
    broken = Case(name="a line", condition=Condition(group="natural"), failed="the call broke")
    figures = found(said(speculate=True), broken)
    assert figures["cases_failed"].statistics["value"] == 1
    assert not figures["cases_failed"].met
    assert not any(math.isnan(value) for figure in figures.values() for value in figure.statistics.values())


def test_the_table_has_one_line_for_each_condition() -> None:
    cases = [ended(), ended(talked_over=True, talk_over_ms=120.0), ended(pause_s=0.9), met("interruption")]
    table = rows(cases)
    assert [(row["kind"], row["pause_s"], row["n"]) for row in table] == [
        ("interruption", None, 1),
        ("function", 0.6, 2),
        ("function", 0.9, 1),
    ]
    assert (table[1]["talk_over_percent"], table[1]["talk_over_ms_p50"]) == (50.0, 120.0)


def test_the_page_needs_nothing_else_and_shows_every_case_and_verdict() -> None:
    cases = [ended(), ended(split=True), met("backchannel", NOD), Case(name="x", condition=Condition(group="turns"))]
    written = page("Title", "About <it>", summary.figures(cases), rows(cases), cases)
    for outside in ("http:", "https:", "url(", "@import", "<script", "<link", "src="):
        assert outside not in written
    assert "prefers-color-scheme: dark" in written
    assert written.count("<svg") == 3
    assert written.count('class="case notable"') == 1
    assert "not met" in written
    assert ">met<" in written
    for piece in written.split("<svg")[1:]:
        drawn = ET.fromstring("<svg" + piece.split("</svg>")[0] + "</svg>")
        assert drawn.find(".//rect[@class='ducked']") is not None
        assert any("wisdom & light" in (text.text or "") for text in drawn.iter("title"))


def test_the_document_can_be_read_back(tmp_path: Path) -> None:
    cases = [ended(), met("interruption")]
    document = command.document(True, 1.0, summary.figures(cases), cases)
    read = json.loads(msgspec.json.encode(document))
    assert read["quick"] is True
    assert read["figures"]["yield_after_decision_ms"]["met"] is True
    assert read["cases"][0]["turn"]["delay_ms"] == 400
    assert read["cases"][1]["drawing"]["clone"][1] == [4.0, 4.5, True]


def test_an_evaluation_in_which_nobody_answered_is_an_error() -> None:
    with pytest.raises(EvalFailed, match="None of 1 turns was answered"):
        command.require_answers([ended(answered=False)])
    with pytest.raises(EvalFailed, match="the call broke"):
        command.require_answers([Case(name="x", condition=Condition(group="turns"), failed="the call broke")])
    command.require_answers([ended(answered=False), ended()])
