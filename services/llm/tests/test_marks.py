"""The mark of an interruption never gets out, however an engine writes it and however its stream is split."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_llm.marks import MARK, MarkFilter, unmarked


def passed(*pieces):
    marks = MarkFilter()
    return "".join(marks.push(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("I am glad [interrupted]", "I am glad "),
        ("[interrupted] I am glad", "I am glad"),
        ("I am [interrupted] glad", "I am glad"),
        ("I am [INTERRUPTED]glad", "I am glad"),
        ("I am[Interrupted]glad", "I am glad"),
        ("I am [ interrupted ] glad", "I am glad"),
        ("[[interrupted]] Yes", "Yes"),
        ("[interrupted][interrupted]", ""),
        ("[inter[interrupted]rupted] Yes", "[inter rupted] Yes"),
        ("[[interrupted]interrupted] Yes", "interrupted] Yes"),
        ("I was interrupted.", "I was interrupted."),
        ("[sic] and [interesting]", "[sic] and [interesting]"),
        ("a [interrupted by him]", "a [interrupted by him]"),
    ],
)
def test_the_mark_alone_is_taken_out(given_text, shown):
    assert passed(given_text) == shown
    assert passed(*given_text) == shown


@pytest.mark.parametrize("tail", ["[", "[int", "[Interrupted", "[interrupted  "])
def test_a_mark_that_was_begun_is_held_back(tail):
    assert passed("Yes. ", tail) == "Yes. "


def test_what_only_looked_like_a_mark_comes_as_soon_as_that_is_certain():
    marks = MarkFilter()
    assert [marks.push(piece) for piece in ("see [i", "n", " fact", "]")] == ["see ", "", "[in fact", "]"]


def test_endless_space_inside_a_bracket_is_not_held_for_ever():
    marks = MarkFilter()
    shown = "".join(marks.push(" ") for _ in range(500) if marks.push("") == "")
    shown += marks.push("[") + "".join(marks.push(" ") for _ in range(500))
    assert len(shown) > 900


@given(
    st.lists(
        st.sampled_from(["[", "]", " ", "inter", "rupted", "Interrupted", "[interrupted]", "a", ". "]), max_size=30
    )
)
def test_no_stream_lets_a_mark_through(pieces):
    assert not re.search(r"\[\s*interrupted\s*\]", passed(*pieces), re.IGNORECASE)


@given(st.text(alphabet="[]interup d.", max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_how_a_stream_is_split_changes_nothing(text, cuts):
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(places)]
    assert passed(*pieces) == passed(text)


@given(st.text(alphabet="abc ,.\n]", max_size=200))
def test_text_without_brackets_passes_unchanged(text):
    assert passed(*text) == text


def test_an_answer_is_read_without_its_mark():
    assert unmarked(f"I am glad {MARK}") == "I am glad"
    assert unmarked("I am glad.") == "I am glad."
