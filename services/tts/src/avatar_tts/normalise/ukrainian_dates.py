"""Ukrainian dates, years, centuries and times of day."""

from __future__ import annotations

import datetime as dt
import re

from avatar_tts.normalise.aligned import Part, Rewrite
from avatar_tts.normalise.ukrainian_data import MONTHS
from avatar_tts.normalise.ukrainian_numbers import cardinal, ordinal


def _date(day: int, month: int, year: str | None, form: str = "gen") -> str:
    dt.date(int(year or 2000), month, day)  # raises for the 31st of February
    spoken = f"{ordinal(day, form)} {MONTHS[month - 1]}"
    return f"{spoken} {ordinal(int(year), 'gen')} року" if year else spoken


def _written_date(match: re.Match[str]) -> str:
    form = "n" if match["today"] or match["ending"] in ("е", "те", "ше", "ге", "тє", "ме") else "gen"
    spoken = _date(int(match["day"]), MONTHS.index(match["month"].lower()) + 1, match["year"], form)
    return f"{match['today'] or ''}{spoken}"


def _year(match: re.Match[str]) -> list[Part] | None:
    word = match["word"]
    form = {"рік": "m", "році": "loc", "роком": "ins"}.get(word, "gen")
    spoken = "року" if word in ("р.", "р") else word
    if word in ("р.", "р") and match["in"]:
        form, spoken = "loc", "році"
    tail = "." if word == "р." and not match.string[match.end() :].strip() else ""
    return [match["in"] or "", f"{ordinal(int(match['year']), form)} {spoken}{tail}"]


def _years(match: re.Match[str]) -> str:
    form, word = ("loc", "роках") if match[3] == "роках" else ("m", "роки")
    return f"{ordinal(int(match[1]), form)} – {ordinal(int(match[2]), form)} {word}"


def _century(match: re.Match[str]) -> str | None:
    values = {"I": 1, "V": 5, "X": 10}
    total = 0
    numerals = [values[letter] for letter in match["roman"]]
    for index, value in enumerate(numerals):
        total += -value if index + 1 < len(numerals) and numerals[index + 1] > value else value
    word = match["word"]
    if match["in"] or word == "столітті":
        return f"{match['in'] or ''}{ordinal(total, 'loc')} столітті"
    return f"{ordinal(total, 'n')} століття"


def _time(match: re.Match[str]) -> str | None:
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 24 or minute > 59:
        return None
    before = (match["before"] or "").strip()
    form = (
        "f_loc"
        if before.lower() in ("о", "об")
        else "f_gen"
        if before and before.lower() not in ("на", "в", "у")
        else "f"
    )
    spoken = ordinal(hour, form)
    if minute:
        spoken += f" {'нуль ' if minute < 10 else ''}{cardinal(minute, 'feminine')}"
    else:
        spoken += {"f_loc": " годині", "f_gen": " години"}.get(form, " година")
    return f"{joined_at(before, hour)}{spoken}"


def joined_at(before: str, hour: int) -> str:
    """The preposition in front of an hour, with the space after it: «об» before eleven."""
    if before.lower() in ("о", "об"):
        joined = "об" if hour == 11 else "о"
        before = joined.capitalize() if before[0].isupper() else joined
    return f"{before} " if before else ""


def _hour(match: re.Match[str]) -> str | None:
    hour = int(match["hour"])
    if hour > 24:
        return None
    return f"{joined_at(match['before'].strip(), hour)}{ordinal(hour, 'f_loc')}{' годині' if match['word'] else ' '}"


_MONTHS = "|".join(MONTHS)

DATES: tuple[tuple[str, str | Rewrite], ...] = (
    (r"(?<![\w.,-])(\d{4})-(\d{2})-(\d{2})(?![\w-])", lambda m: _date(int(m[3]), int(m[2]), m[1])),
    (
        r"(?<![\w.,])(\d{1,2})\.(\d{1,2})\.(\d{4})(?:\s?(?:року|р\.|р(?!\w)))?(?!\w|\.\d)",
        lambda m: _date(int(m[1]), int(m[2]), m[3]),
    ),
    (
        rf"(?P<today>(?<!\w)(?i:сьогодні|завтра|вчора|учора|це)\s)?(?<![\w.,])(?P<day>\d{{1,2}})(?:-(?P<ending>го|е|те|ше|ге|тє|ме))?\s(?P<month>(?i:{_MONTHS}))(?!\w)(?:\s(?P<year>\d{{4}})(?:\s?(?:року|р\.|р(?!\w)))?(?!\w))?",
        _written_date,
    ),
    (r"(?<![\w.,])(\d{4})\s?[–—-]\s?(\d{4})\s?(рр\.?|роки|років|роках)(?!\w)", _years),
    (
        r"(?P<in>(?<!\w)[УуВв]\s)?(?<![\w.,])(?P<year>1\d{3}|20\d{2})\s?(?P<word>року|році|роком|рік|р\.|р(?=[\s,.;!?)]|$))(?!\w)",
        _year,
    ),
    (r"(?P<in>(?<!\w)[УуВв]\s)?(?<!\w)(?P<roman>[IVX]{1,5})\s?(?P<word>ст\.|століття|столітті)(?!\w)", _century),
    (
        r"(?P<before>(?<!\w)(?i:о|об|до|після|з|із|від|близько|біля|на|в|у)\s)?(?<![\w:.,])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2})?(?![\w:])(?:\s(?:годині|години|год\.?)(?!\w))?",
        _time,
    ),
    (
        r"(?P<before>(?<!\w)(?i:о|об)\s)(?P<hour>\d{1,2})\.(?P<minute>\d{2})(?![\w:]|\.\d)(?:\s(?:годині|год\.?)(?!\w))?",
        _time,
    ),
    (
        r"(?P<before>(?<!\w)(?i:о|об)\s)(?P<hour>\d{1,2})\s?(?:(?P<word>годині|год\.?)(?!\w)|(?=(?:ранку|дня|вечора|ночі)(?!\w)))",
        _hour,
    ),
)
"""Rules in order; they come before those for plain numbers."""
