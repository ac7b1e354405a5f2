"""Who makes which sound when, and what the models of the ears would say about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

RATE = 16_000
FRAME = 512
WORD_S = 0.3
HANG_S = 0.064
"""The voice detector holds on for this long after a voice has ended."""
QUIET_DB = -70.0
NEVER = -1

Kind = Literal["speech", "backchannel", "noise", "echo"]


class Frame(NamedTuple):
    """What one frame of 512 samples brings: see `Turns.step`."""

    probability: float
    loud_end: int
    level_db: float


@dataclass(frozen=True)
class Word:
    """A word and where it lies, in samples of the microphone."""

    text: str
    start: int
    end: int


@dataclass
class Sound:
    """Somebody or something makes itself heard from `start` to `end`, in samples of the microphone.

    Attributes:
        words: What is said in it, word by word.
        heard_as: What the recogniser makes of it instead of its words; None: its words.
        mistaken: What it makes of the sound before it has ended.
        level_db: How loud it is at the microphone.
        voiced: What the voice detector thinks of it.
        likeness: How much it sounds like a backchannel.
        over: How finished it sounds at its end.
    """

    start: int
    end: int
    kind: Kind = "speech"
    words: list[Word] = field(default_factory=list)
    heard_as: str | None = None
    mistaken: str = ""
    level_db: float = -25.0
    voiced: float = 0.95
    likeness: float = 0.05
    over: float = 0.95


class Room:
    """Everything that reaches the microphone.

    Attributes:
        sounds: In the order in which they begin.
        stuck_since: From this sample on the microphone delivers a loud hum that passes for voice; `NEVER`: it works.
        guard: The clone's own voice may still be in it.
    """

    def __init__(self) -> None:
        self.sounds: list[Sound] = []
        self.stuck_since = NEVER
        self.guard = False
        self._loud_end = 0
        self._past = 0

    def speak(
        self,
        start: int,
        text: str,
        *,
        word_s: float = WORD_S,
        heard_as: str | None = None,
        level_db: float = -25.0,
        over: float = 0.95,
        kind: Kind = "speech",
    ) -> Sound:
        """Somebody says `text` from sample `start` on, every word as long as the others."""
        length = round(word_s * RATE)
        words = [Word(word, start + at * length, start + (at + 1) * length) for at, word in enumerate(text.split())]
        sound = Sound(start, words[-1].end, kind, words, heard_as, level_db=level_db, over=over)
        self.sounds.append(sound)
        return sound

    def hum(self, start: int, length_s: float, heard_as: str, *, level_db: float = -30.0) -> Sound:
        """A backchannel: one syllable, through the nose."""
        sound = Sound(start, start + round(length_s * RATE), "backchannel", heard_as=heard_as, level_db=level_db)
        sound.likeness, sound.over = 0.95, 0.9
        self.sounds.append(sound)
        return sound

    def clatter(
        self, start: int, length_s: float, *, voiced: float = 0.8, heard_as: str = "", mistaken: str = ""
    ) -> Sound:
        """A noise; `voiced` of 0.8 fools the voice detector, 0.2 does not."""
        sound = Sound(start, start + round(length_s * RATE), "noise", heard_as=heard_as, mistaken=mistaken)
        sound.voiced, sound.level_db, sound.over = voiced, -32.0, 0.1
        self.sounds.append(sound)
        return sound

    # --- what the models say -----------------------------------------------------------------------------------

    def frame(self, end: int) -> Frame:
        """The frame that ends at sample `end`; ask in order."""
        if NEVER < self.stuck_since < end:
            self._loud_end = end
            return Frame(0.9, end, -15.0)
        probability, level_db = 0.01, QUIET_DB
        while self._past < len(self.sounds) and self.sounds[self._past].end < end - RATE:
            self._past += 1
        for sound in self.sounds[self._past :]:
            overlap = min(end, sound.end) - max(end - FRAME, sound.start)
            if overlap > 0:
                self._loud_end = max(self._loud_end, min(end, sound.end))
                level_db = max(level_db, sound.level_db)
            if overlap >= FRAME // 2:
                probability = max(probability, sound.voiced)
            elif overlap > 0 or sound.end <= end - FRAME // 2 < sound.end + round(HANG_S * RATE):
                probability = max(probability, min(0.6, sound.voiced))
        return Frame(probability, self._loud_end, level_db)

    def words(self, start: int, end: int) -> str:
        """What a decode of the sound from `start` to `end` gives: the words that lie in it with their middle."""
        heard: list[str] = []
        for sound in sorted(self.sounds, key=lambda sound: sound.start):
            if sound.heard_as is not None:
                inside = min(end, sound.end) - max(start, sound.start)
                whole = inside >= 0.95 * (sound.end - sound.start)
                heard += [sound.heard_as if whole or not sound.mistaken else sound.mistaken] if inside > 0 else []
            else:
                heard += [word.text for word in sound.words if start <= (word.start + word.end) // 2 < end]
        return " ".join(filter(None, heard))

    def over(self, start: int, end: int) -> float:
        """How finished the sound from `start` to `end` sounds: the last thing that was heard in it decides."""
        inside = [sound for sound in self.sounds if sound.start < end and sound.end > start]
        last = max(inside, key=lambda sound: sound.start, default=None)
        if last is None or last.end > end + FRAME:
            return 0.05
        return last.over

    def likeness(self, start: int, end: int) -> float:
        """How much the sound from `start` to `end` is like a backchannel."""
        inside = [(min(end, sound.end) - max(start, sound.start), sound) for sound in self.sounds]
        length, sound = max(inside, key=lambda each: each[0], default=(0, None))
        if sound is None or length <= 0:
            return 0.0
        return sound.likeness

    def silent_from(self) -> int:
        """The sample after the last sound."""
        return max((sound.end for sound in self.sounds[self._past :]), default=0)
