"""Which words of what was said were heard, and which were lost or came twice. Pure."""

from __future__ import annotations

from typing import NamedTuple

from avatar_cli.bench import words

_NEAR = 8
"""A word heard too much is a doubled one when it was said at most this many words away."""


class Wording(NamedTuple):
    """What was heard against what was said, in words.

    Attributes:
        said: Words said.
        errors: Substituted, missing and added ones.
        first_said: Words said before the pause.
        first_lost: Those of them that are missing.
        lost: Missing ones, before and after the pause.
        doubled: Added ones that were said near by: heard twice.
    """

    said: int
    errors: int
    first_said: int
    first_lost: int
    lost: int
    doubled: int


def compare(first: str, second: str, heard: str) -> Wording:
    """Align `heard` to the words of `first` and `second`, the parts before and after a pause (Levenshtein)."""
    reference = words.normalise(first) + words.normalise(second)
    hypothesis = words.normalise(heard)
    before = len(words.normalise(first))
    table = [list(range(len(hypothesis) + 1))]
    for i, word in enumerate(reference, 1):
        row = [i]
        for j, other in enumerate(hypothesis, 1):
            row.append(min(table[-1][j] + 1, row[-1] + 1, table[-1][j - 1] + (word != other)))
        table.append(row)
    i, j = len(reference), len(hypothesis)
    lost: list[int] = []
    added: list[tuple[int, str]] = []
    while i or j:
        here = table[i][j]
        if i and j and here == table[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
        elif i and here == table[i - 1][j] + 1:
            i -= 1
            lost.append(i)
        else:
            j -= 1
            added.append((i, hypothesis[j]))
    return Wording(
        said=len(reference),
        errors=table[-1][-1],
        first_said=before,
        first_lost=sum(place < before for place in lost),
        lost=len(lost),
        doubled=sum(word in reference[max(0, place - _NEAR) : place + _NEAR] for place, word in added),
    )
