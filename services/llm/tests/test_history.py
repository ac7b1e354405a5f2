"""The history holds what was heard: no more, no less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import Exchange, PlaybackProgress
from avatar_llm.history import History, Spoken

SENTENCES = ["Hello there, my friend.", "I am glad to see you.", "Shall we begin?"]


def progress(state, sentence=0, chars=0, reply=1, played_s=1.0):
    played = round(played_s * 22_050)
    return PlaybackProgress(
        turn=1, reply=reply, state=state, played=played, rate=22_050, sentence=sentence, chars=chars
    )


def history_of_one():
    history = History(max_turns=40, max_chars=12_000)
    spoken = Spoken(list(SENTENCES))
    history.add(1, "Hi.", "en", 1, spoken)
    return history


def test_nothing_was_heard_until_something_was_played():
    history = history_of_one()
    assert history.entries[0].heard == ""
    history.progress(progress("started"))
    assert history.entries[0].heard == ""


def test_an_interrupted_answer_ends_at_the_word_that_was_heard():
    history = history_of_one()
    history.progress(progress("playing", 1, 4))
    history.progress(progress("stopped", 1, 9))
    assert history.entries[0].heard == "Hello there, my friend. I am glad"


def test_a_word_that_was_cut_does_not_count():
    history = history_of_one()
    history.progress(progress("stopped", 0, 8))
    assert history.entries[0].heard == "Hello"


def test_a_first_word_that_was_cut_leaves_nothing():
    history = history_of_one()
    history.progress(progress("stopped", 0, 3))
    assert history.entries[0].heard == ""


def test_a_finished_answer_without_any_sound_was_not_heard():
    history = history_of_one()
    history.progress(progress("finished", played_s=0.0))
    assert history.entries[0].heard == ""


def test_a_finished_answer_was_heard_whole():
    history = history_of_one()
    history.progress(progress("finished", 2, 3))
    assert history.entries[0].heard == " ".join(SENTENCES)


def test_words_stay_heard_when_a_held_answer_goes_on_from_a_little_earlier():
    history = history_of_one()
    history.progress(progress("playing", 1, 10))
    history.progress(progress("held", 1, 10))
    history.progress(progress("playing", 1, 4))
    history.progress(progress("stopped", 1, 5))
    assert history.entries[0].heard == "Hello there, my friend. I am glad"


def test_a_held_answer_that_goes_on_is_heard_to_where_it_ends():
    history = history_of_one()
    history.progress(progress("held", 1, 10))
    history.progress(progress("playing", 1, 5))
    history.progress(progress("playing", 2, 5))
    history.progress(progress("stopped", 2, 9))
    assert history.entries[0].heard == "Hello there, my friend. I am glad to see you. Shall we"


def test_an_answer_that_broke_off_is_known_to_be_cut():
    history = history_of_one()
    assert not history.entries[0].cut
    history.progress(progress("stopped", 1, 9))
    assert history.entries[0].cut


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_an_answer_whose_every_word_was_heard_is_not_cut(state):
    history = History(max_turns=40, max_chars=12_000)
    history.add(1, "Hi.", "en", 1, Spoken(list(SENTENCES), complete=True))
    history.progress(progress(state, 2, len(SENTENCES[2])))
    assert history.entries[0].heard == " ".join(SENTENCES)
    assert not history.entries[0].cut


def test_an_answer_that_was_stopped_between_sentences_before_the_next_was_made_is_cut():
    history = History(max_turns=40, max_chars=12_000)
    history.add(1, "Hi.", "en", 1, Spoken(SENTENCES[:1]))
    history.progress(progress("stopped", 0, len(SENTENCES[0])))
    assert history.entries[0].heard == SENTENCES[0]
    assert history.entries[0].cut


def test_sentences_made_after_the_answer_was_remembered_count_too():
    history = History(max_turns=40, max_chars=12_000)
    spoken = Spoken()
    history.add(1, "Hi.", "en", 1, spoken)
    spoken.sentences.append("Good day to you.")
    history.progress(progress("stopped", 0, 8))
    assert history.entries[0].heard == "Good day"


def test_progress_of_an_unknown_reply_is_ignored():
    history = history_of_one()
    history.progress(progress("finished", 2, 15, reply=99))
    assert history.entries[0].heard == ""


def test_words_that_come_again_are_taken_back():
    history = history_of_one()
    history.take_back(1, 1)
    assert list(history.entries) == []


def test_taking_words_back_keeps_what_was_heard_of_the_answer():
    history = history_of_one()
    history.progress(progress("stopped", 0, 5))
    history.take_back(1, 1)
    assert [(entry.said, entry.heard) for entry in history.entries] == [("", "Hello")]


@pytest.mark.parametrize("told_first", [True, False])
@pytest.mark.parametrize(("played_s", "heard"), [(0.29, []), (0.31, ["Hello"])])
def test_a_breath_of_an_answer_to_words_that_come_again_is_not_remembered(played_s, heard, told_first):
    history = history_of_one()
    steps = [
        lambda: history.progress(progress("stopped", 0, 5, played_s=played_s)),
        lambda: history.take_back(1, 1),
    ]
    for step in steps if told_first else steps[::-1]:
        step()
    assert [entry.heard for entry in history.entries] == heard


def test_a_chain_of_turns_is_taken_back_at_once_and_what_came_before_stays():
    history = History((Exchange(said="Hi.", heard="Hello.", language="en"),), max_turns=40, max_chars=12_000)
    for turn in range(1, 5):
        history.add(turn, f"Turn {turn}.", "en", turn, Spoken())
    history.take_back(2, 3)
    assert [entry.said for entry in history.entries] == ["Hi.", "Turn 1.", "Turn 4."]
    history.take_back(0, 0)
    assert len(history.entries) == 3


def test_an_exchange_may_get_another_answer():
    history = history_of_one()
    history.answer(1, 2, Spoken(["Good day."]))
    assert not history.progress(progress("finished", 2, 3, reply=1))
    assert history.progress(progress("finished", 0, 9, reply=2))
    assert history.entries[0].heard == "Good day."


def test_a_new_worker_starts_from_the_transcript():
    transcript = (
        Exchange(said="Hi.", heard="Hello.", language="en"),
        Exchange(said="Хто ти?", heard="", language="uk"),
        Exchange(said="Tell me more.", heard="Once upon a", language="en", cut=True),
    )
    history = History(transcript, max_turns=40, max_chars=12_000)
    told = [
        Exchange(said=entry.said, heard=entry.heard, language=entry.language, cut=entry.cut)
        for entry in history.entries
    ]
    assert tuple(told) == transcript


def test_old_exchanges_go_in_blocks():
    history = History(max_turns=8, max_chars=12_000)
    kept = []
    for turn in range(1, 30):
        history.add(turn, f"Turn {turn}.", "en", turn, Spoken())
        kept.append(len(history.entries))
        assert history.entries[-1].turn == turn
    assert max(kept) == 8
    assert min(kept[8:]) == 6


def test_the_newest_exchange_stays_however_long_it_is():
    history = History(max_turns=8, max_chars=400)
    history.add(1, "Hi.", "en", 1, Spoken())
    history.add(2, "word " * 1_000, "en", 2, Spoken())
    assert [entry.turn for entry in history.entries] == [2]


@given(st.integers(0, 3), st.integers(0, 60))
def test_what_was_heard_is_always_whole_words_from_the_start(sentence, chars):
    spoken = Spoken(list(SENTENCES))
    spoken.advance(progress("stopped", sentence, chars))
    whole = " ".join(SENTENCES)
    heard = spoken.heard
    assert whole.startswith(heard)
    assert not heard or len(heard) == len(whole) or not (whole[len(heard)].isalnum() and heard[-1].isalnum())


@pytest.mark.parametrize("chars", range(len(SENTENCES[0]) + 5))
def test_heard_words_never_exceed_the_characters_played(chars):
    spoken = Spoken(list(SENTENCES))
    spoken.advance(progress("stopped", 0, chars))
    assert len(spoken.heard) <= chars
