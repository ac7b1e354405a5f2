import pytest

from avatar_cli.bench import words


def test_case_and_punctuation_do_not_count_as_errors() -> None:
    assert words.errors("Ever tried. Ever failed!", "ever tried, ever failed") == (0, 4)


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [("the cat sat", 0), ("the hat sat", 1), ("cat sat", 1), ("the black cat sat", 1), ("", 3)],
)
def test_each_substituted_missing_and_added_word_is_one_error(heard: str, wrong: int) -> None:
    assert words.errors("the cat sat", heard) == (wrong, 3)


def test_an_apostrophe_does_not_split_a_word() -> None:
    assert words.errors("don't stop", "don’t stop") == (0, 2)


def test_the_rate_weighs_every_word_alike_across_utterances() -> None:
    pairs = [("one two three four five six seven eight", "one two three four five six seven eight"), ("nine ten", "")]
    assert words.error_rate(pairs) == pytest.approx(0.2)


def test_ukrainian_words_are_counted() -> None:
    assert words.errors("Добрий день, світе", "добрий вечір світе") == (1, 3)
