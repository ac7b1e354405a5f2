"""Finds the stored phrase most like a text: TF-IDF over character n-grams, compared by cosine.

numpy and these few lines stand in for scikit-learn, which would bring scipy and 100 MB to do the same.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

SHORTEST, LONGEST = 2, 5
"""Length of the n-grams, in characters; a space marks where a word begins and ends."""


class Retriever:
    """An inverted index of phrases.

    Weights are ``(1 + ln tf) * (1 + ln((1 + N) / (1 + df)))``, vectors of unit length (Salton and Buckley 1988).
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        """Indexes `phrases`, which are already normalised (`words.spread`)."""
        self._phrases = len(phrases)
        bags = [Counter(_grams(phrase)) for phrase in phrases]
        seen = Counter(gram for bag in bags for gram in bag)
        self._column = {gram: column for column, gram in enumerate(seen)}
        found = np.fromiter(seen.values(), np.float32, len(seen))
        self._idf = 1.0 + np.log((1 + self._phrases) / (1 + found))
        self._idf_unseen = float(1.0 + np.log(1.0 + self._phrases))
        postings: list[list[tuple[int, float]]] = [[] for _ in seen]
        for row, bag in enumerate(bags):
            columns = np.array([self._column[gram] for gram in bag], np.int64)
            weights = (1 + np.log(np.array(list(bag.values()), np.float32))) * self._idf[columns]
            weights /= np.linalg.norm(weights)
            for column, weight in zip(columns.tolist(), weights.tolist(), strict=True):
                postings[column].append((row, weight))
        self._ends = np.cumsum([0, *map(len, postings)])
        self._rows = np.array([row for column in postings for row, _ in column], np.int32)
        self._weights = np.array([weight for column in postings for _, weight in column], np.float32)

    def scores(self, text: str) -> NDArray[np.float64]:
        """Cosine of `text` with every phrase, 0 to 1, in their order."""
        bag = Counter(_grams(text))
        length = 0.0
        rows: list[NDArray[np.int32]] = []
        weights: list[NDArray[np.float32]] = []
        for gram, times in bag.items():
            column = self._column.get(gram)
            weight = (1 + np.log(times)) * (self._idf_unseen if column is None else self._idf[column])
            length += weight**2
            if column is not None:
                span = slice(self._ends[column], self._ends[column + 1])
                rows.append(self._rows[span])
                weights.append(self._weights[span] * np.float32(weight))
        if not rows:
            return np.zeros(self._phrases)
        dots = np.bincount(np.concatenate(rows), np.concatenate(weights), self._phrases)
        return np.asarray(dots / np.sqrt(length), np.float64)


def _grams(text: str) -> Iterator[str]:
    for word in text.split():
        padded = f" {word} "
        for size in range(SHORTEST, LONGEST + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]
