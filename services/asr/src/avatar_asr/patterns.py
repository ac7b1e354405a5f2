"""Words, and the patterns in which the data files describe how a sentence ends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_APOSTROPHES = re.compile("[’‘ʼ`´′ʹ＇]")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*|,|[–—]")
_TAIL_WORDS = 16


def split_words(text: str, *, commas: bool = False) -> list[str]:
    """The words of `text`, lower case, NFKC, with a plain apostrophe; with `commas`, those and dashes are ","."""
    text = _APOSTROPHES.sub("'", unicodedata.normalize("NFKC", text)).lower()
    found = _WORD.findall(text)
    if commas:
        return ["," if word in "–—" else word for word in found]
    return [word for word in found if word not in ",–—"]


_Pattern = tuple[int, re.Pattern[str]]


class Endings:
    """Whether a sentence promises more, by its last words.

    A sentence is open when it ends with one of `words` or like one of `promising`, unless it ends like one of `closing`
    that says more: of several patterns the one with most words decides.

    Args:
        classes: Words by the name a pattern uses for them, ``<name>``.
        words: Those that promise more by themselves.
        promising: Patterns (see ``data/en.toml``).
        closing: Patterns.
    """

    def __init__(self, classes: dict[str, str], words: str, promising: list[str], closing: list[str]) -> None:
        self._classes = classes
        self._words = frozenset(words.split())
        self._promising = self._by_last_word(promising)
        self._closing = self._by_last_word(closing)

    def open(self, tail: list[str]) -> bool:
        """Whether more is to come after the sentence `tail`, as `split_words` gives it with commas."""
        while tail and tail[-1] == ",":
            tail = tail[:-1]
        if not tail:
            return False
        last = tail[-1]
        whole = len(tail) <= _TAIL_WORDS
        text = ("^ " if whole else "") + " ".join(tail[-_TAIL_WORDS:]) + " "
        promise = max(_longest(self._promising.get(last, ()), text), int(last in self._words))
        return promise > 0 and promise >= _longest(self._closing.get(last, ()), text)

    def _by_last_word(self, patterns: list[str]) -> dict[str, list[_Pattern]]:
        found: dict[str, list[_Pattern]] = {}
        for pattern in patterns:
            parts = pattern.split()
            compiled = re.compile("(?:^|(?<= ))" + "".join(map(self._expression, parts)) + "$")
            size = sum(part != "*" for part in parts)
            for word in self._alternatives(parts[-1]):
                found.setdefault(word, []).append((size, compiled))
        return found

    def _expression(self, part: str) -> str:
        if part == "*":
            return "(?:[^ ]+ )*?"
        if part == "^":
            return r"\^ (?:, )?"
        if part == ",":
            return ", "
        return f"(?:{'|'.join(map(re.escape, self._alternatives(part)))}) (?:, )?"

    def _alternatives(self, part: str) -> list[str]:
        words: list[str] = []
        for word in part.split("|"):
            words += self._classes[word[1:-1]].split() if word.startswith("<") else [word]
        return words


def _longest(patterns: Iterable[_Pattern], text: str) -> int:
    """Words in the longest of `patterns` that `text` ends with."""
    return max((size for size, pattern in patterns if pattern.search(text)), default=0)
