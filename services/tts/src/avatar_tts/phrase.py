"""One sentence's sound on its way from the engine to chunks: level, trimming, fades, pause, cutting, times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_contracts import Viseme, Word
from avatar_tts.engines.base import Speech

_AUDIBLE = 0.003
"""Share of full scale (-50 dB) below which a sample counts as silence."""
_LEAD_S, _TAIL_S, _FADE_S = 0.010, 0.030, 0.005

_PAUSES_S = {"…": 0.25, "?": 0.22, "!": 0.22, ".": 0.20, ";": 0.16, ":": 0.16, "—": 0.15, "–": 0.15}
_SHORT_PAUSE_S = 0.12


def pause_s(text: str) -> float:
    """Seconds of silence after a sentence, by the mark it ends with: 0.12 after a clause, up to 0.25."""
    bare = text.rstrip("\"')]»”* ")
    if bare.endswith("..."):
        return _PAUSES_S["…"]
    return _PAUSES_S.get(bare[-1:], _SHORT_PAUSE_S)


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece ready to be published: see `TtsChunk` for the fields."""

    start: int
    pcm: bytes
    visemes: tuple[Viseme, ...]
    words: tuple[Word, ...]
    last: bool = False


class Phrase:
    """Shapes one sentence. Pure: sound in, cuts out; times become those of the reply clock.

    Silence at both ends is trimmed, `pause` samples of silence go in front, the joins are faded over 5 ms, and the
    gain is fixed. The first cut holds at least `first` samples where the sentence has them, the others `size`.
    """

    def __init__(self, *, rate: int, gain: float, start: int, pause: int, first: int, size: int) -> None:
        self._gain = gain / 32768
        self._lead, self._tail, self._fade = (round(span * rate) for span in (_LEAD_S, _TAIL_S, _FADE_S))
        self._want, self._size = first, size
        self._pause = pause
        self._begin = start + pause  # reply clock at the first sample of speech
        self._trimmed: int | None = None  # engine samples cut off in front; None until something is audible
        self._fade_in = np.linspace(0, 1, self._fade, dtype=np.float32)  # what of it is still to be applied
        self._sound = np.zeros(pause, np.float32)  # ready, not cut yet
        self._silence = np.empty(0, np.float32)  # a silence that is a pause or the end: not known yet
        self._visemes = [Viseme(start, "sil")] if pause else []
        self._words: list[Word] = []
        self._shape: Viseme | None = None  # the last one cut
        self.end = start
        """Reply clock after the last sample cut so far."""

    def push(self, speech: Speech) -> list[Cut]:
        """Take the next stretch; the answer is every cut that is complete, often none."""
        self._take_sound(speech.pcm.astype(np.float32) * self._gain)
        self._visemes += speech.visemes if self._trimmed is None else map(self._viseme, speech.visemes)
        self._words += speech.words if self._trimmed is None else map(self._word, speech.words)
        cuts = []
        # The end of what has come is held back: it may be the end of the sentence, which is faded out.
        while self._trimmed is not None and len(self._sound) - self._fade >= self._want:
            cuts.append(self._cut(self._want, last=False))
        return cuts

    def finish(self) -> list[Cut]:
        """The rest of the sentence; nothing when none of it was audible."""
        if self._trimmed is None:
            return []
        self._sound = np.concatenate([self._sound, self._silence[: self._tail]])
        self._sound[-self._fade :] *= np.linspace(1, 0, len(self._sound[-self._fade :]), dtype=np.float32)
        end = self.end + len(self._sound)
        self._visemes = [viseme for viseme in self._visemes if viseme.start < end]
        shape = self._visemes[-1] if self._visemes else self._shape
        if shape is not None and shape.name != "sil":
            self._visemes.append(Viseme(min(end - 1, max(shape.start + 1, end - self._tail)), "sil"))
        self._words = [Word(min(word.start, end - 1), min(word.end, end), word.chars) for word in self._words]
        return [self._cut(len(self._sound), last=True)]

    def _take_sound(self, sound: NDArray[np.float32]) -> None:
        audible = np.flatnonzero(np.abs(sound) > _AUDIBLE)
        if not len(audible):
            self._silence = np.concatenate([self._silence, sound])
            return
        before = np.concatenate([self._silence, sound[: audible[0]]])
        if self._trimmed is None:
            self._trimmed = max(0, len(before) - self._lead)
            before = before[self._trimmed :]
            paused = int(self._pause > 0)  # the pause's own shape is in the reply clock already
            self._visemes[paused:] = map(self._viseme, self._visemes[paused:])
            self._words = list(map(self._word, self._words))
        joined = np.concatenate([before, sound[audible[0] : audible[-1] + 1]])
        ramp = self._fade_in[: len(joined)]
        joined[: len(ramp)] *= ramp
        self._fade_in = self._fade_in[len(ramp) :]
        self._sound = np.concatenate([self._sound, joined])
        self._silence = sound[audible[-1] + 1 :]

    def _clock(self, engine_sample: int) -> int:
        assert self._trimmed is not None
        return self._begin + max(0, engine_sample - self._trimmed)

    def _viseme(self, viseme: Viseme) -> Viseme:
        return Viseme(self._clock(viseme.start), viseme.name)

    def _word(self, word: Word) -> Word:
        return Word(self._clock(word.start), self._clock(word.end), word.chars)

    def _cut(self, size: int, *, last: bool) -> Cut:
        sound, self._sound = self._sound[:size], self._sound[size:]
        start, self.end = self.end, self.end + size
        visemes = tuple(viseme for viseme in self._visemes if last or viseme.start < self.end)
        words = tuple(word for word in self._words if last or word.start < self.end)
        self._visemes = self._visemes[len(visemes) :]
        self._words = self._words[len(words) :]
        self._shape = visemes[-1] if visemes else self._shape
        self._want = self._size
        pcm = np.clip(sound * 32768, -32768, 32767).astype("<i2").tobytes()
        return Cut(start, pcm, visemes, words, last)
