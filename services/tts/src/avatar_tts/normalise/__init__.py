"""Text as it is to be spoken, with the way back to the text it came from.

`normalise("It costs $3.50, ok?", "en")` speaks "It costs three dollars and fifty cents, okay?", and tells for every
word of that how much of the original has been said once the word is out.
"""

from __future__ import annotations

from dataclasses import dataclass

from avatar_tts.normalise import clean, english, ukrainian
from avatar_tts.normalise.aligned import Rule

_LANGUAGES: dict[str, tuple[Rule, ...]] = {"en": english.RULES, "uk": ukrainian.RULES}


@dataclass(frozen=True)
class Normalised:
    """What to speak.

    Attributes:
        spoken: Words and punctuation only; empty when nothing of the text can be spoken.
        offsets: See `Aligned.offsets`: characters of the original covered by each length of `spoken`.
    """

    spoken: str
    offsets: list[int]

    def covered(self, chars: int) -> int:
        """Characters of the original that have been said in whole words after `chars` characters of `spoken`."""
        return self.offsets[min(max(chars, 0), len(self.offsets) - 1)]


def normalise(text: str, language: str) -> Normalised:
    """Make `text` speakable in `language` (ISO 639). Never raises, whatever the text.

    A language without rules of its own is only cleaned; its engine reads the numbers.
    """
    cleaned = clean.breaks(clean.characters(text).apply(clean.MARKDOWN))
    spoken = cleaned.apply(_LANGUAGES.get(language, ())).apply(clean.FINAL).strip()
    if not any(character.isalnum() for character in spoken.text):
        return Normalised("", [len(text)])
    return Normalised(spoken.text, spoken.offsets())
