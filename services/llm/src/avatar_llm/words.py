"""Words as they are compared: without case, punctuation, and the many ways to write the same apostrophe."""

import re
import unicodedata

_APOSTROPHES = re.compile("[’‘ʼ`´′ʹ]")
_NOT_WORDS = re.compile(r"[^\w\s']|_")
_SPOKEN_SHORT = (
    (re.compile(r"\b(can)(?:not|'t)\b"), r"\1 not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"\b(what|who|where|when|how|it|that|there|here|he|she|everything)'?s\b"), r"\1 is"),
    (re.compile(r"\bi'?m\b"), "i am"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'d\b"), " would"),
)


def clean(text: str, limit: int) -> str:
    """`text` fit for a model: NFC, one line, no control or direction characters, at most `limit` characters."""
    shown = (" " if char.isspace() else char for char in text[: 4 * limit] if _is_visible(char))
    return " ".join(unicodedata.normalize("NFC", "".join(shown)).split())[:limit].rstrip()


def key(text: str) -> str:
    """The words of `text` alone, lower case, one space apart: equal for two spellings of the same sentence."""
    text = _APOSTROPHES.sub("'", unicodedata.normalize("NFKC", text)).lower()
    return " ".join(_NOT_WORDS.sub(" ", text).split())


def spread(text: str) -> str:
    """`key(text)` with English contractions written out: "what's" and "what is" become one."""
    text = key(text)
    for pattern, full in _SPOKEN_SHORT:
        text = pattern.sub(full, text)
    return text.replace("'", "")


def speakable(text: str) -> bool:
    """Whether there is anything in `text` to pronounce."""
    return any(map(str.isalnum, text))


def _is_visible(char: str) -> bool:
    category = unicodedata.category(char)
    return char.isspace() or category not in ("Cc", "Cf", "Cs", "Co", "Cn") or char == "\u200d"
