"""Cuts a stream of text into pieces worth speaking: one early clause, then whole sentences.

The text is read one character at a time, so the pieces cannot depend on how the stream was split into tokens.
English and Ukrainian rules live side by side: their scripts differ, and replies may mix both languages.
"""

import re

from avatar_llm.lexicon import BOUND, EITHER, NAMES, OPENING, STARTERS, UNITS

PIECE_LIMIT = 280
"""Characters: text without any punctuation is cut at a word before it grows longer than this."""

CLAUSE_WORDS = 3
"""Words the first clause needs before a comma may end it: fewer would sound chopped."""

_TOKEN = re.compile(r"^[\"«“„‘'(\[*_]*(?P<word>.*?)(?P<mark>[.!?…]+)(?P<closers>[\"»”’')\]*_]*)$", re.DOTALL)
_CLAUSE = re.compile(r"[,;:][\"»”’')\]]*$")
_DASHES = frozenset("—–-")
_SKIPPED = frozenset("\"«“„‘'([—–-*_#•> \t\r\n\v\f\u00a0")
_CURT = 4
"""Letters from which a lower-case word that is no known abbreviation ends its sentence without a look ahead."""


class SentenceChunker:
    """Collects streamed text and gives back finished pieces.

    `push` takes any slice of the stream, `flush` ends it; both return the pieces that became certain, without
    surrounding whitespace. Joined together the pieces are the input, whitespace aside. Pure: no clock, no I/O.
    """

    def __init__(self, *, limit: int = PIECE_LIMIT) -> None:
        self._limit = limit
        self._buffer = ""
        self._seam = 0  # where a possible end awaits the next word; 0 when none does
        self._judge = _ends  # what decides about the seam
        self._clause = 0  # the latest place inside the buffer where a long sentence may breathe
        self._opened = False  # a piece of CLAUSE_WORDS words is out, so only whole sentences follow

    def push(self, text: str) -> list[str]:
        """Adds `text`; returns the pieces it completes, in order."""
        pieces: list[str] = []
        for char in text:
            self._take(char, pieces)
        return pieces

    def flush(self) -> list[str]:
        """Ends the stream; returns what is left. The chunker is then as good as new."""
        rest = _tidy(self._buffer)
        self._buffer = ""
        self._seam = self._clause = 0
        self._opened = False
        return [rest] if rest else []

    def _take(self, char: str, pieces: list[str]) -> None:
        if not self._buffer and char.isspace():
            return
        self._buffer += char
        if self._seam:
            verdict = self._judge(self._buffer[: self._seam], self._buffer[self._seam :])
            if verdict:
                self._cut(self._seam, pieces)
                return
            if verdict is False:
                self._seam = 0
        if char == "\n" and not _is_label(self._buffer):
            self._cut(len(self._buffer), pieces)
            return
        if char.isspace() and not self._buffer[-2].isspace() and not self._seam:
            self._word_end(pieces)
        if len(self._buffer) >= self._limit:
            self._cut(self._clause or _last_space(self._buffer.rstrip()) + 1 or len(self._buffer), pieces)

    def _word_end(self, pieces: list[str]) -> None:
        """A word has just been followed by whitespace: may the piece end here?"""
        here = len(self._buffer)
        clause = not self._opened and _breathes(self._buffer) and _words(self._buffer) >= CLAUSE_WORDS
        self._judge = _pauses if clause else _ends
        verdict = self._judge(self._buffer, "")
        if verdict:
            self._cut(here, pieces)
        elif verdict is None:
            self._seam = here
        elif here > self._limit // 3 and _breathes(self._buffer):
            self._clause = here

    def _cut(self, at: int, pieces: list[str]) -> None:
        piece, rest = _tidy(self._buffer[:at]), self._buffer[at:].lstrip()
        self._opened = self._opened or _words(piece) >= CLAUSE_WORDS
        self._seam = self._clause = 0
        self._buffer = ""
        if piece:
            pieces.append(piece)
        for char in rest:  # what was read ahead is judged afresh as the start of the next piece
            self._take(char, pieces)


def _ends(head: str, ahead: str) -> bool | None:
    """Whether a sentence ends after `head`, given what follows; None while `ahead` is too short to tell."""
    head = head.rstrip()
    match = _TOKEN.match(head[_last_space(head) + 1 :])
    if match is None:
        return False
    word, mark, closers = match["word"].lower(), match["mark"], match["closers"]
    if mark != ".":
        if not closers and ("!" in mark or "?" in mark) and not mark.endswith(".."):
            return True
        follows = _kind(ahead)
        return None if follows is None else follows != "lower"
    if _is_label(head):
        return False
    if len(word) == 1 and match["word"].isupper() and not _is_lone_i(head):
        return False  # an initial
    number_before = _before(head)[-1:].isdigit()
    if word in OPENING or (word in UNITS and not number_before):
        return False
    return _ends_after_word(word, match["word"], closers, ahead, unit=word in UNITS)


def _ends_after_word(word: str, written: str, closers: str, ahead: str, *, unit: bool) -> bool | None:
    """The same verdict for a single full stop after a word that neither opens a name nor is an initial."""
    if word in NAMES:
        start = ahead.lstrip("".join(_SKIPPED))
        opener = re.match(r"[^\W\d_]+(?=[\W\d_])", start)
        if opener is None:
            return None if not start or start[-1].isalpha() else False
        return opener[0][0].isupper() and opener[0].lower() in STARTERS
    plain = written.isalpha() and written.islower() and len(word) >= _CURT
    if plain and not closers and not unit and word not in EITHER:
        return True
    follows = _kind(ahead)
    if follows is None:
        return None
    if word == "no" or word in EITHER or unit or word[-1:].isdigit():
        return follows in ("upper", "other")
    return follows != "lower"


def _kind(ahead: str) -> str | None:
    """How the next word begins: lower, upper, digit, other (an emoji); None when it has not begun."""
    for char in ahead:
        if char in _SKIPPED:
            continue
        if char.isdigit():
            return "digit"
        if char.isalpha():
            return "upper" if char.isupper() or not char.islower() else "lower"
        return "other"
    return None


def _breathes(head: str) -> bool:
    """Whether a clause ends after `head`: a comma, semicolon or colon, or a dash that stands alone."""
    head = head.rstrip()
    token = head[_last_space(head) + 1 :]
    if token in _DASHES:
        return True
    return bool(_CLAUSE.search(token)) and not token.rstrip(",;:")[-1:].isdigit()


def _pauses(head: str, ahead: str) -> bool | None:
    """Whether speech pauses at the comma that ends `head`; None while the next word is too short to tell."""
    if not "а" <= head.rstrip(" ,;:—–-")[-1:].lower() <= "ґ":
        return True
    match = re.match(r"[^\W\d_]*", ahead)
    word = match[0].lower() if match else ""
    if len(word) < len(ahead):
        return word not in BOUND
    return None if any(bound.startswith(word) for bound in BOUND) else True


def _is_label(head: str) -> bool:
    """A list number or letter alone at the start of a piece: "2." belongs to what follows."""
    return re.fullmatch(r"\s*[*\-•]?\s*(\d{1,2}|[A-Za-zА-ЯІЇЄҐа-яіїєґ])[.)]\s*", head) is not None


def _is_lone_i(head: str) -> bool:
    """The pronoun in "So do I.": the word before it is lower case, so it is no initial of a name."""
    return head.endswith("I.") and _before(head).islower()


def _before(head: str) -> str:
    """The word before the last one."""
    words = head.rsplit(maxsplit=2)
    return words[-2] if len(words) > 1 else ""


def _words(text: str) -> int:
    return sum(any(map(str.isalnum, word)) for word in text.split())


def _last_space(text: str) -> int:
    return max((text.rfind(space) for space in (" ", "\n", "\t", "\u00a0")), default=-1)


def _tidy(text: str) -> str:
    return " ".join(text.split())
