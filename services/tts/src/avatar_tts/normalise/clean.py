"""What text of any language loses before it is spoken: odd characters, Markdown, emoji."""

from __future__ import annotations

import html
import re
import unicodedata

from avatar_tts.normalise.aligned import Aligned, Part, Rule, keep, rules

_MAPPED = {
    "\t": " ", "\r": " ", "\x0b": " ", "\x0c": " ", "\x85": "\n", "\u2028": "\n", "\u2029": "\n",
    "’": "'", "‘": "'", "ʼ": "'", "´": "'", "′": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "″": '"', "‐": "-", "‑": "-", "‒": "–", "―": "—", "−": "-", "⁄": "/", "∕": "/", "µ": "μ", "₂": "2",
    "№": "№", "℃": "°C", "℉": "°F", "™": "", "®": "", "©": "", "℠": "",
}  # fmt: skip
_COMPATIBLE = ("<font>", "<wide>", "<narrow>", "<circle>", "<square>", "<compat>")
_KEPT_SYMBOLS = "°№"
BREAK = "\x1e"
"""Stands where a heading, a list item or a paragraph ends, until it becomes a full stop."""


def characters(text: str) -> Aligned:
    """Drop control, bidi, format, private and unassigned characters; undo styled letters; compose accents."""
    out: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        for piece in _character(character):
            if unicodedata.combining(piece) and out:
                composed = unicodedata.normalize("NFC", out[-1] + piece)
                if len(composed) == 1:
                    out[-1] = composed
                    continue
            if "\u0300" <= piece <= "\u036f":
                continue  # a stress mark or decoration nothing composes with
            if piece == " " and out and out[-1] == " ":
                continue
            out.append(piece)
            origins.append(index)
    return Aligned(text, "".join(out), origins)


def _character(character: str) -> str:
    if character in _MAPPED:
        return _MAPPED[character]
    if character < "\x7f":
        return character if character >= " " or character == "\n" else ""
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Cs", "Co", "Cn") or "\ufe00" <= character <= "\ufe0f":
        return ""
    if category == "Me":
        return ""  # the frame of a keycap
    if category == "Zs":
        return " "
    # "🅰" and "🄰" are letters in a frame: emoji, not words.
    if category == "So" and character not in _KEPT_SYMBOLS and not "Ⓐ" <= character <= "ⓩ":
        return " "
    if "\U0001f3fb" <= character <= "\U0001f3ff":
        return ""
    if unicodedata.decomposition(character).startswith(_COMPATIBLE):
        return unicodedata.normalize("NFKC", character)
    return character


def _inner(match: re.Match[str]) -> list[Part]:
    return [keep(match, 1)]


def _entity(match: re.Match[str]) -> str | None:
    character = html.unescape(match[0])
    return characters(character).text if character != match[0] else None


def _cells(match: re.Match[str]) -> list[Part]:
    return [BREAK, keep(match, 1), BREAK]


MARKDOWN: tuple[Rule, ...] = rules(
    (
        # Code is for the eye. A fence that is not closed runs to the end.
        (r"(?s)(```|~~~).*?(?:\1|\Z)", BREAK),
        (r"`([^`\n]*)`", _inner),
        (r"(?s)<!--.*?(?:-->|\Z)", " "),
        (r"<((?:https?://|mailto:)?[^\s<>@]+(?:[./@][^\s<>]+))>", _inner),
        (r"</?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]{0,200})?/?>", " "),
        (r"!?\[([^\[\]\n]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+\"[^\"\n]*\")?\)", _inner),
        (r"!?\[([^\[\]\n]+)\]\[[^\[\]\n]*\]", _inner),
        (r"\[\^[^\[\]\n]{1,20}\]:?", ""),
        (r"(?<=[\w.,!?])\[\d{1,3}\]", ""),
        (r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,5}|[a-zA-Z]{2,8});", _entity),
        (r"(?m)^[ ]*(?:[-*_][ ]*){3,}$|^[ ]*=+[ ]*$", BREAK),
        (r"(?m)^[ ]*\|?[ ]*:?-+:?[ ]*(?:\|[ ]*:?-*:?[ ]*)+$", BREAK),
        (r"(?m)^[ ]*\|(.*?)\|?[ ]*$", _cells),
        (r"[ ]*\|[ ]*", ", "),
        (r"(?m)^[ ]*#{1,6}[ ]+(.*?)[ #]*$", _cells),
        (r"(?m)^[ ]*(?:>[ ]*)+", ""),
        (r"(?m)^[ ]*[-*+•‣▪·—–][ ]+(?:\[[ xX]\][ ]*)?", BREAK),
        (r"(?m)^[ ]*(\d{1,3})[.)][ ]+(?=\S)", lambda match: [BREAK, keep(match, 1), ", "]),
        (r"\n[ ]*\n\s*", BREAK),
        (r"\n", " "),
        (r"(?<!\w)(\*{1,3}|_{1,3}|~~)(?=\S)", ""),
        (r"(?<=\S)(\*{2,3}|_{1,3}|~~)(?!\w)", ""),
        (r"(?<=[^\s\d])\*(?!\w)|\*\*", ""),
        (r"(?<!\S)(?:[:;=8xX]['^-]?[()DPp3]+|<3+|\^_*\^|:-?[/|\\])(?!\S)", " "),
    )
)


def breaks(text: Aligned) -> Aligned:
    """Make every BREAK a full stop where a sentence stands open before it, nothing elsewhere."""
    return text.sub(
        re.compile(rf"([^\s{BREAK}]?)\s*(?:{BREAK}\s*)+(?=(.?))", re.DOTALL),
        lambda match: (
            [keep(match, 1), ". " if match[2] and (match[1].isalnum() or match[1] in ")]\"'%") else " "]
            if match[1]
            else ""
        ),
    )


FINAL: tuple[Rule, ...] = rules(
    (
        (r"(?:[^\w.,!?;:'\"()…—–-]|_)+", " "),
        (r"…|\.{3,}", "..."),
        (r"[!?]*\?[!?]*", "?"),
        (r"!{2,}", "!"),
        (r"\s*[—–]+\s*|\s+-+(?!\w)\s*|--+", lambda match: ", " if match.start() else ""),
        (r"(?<!\w)-+(?!\w)", " "),
        (r"\(\s*\)|\"\s*\"", " "),
        (r"\s+(?=[.,!?;:)])", ""),
        (r"([,;:])(?:\s*[,;:])+", lambda match: [keep(match, 1)]),
        (r"[,;:]\s*(?=[.!?])", ""),
        (r"(?<![.\d])\.{2}(?!\.)", "."),
        (r"^[\s,;:.!?)]+", ""),
        (r"\s{2,}", " "),
    )
)
