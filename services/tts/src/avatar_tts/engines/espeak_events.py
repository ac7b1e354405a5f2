"""Turns what the espeak worker sends into stretches of sound with the mouth shapes and words that begin in them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from avatar_contracts import Viseme, Word
from avatar_tts.engines.base import Speech
from avatar_tts.engines.espeak_worker import COUNT, EVENT, PHONEME
from avatar_tts.visemes import SECOND_SHAPE_AT, shapes

_STOPS = frozenset(("PP", "DD", "kk", "CH"))
_CLOSURE = 1_540
"""The longest closure of a stop, 70 ms, in samples at 22,050 Hz."""
_SILENT = 60


@dataclass
class Timeline:
    """Follows the events of one sentence. All positions are samples since the sentence began."""

    visemes: list[Viseme] = field(default_factory=list)
    """Shapes made so far and not yet taken."""
    words: list[Word] = field(default_factory=list)
    """Words made so far and not yet taken."""
    _phoneme: tuple[int, str] | None = None
    _borrowed: int | None = None
    _word: tuple[int, int] | None = None
    _word_end: int | None = None
    _shape: str = ""

    def on_phoneme(self, at: int, mnemonic: str) -> None:
        """A phoneme begins."""
        self._end_phoneme(at)
        self._phoneme = (at, mnemonic)
        if mnemonic.startswith("_") and self._word is not None and self._word_end is None and at > self._word[0]:
            self._word_end = at

    def on_word(self, at: int, chars: int) -> None:
        """A word begins; `chars` is the offset in the text just after it."""
        self._end_word(at)
        self._word = (at, chars)
        self._word_end = None

    def finish(self, total: int) -> None:
        """The sentence is `total` samples long: end what is still open."""
        self._end_phoneme(total)
        self._end_word(total)

    @property
    def earliest(self) -> int:
        """Just after the beginning of the sound that is open: the next one cannot begin before."""
        return self._phoneme[0] + 1 if self._phoneme is not None else 0

    def settled(self, total: int) -> int:
        """Up to which of `total` samples every shape and word that begins there is known."""
        open_since = [total]
        if self._phoneme is not None:
            open_since.append(self._phoneme[0] if self._borrowed is None else self._borrowed)
        if self._word is not None:
            open_since.append(self._word[0])
        return min(open_since)

    def take(self, until: int) -> tuple[tuple[Viseme, ...], tuple[Word, ...]]:
        """Remove and return what begins before `until`."""
        visemes = tuple(viseme for viseme in self.visemes if viseme.start < until)
        words = tuple(word for word in self.words if word.start < until)
        self.visemes = self.visemes[len(visemes) :]
        self.words = self.words[len(words) :]
        return visemes, words

    def _end_phoneme(self, at: int) -> None:
        if self._phoneme is None:
            return
        start, mnemonic = self._phoneme
        self._phoneme = None
        if self._borrowed is not None:
            start, self._borrowed = self._borrowed, None
        names = shapes(mnemonic)
        if not names:
            self._borrowed = start  # the next sound's shape begins here already
            return
        for index, name in enumerate(names):
            begin = start + round(index * SECOND_SHAPE_AT * (at - start))
            if self.visemes and self.visemes[-1].start == begin:
                self.visemes.pop()  # a sound of no length leaves no shape
            elif name == self._shape:
                continue
            self.visemes.append(Viseme(begin, name))
            self._shape = name

    def _end_word(self, at: int) -> None:
        if self._word is None:
            return
        start, chars = self._word
        end = at if self._word_end is None else self._word_end
        self._word = self._word_end = None
        # A word whose speech is empty (an unpronounced mark) lends its place in the text to the next one.
        if end > start:
            self.words.append(Word(start, end, chars))


class Assembler:
    """Collects SOUND frames of one sentence into stretches whose events are all known."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._held = np.empty(0, np.int16)
        self._sent = 0

    def add(self, payload: bytes) -> Speech:
        """Take one frame; the answer is what can be said now, perhaps nothing."""
        (count,) = COUNT.unpack_from(payload)
        at = COUNT.size
        self._held = np.concatenate([self._held, np.frombuffer(payload, np.int16, offset=at + count * EVENT.size)])
        for _ in range(count):
            kind, sample, position, length, mnemonic = EVENT.unpack_from(payload, at)
            at += EVENT.size
            if kind == PHONEME:
                name = mnemonic.rstrip(b"\0").decode("utf-8", "replace")
                self._timeline.on_phoneme(self._closure(sample, name), name)
            else:
                self._timeline.on_word(sample, position - 1 + length)
        return self._take(self._timeline.settled(self._sent + len(self._held)))

    def finish(self) -> Speech:
        """The rest of the sentence."""
        total = self._sent + len(self._held)
        self._timeline.finish(total)
        return self._take(total)

    def _closure(self, sample: int, mnemonic: str) -> int:
        """Where the mouth closes for a stop: espeak tells of its burst, the silence before that belongs to it too."""
        if not set(shapes(mnemonic)) & _STOPS:
            return sample
        before = self._held[max(0, sample - self._sent - _CLOSURE) : sample - self._sent]
        loud = np.flatnonzero(np.abs(before) > _SILENT)
        silent = len(before) - (int(loud[-1]) + 1 if len(loud) else 0)
        return max(sample - silent, self._timeline.earliest)

    def _take(self, until: int) -> Speech:
        size = max(0, until - self._sent)
        pcm, self._held = self._held[:size], self._held[size:]
        self._sent += size
        return Speech(pcm, *self._timeline.take(self._sent))
