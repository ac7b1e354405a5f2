"""What the words of a turn say about the turn: more to come, no more than "mhm", a wish for the floor, or nothing.

English and Ukrainian words are looked up together, since ears may mishear the language.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from avatar_asr.patterns import Endings, split_words

LANGUAGES = ("en", "uk")
_TAIL_WORDS = 16
_SENTENCE_END = re.compile(r"[.!?;:…]+(?:\s+|$)")
_GOES_ON = re.compile(r"(?:[:;–—-]|…|\.{2,})[\"'”»)\]]*$")
_BRACKETED = re.compile(r"[\[(*♪][^\])*♪]*[\])*♪]")
_VOWELS = re.compile("[aeiouyаеєиіїоуюяыэё]+", re.IGNORECASE)
_VOWEL = re.compile("[аеєиіїоуюяыэё]", re.IGNORECASE)

_FASTEST_SYLLABLES_PER_S = 14.0
"""Nobody speaks at twice the rate of fast speech (7 a second): a longer text is not in the sound."""
_LOOP_SYLLABLES_PER_S = 7.0
_ECHO_SHARE = 0.7
_ECHO_LETTERS = 6
_ECHO_SURE_LETTERS = 12
_ECHO_WINDOW_LETTERS = 1_200


class Lexicon:
    """The lists of ``data/en.toml`` and ``data/uk.toml``.

    The first one made in a process reads them in about 0.1 s, all others share them. A question takes microseconds,
    one about an echo up to 3 ms.
    """

    def __init__(self) -> None:
        known = _known()
        self._endings, self._dictating = known.endings, known.dictating
        self._backchannels, self._interrupts = known.backchannels, known.interrupts
        self._not_interrupts = known.not_interrupts
        self._voice_s, self._credits = known.voice_s, known.credits
        self._slight = known.slight

    def words(self, text: str) -> list[str]:
        """The words of `text`: lower case, no punctuation, one apostrophe; a hyphen parts two words."""
        return split_words(text)

    def unfinished(self, text: str) -> bool:
        """Whether the end of `text` promises more.

        A full stop, question mark or comma proves nothing: recognisers put one after anything, a comma above all where
        the sound ends soon after the voice. A trailing dash or ellipsis does.
        """
        words = split_words(text)
        if not words:
            return False
        if _GOES_ON.search(text.rstrip()) and not self._covers(words):
            return True
        sentence = next((part for part in reversed(_SENTENCE_END.split(text)) if split_words(part)), text)
        tail = split_words(sentence, commas=True)
        verdicts = [_dictates(words[-2 * _TAIL_WORDS :], lists) for lists in self._dictating]
        if any(verdict is not None for verdict in verdicts):
            return True in verdicts
        return any(endings.open(tail) for endings in self._endings)

    def backchannel(self, text: str) -> bool:
        """Whether `text` is nothing but backchannels: "mhm", "yeah, right", "так-так, ясно"."""
        words = split_words(text)
        return 0 < len(words) <= _TAIL_WORDS and self._covers(words)

    def slight(self, text: str) -> bool:
        """Whether `text` is nothing but little words, as recognisers hear them in hums: "In them."."""
        return all(word in self._slight for word in split_words(text))

    def interrupt(self, text: str) -> bool:
        """Whether `text` is, or begins with, words that take the floor at once, after backchannels or without."""
        words = split_words(text)[:_TAIL_WORDS]
        if self._covers(words):
            return False
        starts = [0]
        for at in starts:
            if self._longest(self._not_interrupts, words, at):
                continue
            if self._longest(self._interrupts, words, at):
                return True
            skipped = self._longest(self._backchannels, words, at)
            if skipped:
                starts.append(at + skipped)
        return False

    def invented(self, text: str, voice_s: float) -> bool:
        """Whether a recogniser made `text` up from silence or noise.

        Args:
            text: The words.
            voice_s: How much voice there was. A person who did say "thank you" needed more than a recogniser does.
        """
        words = split_words(_BRACKETED.sub(" ", text))
        if not words:
            return True
        limit = self._voice_s.get(tuple(words))
        if limit is not None:
            return voice_s < limit
        if len(words) <= _TAIL_WORDS and any(self._longest(self._credits, words, at) for at in range(len(words))):
            return True
        syllables = sum(map(_syllables, words))
        if syllables > max(4.0, _FASTEST_SYLLABLES_PER_S * voice_s):
            return True
        times = _repetitions(words)
        return times >= 8 or (times >= 4 and syllables > _LOOP_SYLLABLES_PER_S * voice_s)

    def echo_of(self, text: str, said: Sequence[str]) -> bool:
        """Whether `text` was said by the clone itself: most of its letters stand in one place of `said`, in order.

        Letters rather than words, so that misheard, cut and differently parted words count for what they are. One word
        alone is no echo: people answer with a word of the question. Nor is a text whose last two words are not there.

        Args:
            text: What was heard.
            said: Sentences of the reply that plays, in order.
        """
        words = split_words(text)
        heard = "".join(words)
        if len(words) < 2 or len(heard) < _ECHO_LETTERS or self._covers(words):
            return False
        spoken = "".join(split_words(" ".join(said)))[-_ECHO_WINDOW_LETTERS:]
        share = _ECHO_SHARE if len(heard) >= _ECHO_SURE_LETTERS else 0.9
        if _likeness(heard, spoken) < share:
            return False
        return all(_likeness("".join(part), spoken) >= 0.5 for part in (words[-2:], words[:2]))

    def _covers(self, words: Sequence[str]) -> bool:
        """Whether backchannels alone make up `words`."""
        reached = {0}
        for at in range(len(words)):
            if at in reached:
                reached |= {at + len(found) for found in self._backchannels.get(words[at], ()) if _at(words, at, found)}
        return len(words) in reached

    def _longest(self, phrases: _Phrases, words: Sequence[str], at: int) -> int:
        found = phrases.get(words[at], ()) if at < len(words) else ()
        return max((len(phrase) for phrase in found if _at(words, at, phrase)), default=0)


@functools.cache
def table(language: str) -> dict[str, Any]:
    """The data file of one of `LANGUAGES`."""
    source = resources.files("avatar_asr") / "data" / f"{language}.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))


_Phrases = dict[str, list[tuple[str, ...]]]


@dataclass(frozen=True)
class _Known:
    endings: list[Endings]
    dictating: list[dict[str, frozenset[str]]]
    backchannels: _Phrases
    interrupts: _Phrases
    not_interrupts: _Phrases
    voice_s: dict[tuple[str, ...], float]
    credits: _Phrases
    slight: frozenset[str]


@functools.cache
def _known() -> _Known:
    tables = [table(language) for language in LANGUAGES]
    voice_s: dict[tuple[str, ...], float] = {}
    for invented in (data["invented"] for data in tables):
        for kind in ("brief", "spoken"):
            voice_s |= {tuple(split_words(phrase)): float(invented[f"{kind}_s"]) for phrase in invented[kind]}
    return _Known(
        endings=[
            Endings(
                data["classes"], data["unfinished"]["words"], data["unfinished"]["phrases"], data["finished"]["phrases"]
            )
            for data in tables
        ],
        dictating=[{name: frozenset(words.split()) for name, words in data["dictating"].items()} for data in tables],
        backchannels=_phrases(data["backchannel"]["phrases"] for data in tables),
        interrupts=_phrases(data["interrupt"]["phrases"] for data in tables),
        not_interrupts=_phrases(data["interrupt"]["except"] for data in tables),
        voice_s=voice_s,
        credits=_phrases(data["invented"]["credits"] for data in tables),
        slight=frozenset(word for data in tables for word in data["slight"]["words"].split()),
    )


def _phrases(lists: Iterable[list[str]]) -> _Phrases:
    """Phrases by their first word."""
    found: _Phrases = {}
    for phrases in lists:
        for phrase in phrases:
            words = tuple(split_words(phrase))
            found.setdefault(words[0], []).append(words)
    return found


def _at(words: Sequence[str], at: int, phrase: tuple[str, ...]) -> bool:
    return tuple(words[at : at + len(phrase)]) == phrase


def _syllables(word: str) -> int:
    """Groups of vowels, in Cyrillic single vowels; a figure counts as one."""
    if word.isdigit():
        return len(word)
    return len(_VOWEL.findall(word)) or len(_VOWELS.findall(word)) or 1


def _repetitions(words: list[str]) -> int:
    """How often the last phrase of up to six words stands at the end of `words` in a row, if that is most of them."""
    best = 1
    for length in range(1, min(6, len(words) // 2) + 1):
        phrase = words[-length:]
        times = 1
        while words[-length * (times + 1) : -length * times] == phrase:
            times += 1
        if 10 * length * times >= 7 * len(words):
            best = max(best, times)
    return best


def _dictates(words: list[str], lists: dict[str, frozenset[str]]) -> bool | None:
    """Whether a number or spelling at the end of `words` is too short to be whole; None when there is none."""
    spoken = lists["digits"] | lists["tens"] | lists["joints"]
    begin = len(words)
    while begin and (words[begin - 1].isdigit() or words[begin - 1] in spoken or len(words[begin - 1]) == 1):
        begin -= 1
    run, before = words[begin:], frozenset(words[max(0, begin - 6) : begin])
    if not run or before & lists["not_after"]:
        return None
    digits = sum(
        len(word) if word.isdigit() else word in lists["digits"] or 2 * (word in lists["tens"]) for word in run
    )
    letters = sum(len(word) == 1 and word.isalpha() for word in run)
    if run[-1] in lists["joints"] and digits + letters:
        return True
    if letters and before & lists["spelling"]:
        return letters + digits < 4
    if letters or not digits:
        return None
    if before & lists["phone"]:
        # "number one", "call me at 10": a figure or two must be announced.
        least = 3 if before & lists["calling"] else 2 if words[begin - 1] in lists["phone"] else 1
        return least <= digits < 7
    return digits < 4 if before & lists["code"] else None


def _likeness(heard: str, spoken: str) -> float:
    """1 minus the least edits that make `heard` a part of `spoken`, per letter of `heard`.

    Bit-parallel approximate matching (Myers 1999): about 0.3 µs a letter of `spoken`, whatever the length of `heard`.
    """
    size = len(heard)
    places: dict[str, int] = {}
    for at, letter in enumerate(heard):
        places[letter] = places.get(letter, 0) | 1 << at
    full, top = (1 << size) - 1, 1 << (size - 1)
    rises, falls = full, 0
    edits = least = size
    for letter in spoken:
        match = places.get(letter, 0)
        diagonal = (((match & rises) + rises) ^ rises) | match | falls
        up, down = falls | ~(diagonal | rises), rises & diagonal
        if up & top:
            edits += 1
        elif down & top:
            edits -= 1
            least = min(least, edits)
        up, down = up << 1, down << 1
        rises, falls = (down | ~((match | falls) | up)) & full, up & (match | falls) & full
    return 1.0 - least / size
