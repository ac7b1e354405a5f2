import numpy as np
import pytest

from avatar_cli.eval import overlaps, sound
from avatar_cli.eval.case import measured
from avatar_cli.eval.take import Condition, Take
from avatar_contracts import Event, PlaybackProgress, SpeechOverlap, TurnCancel, TurnText

from .eval_takes import take
from .test_eval_sound import answer, played

ONSET = 2.0
WORDS = answer().words


def progress(reply: int, state: str) -> PlaybackProgress:
    return PlaybackProgress(turn=1, reply=reply, state=state, played=0, rate=22_050)  # type: ignore[arg-type]


def met(kind: str, out: np.ndarray, *events: tuple[float, Event], said: str = "wait stop") -> Take:
    clean = answer()
    return take(
        [(ONSET, 2.8, said)],
        out,
        (0.05, progress(7, "playing")),
        *events,
        condition=Condition(group="overlaps", kind=kind),
        answers={7: clean},
    )


def test_an_interruption_is_timed_from_its_onset_to_the_duck_the_decision_and_silence() -> None:
    out = played(answer(), (0.0, 0.0, 2.08, 0.0), (2.08, 2.08, 0.42, -18.0))
    found = overlaps.measure(
        met(
            "interruption",
            out,
            (2.4, TurnCancel(turn=1, reason="barge_in")),
            (3.4, TurnText(turn=2, text="Wait, stop!", language="en", end_reason="silence")),
        )
    )
    assert found.duck_ms == pytest.approx(80, abs=15)
    assert found.silent_ms == pytest.approx(500, abs=20)
    assert found.cancel_ms == pytest.approx(400)
    assert found.yield_ms == pytest.approx(100, abs=20)
    assert found.stopped
    assert not found.paused
    assert (found.heard, found.words.errors) == ("Wait, stop!", 0)
    assert found.dead_ms == 0


def test_an_answer_held_before_the_decision_has_yielded_at_once() -> None:
    out = played(answer(), (0.0, 0.0, 2.45, 0.0))
    found = overlaps.measure(met("interruption", out, (2.7, TurnCancel(turn=1, reason="barge_in"))))
    assert found.yield_ms == 0
    assert found.silent_ms == pytest.approx(450, abs=20)


def test_sound_of_the_dead_answer_is_counted_and_that_of_the_next_one_is_not() -> None:
    out = played(answer(), (0.0, 0.0, 2.3, 0.0), (3.0, 3.0, 0.1, 0.0)) + played(answer(seed=5), (4.0, 0.0, 2.0, 0.0))
    events = ((2.2, TurnCancel(turn=1, reason="barge_in")), (4.0, progress(8, "started")))
    found = overlaps.measure(met("interruption", out, *events))
    assert found.dead_ms == pytest.approx(100, abs=15)


def test_an_interruption_nobody_notices_has_no_times() -> None:
    found = overlaps.measure(met("interruption", played(answer(), (0.0, 0.0, 6.0, 0.0), seconds=6.0)))
    assert (found.duck_ms, found.silent_ms, found.cancel_ms, found.yield_ms) == (None,) * 4
    assert not found.stopped
    assert found.resumed is None


def test_a_backchannel_that_only_ducks_is_resumed_when_the_level_comes_back() -> None:
    out = played(answer(), (0.0, 0.0, 2.1, 0.0), (2.1, 2.1, 0.8, -18.0), (2.9, 2.9, 3.0, 0.0), seconds=5.9)
    found = overlaps.measure(met("backchannel", out))
    assert found.duck_ms == pytest.approx(100, abs=15)
    assert (found.stopped, found.paused, found.resumed) == (False, False, True)


def test_an_answer_that_stays_turned_down_has_not_been_resumed() -> None:
    out = played(answer(), (0.0, 0.0, 2.1, 0.0), (2.1, 2.1, 3.0, -18.0), seconds=5.1)
    found = overlaps.measure(met("backchannel", out))
    assert found.resumed is False
    assert found.stopped


@pytest.mark.parametrize(
    ("again_from", "rightly", "why"),
    [
        (WORDS[5][0], True, "the beginning of the word it was cut in"),
        (WORDS[4][0], True, "a word earlier"),
        (2.15, False, "the middle of the word it was cut in"),
        (WORDS[6][0], False, "the word after it, which leaves one out"),
    ],
)
def test_a_held_answer_goes_on_rightly_at_a_word_with_none_lost(again_from: float, rightly: bool, why: str) -> None:
    out = played(answer(), (0.0, 0.0, 2.25, 0.0), (3.0, again_from, 3.0, 0.0), seconds=6.0)
    events = ((2.2, SpeechOverlap(turn=1, state="hold")), (2.9, SpeechOverlap(turn=1, state="resume")))
    found = overlaps.measure(met("backchannel", out, *events))
    assert found.paused, why
    assert found.resumed is rightly, why
    assert found.repeated_ms == pytest.approx((2.25 - again_from) * 1000, abs=30)


def test_a_backchannel_that_cancels_the_answer_stops_it() -> None:
    out = played(answer(), (0.0, 0.0, 2.5, 0.0))
    found = overlaps.measure(met("backchannel", out, (2.45, TurnCancel(turn=1, reason="barge_in"))))
    assert found.stopped
    assert found.resumed is False


def test_the_clone_alone_counts_turns_stops_and_holds_but_not_what_was_typed() -> None:
    alone = take(
        [],
        played(answer(), (1.0, 0.0, 4.0, 0.0)),
        (0.5, TurnText(turn=1, text="go on", language="en", end_reason="typed")),
        (3.0, TurnText(turn=2, text="echo", language="en", end_reason="silence")),
        (3.1, SpeechOverlap(turn=1, state="hold")),
        (3.2, TurnCancel(turn=1, reason="barge_in")),
        condition=Condition(group="echo", kind="alone", room="laptop"),
    )
    quiet = overlaps.alone(alone)
    assert (quiet.turns, quiet.stops, quiet.holds) == (1, 1, 1)
    assert quiet.seconds == pytest.approx(4.0, abs=0.1)


def test_the_drawing_shows_what_was_turned_down_lighter_and_every_decision_in_its_lane() -> None:
    out = played(answer(), (0.0, 0.0, 2.1, 0.0), (2.1, 2.1, 0.8, -18.0), (2.9, 2.9, 3.0, 0.0), seconds=5.9)
    case = measured(met("backchannel", out, (2.07, SpeechOverlap(turn=1, state="hold", why="voice"))))
    assert case.drawing is not None
    turned_down = [each for each in case.drawing.clone if each.ducked]
    assert turned_down[0].start_s == pytest.approx(2.1, abs=0.03)
    assert sum(each.end_s - each.start_s for each in turned_down) == pytest.approx(0.8, abs=0.15)
    assert [(mark.lane, mark.label) for mark in case.drawing.marks] == [("overlap", "hold: voice")]
    assert not case.notable


def test_words_of_a_voice_without_times_only_ask_that_nothing_is_left_out() -> None:
    assert overlaps.kept(sound.Jump(2.0, 3.0, 2.0, 1.9), ())
    assert not overlaps.kept(sound.Jump(2.0, 3.0, 2.0, 2.5), ())
