"""Word error rate of what was heard against what was said."""

from __future__ import annotations

import re
import unicodedata


def normalise(text: str) -> list[str]:
    """The words of `text` in lower case, without punctuation; hyphens separate words, apostrophes vanish."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "").replace("'", "")
    return re.findall(r"\w+", plain)


def errors(said: str, heard: str) -> tuple[int, int]:
    """Substituted, missing and added words of `heard` (Levenshtein distance), and the number of words of `said`."""
    reference, hypothesis = normalise(said), normalise(heard)
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(reference)


def error_rate(pairs: list[tuple[str, str]]) -> float:
    """Word error rate over (said, heard) pairs: all errors by all words said; 0 when nothing was said."""
    counted = [errors(said, heard) for said, heard in pairs]
    words = sum(total for _, total in counted)
    return sum(wrong for wrong, _ in counted) / words if words else 0.0
