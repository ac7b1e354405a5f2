import pytest

from avatar_cli.eval import turn_ends, wording
from avatar_contracts import LlmDelta, ReplyCommitted, TurnCancel, TurnDraft, TurnText

from .eval_takes import take, tone

VOICE = [(0.3, 1.3, "it was the age of"), (1.9, 2.5, "wisdom")]


def text(turn: int, words: str, continues: int = 0) -> TurnText:
    return TurnText(turn=turn, text=words, language="en", end_reason="smart_turn", continues=continues)


def test_a_turn_that_is_waited_for_and_answered_once_is_all_well() -> None:
    end = turn_ends.measure(
        take(
            VOICE,
            tone(6.0, (3.0, 5.0)),
            (2.62, TurnDraft(turn=1, revision=1, text="It was the age of wisdom.", language="en", speech_end=1)),
            (2.8, LlmDelta(turn=1, reply=1, text="That ")),
            (2.9, text(1, "It was the age of wisdom.")),
            (2.91, ReplyCommitted(turn=1, reply=1)),
        )
    )
    assert (end.talked_over, end.split, end.missed, end.began_in_pause, end.taken_back) == (False,) * 4 + (0,)
    assert end.delay_ms == pytest.approx(400)
    assert end.voice_to_voice_ms == pytest.approx(500)
    assert end.yield_ms is None
    assert end.speculated
    assert end.ahead_ms == pytest.approx(100)
    assert end.words.errors == 0


def test_an_answer_begun_in_the_pause_and_taken_back_is_talk_over_for_as_long_as_both_sound() -> None:
    end = turn_ends.measure(
        take(
            VOICE,
            tone(6.0, (1.75, 2.04), (3.0, 5.0)),
            (1.7, text(1, "It was the age of.")),
            (2.03, TurnCancel(turn=1, reason="continued")),
            (2.9, text(2, "It was the age of wisdom.", continues=1)),
        )
    )
    assert end.talked_over
    assert end.began_in_pause
    assert end.talk_over_ms == pytest.approx(120, abs=21)
    assert end.yield_ms == pytest.approx(140, abs=11)
    assert (end.split, end.taken_back) == (False, 1)
    assert end.delay_ms == pytest.approx(400)
    assert end.words.errors == 0


def test_a_final_taken_back_before_its_answer_sounds_talks_over_nobody() -> None:
    end = turn_ends.measure(
        take(
            VOICE,
            tone(6.0, (3.0, 5.0)),
            (1.8, text(1, "It was the age of.")),
            (2.1, TurnCancel(turn=1, reason="continued")),
            (2.9, text(2, "It was the age of wisdom.", continues=1)),
        )
    )
    assert not end.talked_over
    assert end.yield_ms is None
    assert end.taken_back == 1


def test_two_turns_that_both_stand_are_one_split_wrongly() -> None:
    end = turn_ends.measure(
        take(
            VOICE,
            tone(6.0, (1.7, 2.2), (3.0, 5.0)),
            (1.6, text(1, "It was the age of.")),
            (2.2, TurnCancel(turn=1, reason="barge_in")),
            (2.9, text(2, "Wisdom.")),
        )
    )
    assert end.split
    assert end.heard == "It was the age of. Wisdom."


def test_the_first_part_that_never_comes_again_is_lost() -> None:
    end = turn_ends.measure(
        take(
            VOICE,
            tone(6.0, (3.0, 5.0)),
            (1.6, text(1, "It was the age of.")),
            (2.1, TurnCancel(turn=1, reason="continued")),
            (2.9, text(2, "wisdom", continues=1)),
        )
    )
    assert (end.words.first_said, end.words.first_lost) == (5, 5)


def test_a_turn_nobody_ended_is_missed_and_has_no_delay() -> None:
    end = turn_ends.measure(take(VOICE, tone(6.0)))
    assert end.missed
    assert end.delay_ms is None
    assert end.voice_to_voice_ms is None
    assert not end.answered
    late = turn_ends.measure(take(VOICE, tone(9.0), (6.0, text(1, "It was the age of wisdom."))))
    assert late.missed


def test_an_answer_that_talks_over_the_end_is_no_fast_one() -> None:
    end = turn_ends.measure(
        take(VOICE, tone(6.0, (1.8, 4.0)), (1.7, text(1, "It was the age of.")), (2.9, text(2, "Wisdom.")))
    )
    assert end.voice_to_voice_ms is None
    assert end.talk_over_ms == pytest.approx(600, abs=45)


def test_an_answer_begun_after_its_turn_text_was_not_speculated() -> None:
    end = turn_ends.measure(
        take(
            VOICE,
            tone(6.0, (3.2, 5.0)),
            (2.9, text(1, "It was the age of wisdom.")),
            (2.91, ReplyCommitted(turn=1, reply=2)),
            (2.7, LlmDelta(turn=1, reply=1, text="A wrong guess")),
            (3.0, LlmDelta(turn=1, reply=2, text="That ")),
        )
    )
    assert not end.speculated
    assert end.ahead_ms == 0


@pytest.mark.parametrize(
    ("heard", "errors", "lost", "first_lost", "doubled"),
    [
        ("It was the age of wisdom.", 0, 0, 0, 0),
        ("It was the age wisdom", 1, 1, 1, 0),
        ("wisdom", 5, 5, 5, 0),
        ("It was the age of", 1, 1, 0, 0),
        ("it was the age of it was the age of wisdom", 5, 0, 0, 5),
        ("It was the age of the wisdom", 1, 0, 0, 1),
        ("It was the age of some wisdom", 1, 0, 0, 0),
        ("It was the cage of wisdom", 1, 0, 0, 0),
    ],
)
def test_lost_and_doubled_words_are_told_from_misheard_ones(
    heard: str, errors: int, lost: int, first_lost: int, doubled: int
) -> None:
    found = wording.compare("it was the age of", "wisdom,", heard)
    assert (found.errors, found.lost, found.first_lost, found.doubled) == (errors, lost, first_lost, doubled)
    assert (found.said, found.first_said) == (6, 5)
