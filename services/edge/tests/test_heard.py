from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import TtsChunk, Word
from avatar_edge.heard import Heard, Script

RATE = 16_000


def chunk(sentence, start, length, words=(), last=False):
    pcm = bytes(2 * length)
    return TtsChunk(turn=1, reply=1, sentence=sentence, rate=RATE, start=start, pcm=pcm, words=tuple(words), last=last)


def two_sentences():
    script = Script()
    script.text(0, "Hello, world!")
    script.text(1, "Bye now.")
    script.chunk(chunk(0, 0, 8_000, [Word(0, 4_000, 5), Word(4_500, 8_000, 12)], last=True))
    script.chunk(chunk(1, 8_000, 8_000, [Word(9_000, 11_000, 3), Word(11_500, 15_000, 7)], last=True))
    return script


def test_a_word_counts_when_its_end_has_been_played():
    script = two_sentences()
    assert script.heard(0) == Heard(0, 0)
    assert script.heard(3_999) == Heard(0, 0)
    assert script.heard(4_000) == Heard(0, 5)
    assert script.text_heard(7_999) == "Hello"
    assert script.text_heard(8_000) == "Hello, world!"
    assert script.text_heard(11_100) == "Hello, world! Bye"
    assert script.text_heard(16_000) == "Hello, world! Bye now."


def test_without_word_times_the_text_goes_with_the_time_and_ends_at_a_word():
    script = Script()
    script.text(0, "one two three four")
    script.chunk(chunk(0, 0, 16_000, last=True))
    assert script.text_heard(8_000) == "one two"
    assert script.text_heard(15_999) == "one two three"
    assert script.text_heard(16_000) == "one two three four"


def test_a_sentence_still_being_spoken_is_not_taken_for_whole():
    script = Script()
    script.text(0, "a much longer sentence than the sound that has come of it so far")
    script.chunk(chunk(0, 0, 3_200))
    assert len(script.text_heard(3_200)) < 10


def test_a_sentence_whose_words_are_unknown_gives_no_text():
    script = Script()
    script.chunk(chunk(0, 0, 3_200, [Word(0, 3_000, 4)]))
    assert script.heard(3_200) == Heard(0, 4)
    assert script.text_heard(3_200) == ""


@given(st.lists(st.integers(0, 17_000), min_size=2).map(sorted))
def test_what_was_heard_never_shrinks(positions):
    script = two_sentences()
    heard = [script.heard(position) for position in positions]
    assert heard == sorted(heard)
