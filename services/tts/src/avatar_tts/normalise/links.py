"""Web and mail addresses as a person would read them out: the name, and of the path what can be said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from avatar_tts.normalise.aligned import Rule

_TLD = r"(?:com|org|net|io|dev|ai|ua|edu|gov|uk|de|eu|pl|fr|info|me|app|co|tv|gg|укр)"
_URL = re.compile(
    rf"(?<![\w@.])(?:(?:https?|ftp)://(?:www\.)?|www\.)(?P<host>[^\s/?#<>\"')]+)(?P<path>/[^\s?#<>\"')]*)?[^\s<>\"')]*"
    rf"|(?<![\w@.])(?P<bare>(?:[a-z0-9-]{{1,63}}\.){{1,4}}{_TLD})(?P<tail>/[^\s?#<>\"')]*)?(?:[?#][^\s<>\"')]*)?(?![\w@])",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"(?<![\w.@+-])(?:mailto:)?([\w.+-]{1,64})@((?:[\w-]{1,63}\.){1,4}[a-z]{2,12})(?![\w@])", re.IGNORECASE
)
_FILE = re.compile(
    r"(?<![\w.])([\w-]{1,40})\.(py|js|ts|json|toml|yaml|yml|md|txt|csv|pdf|docx?|xlsx?|png|jpe?g|mp[34]|wav|zip|exe|sh|html|css)\b"
)
_MOST_SEGMENTS = 3


@dataclass(frozen=True)
class LinkWords:
    """How a language names the marks in an address."""

    dot: str
    at: str
    slash: str
    dash: str
    underscore: str
    plus: str


def link_rules(words: LinkWords) -> tuple[Rule, ...]:
    """Rules that speak web addresses, mail addresses and file names."""

    def spoken(text: str) -> str:
        for mark, word in ((".", words.dot), ("-", words.dash), ("_", words.underscore), ("+", words.plus)):
            text = text.replace(mark, f" {word} ")
        return text

    def url(match: re.Match[str]) -> str:
        host = match["host"] or match["bare"]
        path = match["path"] or match["tail"] or ""
        ending = re.search(r"[.,;:!?]+$", match[0])
        host = re.sub(r":\d+$", "", host.rstrip(".,;:!?"))
        segments = [segment for segment in path.rstrip(".,;:!?/").split("/") if segment]
        if len(segments) > _MOST_SEGMENTS or any(not _sayable(segment) for segment in segments):
            segments = []
        address = f" {words.slash} ".join(spoken(part) for part in (host, *segments))
        return address + (ending[0] if ending else "")

    def mail(match: re.Match[str]) -> str:
        return f"{spoken(match[1])} {words.at} {spoken(match[2])}"

    def file(match: re.Match[str]) -> str:
        return f"{match[1]} {words.dot} {match[2]}"

    return ((_MAIL, mail), (_URL, url), (_FILE, file))


def _sayable(segment: str) -> bool:
    return len(segment) <= 24 and re.fullmatch(r"[a-z]+(?:[-_.][a-z]+)*\d{0,4}", segment, re.IGNORECASE) is not None
