"""A turn that is not over yet: what was heard of it so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from avatar_asr.actions import Draft, Partial
from avatar_asr.onset import FRAME_SAMPLES
from avatar_asr.rules import RATE_HZ, Rules

ASK_SAMPLES = RATE_HZ * 64 // 1_000
"""Silence after which words are asked for; frames come every 32 ms, so that it is 80 ms on average."""

_EXIT = 0.5
_RESUME = 0.6
_MAX_BACKDATE_SAMPLES = RATE_HZ * 200 // 1_000
_MAX_DRAFTS = 3
_MAX_DRAFT_SAMPLES = 10 * RATE_HZ


@dataclass
class Pause:
    """A silence inside or after a turn, and what was asked about it.

    Attributes:
        since: Where the last sound ended.
        hanging: The voice detector still holds on; only the level shows the silence.
        look: Job of the end-of-turn model, 0 before it was asked.
        decode: Job of the decoder, 0 before it was asked.
        probability: The model's answer.
        words: The decoder's answer, without what was never said; None before it came.
        unfinished: The words promise more.
    """

    since: int
    hanging: bool = False
    look: int = 0
    decode: int = 0
    probability: float | None = None
    words: str | None = None
    unfinished: bool = False


@dataclass
class Turn:
    """Speech under way. Positions and lengths are samples at 16 kHz.

    Attributes:
        number: Of the turn.
        start: The first voiced frame.
        piece_start: Where the sound begins that is not decoded in a piece yet, with the quiet before the voice.
        begins: As `start`, of the first part where turns were merged.
        lead: How much earlier than the voice detector the level rose.
        voice: Voiced frames.
        piece_voice: Those since `piece_start`.
        voice_end: After the last voiced frame.
        power: Of the voiced frames, summed.
        pause: The silence that is on.
        before: Words of turns that were taken back; this one goes on from them.
        continues: The first of those turns, 0 for none.
        pieces: Words of the pieces by decode job, in order; None while they are being decoded.
        latest: The words decoded last, as they came; None before any.
        latest_voice: The voice they cover.
        asked_voice: The voice there was when words were asked for last.
        shown: The partial words shown last.
        next_partial: When to ask for the next ones.
        revision: Drafts sent.
        drafted: The words of the last one.
        contested: It meets an answer, and it is not decided whether it is a turn at all.
        said: What the clone was saying when the turn began: those words may be an echo.
        doubted: Where the last pause began that turned out not to be the end.
        ended_at: Where the turn was split off; its last words are still being decoded.
    """

    number: int
    start: int
    piece_start: int
    begins: int
    lead: int = 0
    voice: int = 0
    piece_voice: int = 0
    voice_end: int = 0
    power: float = 0.0
    pause: Pause | None = None
    before: str = ""
    continues: int = 0
    pieces: dict[int, str | None] = field(default_factory=dict)
    latest: str | None = None
    latest_voice: int = 0
    asked_voice: int = 0
    shown: str = ""
    next_partial: int = 0
    revision: int = 0
    drafted: str = ""
    contested: bool = False
    said: Sequence[str] = ()
    doubted: int = -1
    ended_at: int = 0

    @property
    def voiced(self) -> int:
        """Samples of voice, those included that the voice detector was late for."""
        return self.voice + self.lead

    @property
    def level_db(self) -> float:
        """How loud the voice is."""
        return 10.0 * math.log10(self.power * FRAME_SAMPLES / max(self.voice, FRAME_SAMPLES) + 1e-20)

    def heard(self, last: str = "") -> str:
        """The words of this turn itself, `last` those after its pieces."""
        return " ".join(filter(None, [*self.pieces.values(), last]))

    def words(self, last: str = "") -> str:
        """All words: those taken over from turns before, and its own."""
        return " ".join(filter(None, [self.before, self.heard(last)]))

    def precede(self, words: str, first: int, begins: int) -> None:
        """Go on from `words` of turns that were taken back, the first of which is `first` and began at `begins`."""
        self.before = " ".join(filter(None, [words, self.before]))
        self.continues = min(first, self.continues or first)
        self.begins = min(begins, self.begins)

    def hear(self, probability: float, end: int, loud_end: int, level_db: float) -> bool:
        """Take one frame; the arguments are those of `Turns.step`. Returns whether a pause turned out to be none."""
        pause = self.pause
        if probability < (_EXIT if pause is None or pause.hanging else _RESUME):
            if pause is None:
                earliest = max(self.start, self.voice_end - _MAX_BACKDATE_SAMPLES)
                self.pause = Pause(since=min(self.voice_end, max(loud_end, earliest)))
            else:
                pause.hanging = False
            return False
        self.voice += FRAME_SAMPLES
        self.piece_voice += FRAME_SAMPLES
        self.voice_end = end
        self.power += power_of(level_db)
        if pause is None:
            # The detector holds on for 100 to 200 ms after a voice has ended: the level shows it before.
            if ASK_SAMPLES <= end - loud_end <= _MAX_BACKDATE_SAMPLES and loud_end > max(self.start, self.doubted):
                self.pause = Pause(since=loud_end, hanging=True)
            return False
        if pause.hanging and loud_end <= pause.since and end - pause.since <= _MAX_BACKDATE_SAMPLES:
            return False
        self.doubted = pause.since  # unless it gets louder, a voice goes on that is too faint to stand out
        self.pause = None
        return True

    def partial(self, last: str) -> Partial | None:
        """All words so far, if that is news."""
        words = self.words(last)
        if not words or words == self.shown:
            return None
        self.shown = words
        return Partial(self.number, words)

    def draft(self, now: int, rules: Rules) -> Draft | None:
        """What the turn would say if this pause ended it, if that is worth thinking about.

        The last draft is kept for a pause that is likely to be the end.
        """
        pause = self.pause
        if pause is None or pause.words is None or pause.unfinished or not has_words(self.heard(pause.words)):
            return None
        words = self.words(pause.words)
        if words == self.drafted or self.revision >= _MAX_DRAFTS or pause.since - self.begins > _MAX_DRAFT_SAMPLES:
            return None
        sounds_over = (pause.probability or 0.0) > rules.end_threshold
        if self.revision == _MAX_DRAFTS - 1 and not sounds_over and now - pause.since < rules.min_silence:
            return None
        self.revision += 1
        self.drafted = words
        return Draft(self.number, self.revision, words, pause.since)


def has_words(text: str) -> bool:
    """Whether anything in `text` can be said."""
    return any(character.isalnum() for character in text)


def power_of(level_db: float) -> float:
    """The power of a frame of that level."""
    return float(10.0 ** (level_db / 10.0))
