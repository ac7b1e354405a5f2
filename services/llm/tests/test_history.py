"""The history holds what was heard: no more, no less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import Exchange, PlaybackProgress
from avatar_llm.history import History, Spoken

SENTENCES = ["Hello there, my friend.", "I am glad to see you.", "Shall we begin?"]


def progress(state, sentence=0, chars=0, reply=1):
    return PlaybackProgress(turn=1, reply=reply, state=state, played=0, rate=22_050, sentence=sentence, chars=chars)


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


def test_a_finished_answer_was_heard_whole():
    history = history_of_one()
    history.progress(progress("finished", 2, 3))
    assert history.entries[0].heard == " ".join(SENTENCES)


def test_playback_never_runs_backwards():
    history = history_of_one()
    history.progress(progress("playing", 1, 10))
    history.progress(progress("playing", 0, 2))
    assert history.entries[0].heard == "Hello there, my friend. I am glad"


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
    history.take_back(1)
    assert list(history.entries) == []


def test_taking_words_back_keeps_what_was_heard_of_the_answer():
    history = history_of_one()
    history.progress(progress("stopped", 0, 5))
    history.take_back(1)
    assert [(entry.said, entry.heard) for entry in history.entries] == [("", "Hello")]


def test_a_new_worker_starts_from_the_transcript():
    transcript = (
        Exchange(said="Hi.", heard="Hello.", language="en"),
        Exchange(said="Хто ти?", heard="", language="uk"),
    )
    history = History(transcript, max_turns=40, max_chars=12_000)
    told = [Exchange(said=entry.said, heard=entry.heard, language=entry.language) for entry in history.entries]
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
