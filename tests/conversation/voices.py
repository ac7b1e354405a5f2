"""A voice whose every word can be recognised in what the output plays, and the output that recognises it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import numpy as np

from avatar_contracts import TtsChunk
from avatar_contracts.tts import Word
from avatar_edge.audio import Pcm, Source
from avatar_runtime.engines import EngineInfo
from avatar_tts.engines.base import Speech

RATE = 16_000
"""Of voice and output alike: what is played is then, sample by sample, what was made."""
WORD_S = 0.2
BLOCK_S = 0.01

_MARK = 30_000
_FLOOR = 1_000
_STEP = 720
_DIGITS = 40
_PATTERN = 4
_FAINT = 900
"""A mark below this (-30 dB) is fading away: a ducked one is at 3,800."""


@dataclass(frozen=True)
class SpokenWord:
    """A word as the voice made it: its number, its text, and the place of its sentence in what the voice has said."""

    code: int
    text: str
    utterance: int
    index: int


class CodedVoice:
    """Speaks each word for `WORD_S` as a pattern of four samples: a mark, and three digits relative to it.

    The pattern survives any change of level, so a ducked or fading word is still recognised.

    Attributes:
        words: Every word it has ever made, by its number.
        broken: What the next sentences raise instead of sounding.
        pace_s: Time to make half a second of sound.
    """

    info = EngineInfo(name="coded", device="cpu", licence="", languages=("en", "uk"), rate=RATE)

    def __init__(self) -> None:
        self.words: list[SpokenWord] = []
        self.broken: Exception | None = None
        self.pace_s = 0.01
        self.rate = RATE
        self.languages = ("en", "uk")
        self.spoken_in: list[str] = []
        self._utterances = 0
        self._cancelled = False

    def load(self) -> None:
        """Nothing to load."""

    async def open(self, voice: str) -> CodedVoice:
        """One session is enough."""
        return self

    def gain(self, language: str) -> float:
        """As it is."""
        return 1.0

    async def stream(self, text: str, language: str) -> AsyncGenerator[Speech, None]:
        """Two words at a time."""
        self._cancelled = False
        self._utterances += 1
        utterance = self._utterances
        self.spoken_in.append(language)
        length = round(WORD_S * RATE)
        place = at = 0
        pcm: list[Pcm] = []
        times: list[Word] = []
        parts = text.split()
        for index, part in enumerate(parts):
            if self._cancelled:
                return
            if self.broken is not None:
                raise self.broken
            place = text.index(part, place) + len(part)
            word = SpokenWord(len(self.words), part, utterance, index)
            self.words.append(word)
            pcm.append(_sound(word.code, length))
            times.append(Word(at, at + length, place))
            at += length
            if len(pcm) == 2 or index == len(parts) - 1:
                await asyncio.sleep(self.pace_s)
                if self._cancelled:
                    return
                yield Speech(np.concatenate(pcm), (), tuple(times))
                pcm, times = [], []

    def cancel(self) -> None:
        """End the running stream."""
        self._cancelled = True

    def close(self) -> None:
        """Nothing to free."""


def _sound(code: int, length: int) -> Pcm:
    digits = (code // _DIGITS**2 % _DIGITS, code // _DIGITS % _DIGITS, code % _DIGITS)
    pattern = np.array([_MARK, *(-(_FLOOR + _STEP * digit) for digit in digits)], np.int16)
    return np.tile(pattern, length // _PATTERN)


@dataclass
class Heard:
    """A stretch of one word as it was played: times on the clock of the call, level relative to full."""

    word: SpokenWord
    turn: int
    reply: int
    sentence: int
    start: float
    end: float
    level: float

    @property
    def share(self) -> float:
        """How much of the word that was."""
        return (self.end - self.start) / WORD_S


@dataclass
class Loudspeaker:
    """A virtual output, pulled every `block_s` of the call's clock.

    Attributes:
        latency_s: From the pull to the sound.
        block_s: How much is pulled at a time.
        blocks: What was pulled, in order, each with the time at which it sounds.
    """

    latency_s: float = 0.0
    rate: int = RATE
    block_s: float = BLOCK_S
    blocks: list[tuple[float, Pcm]] = field(default_factory=list)
    _source: Source | None = None
    _due: float = 0.0

    def open(self, source: Source) -> None:
        """Begin to pull."""
        self._source = source
        self._due = asyncio.get_running_loop().time()
        self._pull()

    def _pull(self) -> None:
        if self._source is None:
            return
        plays_at = self._due + self.latency_s
        pcm = self._source(round(self.block_s * RATE), plays_at)
        if pcm.any():
            self.blocks.append((plays_at, pcm))
        self._due += len(pcm) / RATE
        asyncio.get_running_loop().call_at(self._due, self._pull)

    def close(self) -> None:
        """End."""
        self._source = None


def recognise(speaker: Loudspeaker, voice: CodedVoice, chunks: list[TtsChunk]) -> list[Heard]:
    """Which words the output played, and when; a word that was heard in two stretches is listed twice."""
    owners = {
        voice.words[code].utterance: chunk
        for chunk in chunks
        for code in np.unique(_read(np.frombuffer(chunk.pcm, np.int16))[0])
    }
    stretches: list[Heard] = []
    for at, pcm in _joined(speaker.blocks):
        codes, levels, places = _read(pcm)
        edges = np.flatnonzero((np.diff(codes) != 0) | (np.diff(places) > _PATTERN)) + 1
        for first, after in itertools.pairwise([0, *edges, len(codes)]) if len(codes) else ():
            start, end = at + places[first] / RATE, at + (places[after - 1] + 2 * _PATTERN) / RATE
            word, level = voice.words[codes[first]], float(np.median(levels[first:after]))
            chunk = owners[word.utterance]
            stretches.append(Heard(word, chunk.turn, chunk.reply, chunk.sentence, start, end, level))
    return stretches


def _joined(blocks: list[tuple[float, Pcm]]) -> list[tuple[float, Pcm]]:
    """Blocks that follow each other without a break as one."""
    joined: list[tuple[float, list[Pcm]]] = []
    expected = -1.0
    for at, pcm in blocks:
        if abs(at - expected) < BLOCK_S / 2:
            joined[-1][1].append(pcm)
        else:
            joined.append((at, [pcm]))
        expected = at + len(pcm) / RATE
    return [(at, np.concatenate(parts)) for at, parts in joined]


def _read(pcm: Pcm) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, levels and places of the patterns in `pcm` that another one follows."""
    sound = pcm.astype(np.float64)
    if len(sound) <= _PATTERN:
        return np.zeros(0, int), np.zeros(0), np.zeros(0, int)
    begins = (sound[:-_PATTERN] > _FAINT) & (sound[_PATTERN:] > _FAINT)
    for step in range(1, _PATTERN):
        begins &= sound[step : step - _PATTERN] < 0
    places = np.flatnonzero(begins)
    mark, after = sound[places], sound[places + _PATTERN]
    code, whole = np.zeros(len(places), int), mark > _FAINT
    for step in range(1, _PATTERN):  # a fade changes the level within the pattern: it is straight between two marks
        level = mark + (after - mark) * step / _PATTERN
        digit = np.rint((-sound[places + step] / level * _MARK - _FLOOR) / _STEP).astype(int)
        whole &= (digit >= 0) & (digit < _DIGITS)
        code = code * _DIGITS + digit
    return code[whole], mark[whole] / _MARK, places[whole]
