"""English as it is read aloud: numbers, dates, times, money, units, abbreviations, symbols."""

from __future__ import annotations

import datetime as dt
import re

from num2words import num2words

from avatar_tts.normalise.aligned import Part, Rewrite, Rule, keep, rules, sorted_alternatives
from avatar_tts.normalise.english_data import (
    ABBREVIATIONS,
    CURRENCIES,
    CURRENCY_CODES,
    DENOMINATORS,
    MONTHS,
    SHOUTABLE,
    SPELLED,
    UNITS,
    VULGAR,
    WEEKDAYS,
)
from avatar_tts.normalise.links import LinkWords, link_rules
from avatar_tts.normalise.numbers import MOST_DIGITS, cardinal, digits, phone

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)"
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion"}


def number(text: str) -> str:
    """A plain or decimal number with optional thousands commas."""
    whole, _, fraction = text.replace(",", "").partition(".")
    if len(whole) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        spoken = digits(whole, "en")
    else:
        spoken = cardinal(int(whole), "en")
    return f"{spoken} point {digits(fraction, 'en', 99)}" if fraction else spoken


def year(text: str) -> str:
    """A year: nineteen eighty four, two thousand and five."""
    return str(num2words(int(text), lang="en", to="year")).replace("-", " ")


def ordinal(value: int) -> str:
    """first, twenty third."""
    return str(num2words(value, lang="en", to="ordinal")).replace("-", " ").replace(",", "")


def _date(day: int, month: int, year_text: str | None) -> str:
    dt.date(int(year_text or 2000), month, day)  # raises for the 31st of February
    spoken = f"{MONTHS[month - 1]} {ordinal(day)}"
    return f"{spoken}, {year(year_text)}" if year_text else spoken


def _slashed(match: re.Match[str]) -> str:
    first, second = int(match[1]), int(match[2])
    month, day = (first, second) if first <= 12 else (second, first)
    return _date(day, month, match[3])


def _month(name: str) -> int:
    return next(index for index, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


def _day_first(match: re.Match[str]) -> str:
    day, month = int(match["day"]), _month(match["month"])
    _date(day, month, match["year"])
    spoken = f"{match['the'] or 'the '}{ordinal(day)} of {MONTHS[month - 1]}"
    return f"{spoken}, {year(match['year'])}" if match["year"] else spoken


def _time(match: re.Match[str]) -> str | None:
    hour, minute, second = int(match[1]), int(match[2] or 0), match[3]
    half = match[4]
    if hour > 24 or minute > 59 or (half and not 1 <= hour <= 12):
        return None
    spoken = cardinal(hour, "en")
    if minute:
        spoken += f" {'oh ' if minute < 10 else ''}{cardinal(minute, 'en')}"
    elif not half:
        spoken += " o'clock" if 1 <= hour <= 12 else " hundred"
    if second:
        spoken += f" and {_counted(second, 'second', 'seconds')}"
    return spoken + _half(match, half)


def _half(match: re.Match[str], half: str | None) -> str:
    if not half:
        return ""
    # "5 p.m." keeps its last dot for itself in mid-sentence; the dot of "5 pm." is always a full stop.
    at_end = half.endswith(".") and ("." not in half[:-1] or not match.string[match.end() :].strip("\"')] "))
    return f" {half[0].upper()}-M{'.' if at_end else ''}"


def _hour(match: re.Match[str]) -> str | None:
    return cardinal(int(match[1]), "en") + _half(match, match[2]) if 1 <= int(match[1]) <= 12 else None


def _counted(count: str, one: str, many: str) -> str:
    return f"{number(count)} {one if count in ('1', '1.0') else many}"


def _money(symbol: str, amount: str, scale: str | None) -> str:
    one, many, cent, cents = CURRENCIES[symbol]
    if scale:
        return f"{number(amount)} {_SCALES.get(scale.lower(), scale.lower())} {many}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    if len(fraction) == 2 and cent:
        parts = []
        if int(whole) or not int(fraction):
            parts.append(_counted(str(int(whole)), one, many))
        if int(fraction):
            parts.append(_counted(str(int(fraction)), cent, cents))
        return " and ".join(parts)
    return _counted(amount, one, many)


def _symbol_first(match: re.Match[str]) -> str:
    sign = "minus " if match["sign"] else ""
    return sign + _money(match["symbol"], match["amount"], match["scale"])


def _symbol_last(match: re.Match[str]) -> str:
    symbol = CURRENCY_CODES.get(match["symbol"], match["symbol"])
    return _money(symbol, match["amount"], match["scale"])


def _unit(match: re.Match[str]) -> list[Part]:
    one, many = UNITS[match[2]]
    return [keep(match, 1), f" {one if match[1] == '1' else many}"]


def _range(match: re.Match[str]) -> list[Part]:
    return [keep(match, 1), " to ", keep(match, 2)]


def _decade(match: re.Match[str]) -> str:
    century, tens = match[1], match[2]
    if tens == "0":
        return f"{cardinal(int(century), 'en')} hundreds" if century and century != "'" else "zeros"
    spoken = cardinal(int(f"{tens}0"), "en").removesuffix("y") + "ies" if tens != "1" else "tens"
    return f"{cardinal(int(century), 'en')} {spoken}" if century and century != "'" else spoken


def _fraction(match: re.Match[str]) -> str | None:
    whole, top, bottom = match[1], int(match[2]), int(match[3])
    if bottom not in DENOMINATORS or not 0 < top < bottom:
        return None
    one, many = DENOMINATORS[bottom]
    spoken = f"{'a' if whole and top == 1 else cardinal(top, 'en')} {one if top == 1 else many}"
    return f"{number(whole)} and {spoken}" if whole else spoken


def _vulgar(match: re.Match[str]) -> str:
    top, bottom = VULGAR[match[2]]
    one, many = DENOMINATORS[bottom]
    spoken = f"{'a' if match[1] and top == 1 else cardinal(top, 'en')} {one if top == 1 else many}"
    return f"{number(match[1])} and {spoken}" if match[1] else spoken


def _dotted(match: re.Match[str]) -> str:
    return " point ".join(number(part) if len(part) < 4 else digits(part, "en") for part in match[0].split("."))


def _acronym(match: re.Match[str]) -> str | None:
    word, plural = match[1], match[2]
    letters = [character for character in match.string if character.isalpha()]
    # A sentence in capitals is shouted, not spelled.
    if len(letters) > 2 * len(word) + 4 and sum(map(str.isupper, letters)) > 0.6 * len(letters):
        return None
    vowels = sum(character in "AEIOUY" for character in word)
    if word not in SPELLED and (word in SHOUTABLE or (len(word) >= 4 and vowels)):
        return None
    # Hyphens keep the letters together; a lone "A" would be read as the article.
    return "-".join(word) + ("'s" if plural else "")


def _abbreviation(match: re.Match[str]) -> str:
    spoken = ABBREVIATIONS[match[1]]
    rest = match.string[match.end() :].lstrip("\"') ")
    # The dot of one that ends the sentence ends the sentence too.
    return spoken + ("." if not rest and spoken in ("et cetera", "junior", "senior", "incorporated", "limited") else "")


_COUNTED_YEAR = r"(?!\s*(?:%|percent|people|times|dollars|euros|years|days|words|miles|meters|steps|points|users)\b)"
_MONTH_NAMES = "(?:" + "|".join(f"{name[:3]}(?:{name[3:]})?" if len(name) > 3 else name for name in MONTHS) + "|Sept)"
_SYMBOLS = sorted_alternatives(symbol for symbol in CURRENCIES if not symbol.isalpha())
_SCALE = r"(?:\s?(?P<scale>k|K|m|M|mn|bn|B|tn|thousand|million|billion|trillion)\b)?"

_TABLE: tuple[tuple[str, str | Rewrite], ...] = (
    (r"(?<!\w)#\s?(?=\d)", "number "),
    (r"(?<=(?<!\w)[CF])#(?!\w)", " sharp"),
    (r"(?<!\w)\.NET(?!\w)", "dot net"),
    (rf"(?<!\w)({'|'.join(WEEKDAYS)})\.(?=,|\s\d)", lambda m: WEEKDAYS[m[1]]),
    (rf"(?<!\w)({sorted_alternatives(ABBREVIATIONS)})(?!\w)", _abbreviation),
    (r"(?<![\w.])(?i:no)\.\s?(?=\d)", "number "),
    (r"(?<!\w)St\.\s?(?=[A-Z])", "Saint "),
    (r"(?<!\w)pp?\.\s?(?=\d)", "page "),
    (r"(?<![\w.,$€£₴-])(\d{4})-(\d{2})-(\d{2})(?![\w-])", lambda m: _date(int(m[3]), int(m[2]), m[1])),
    (r"(?<![\w.,])(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\w|\.\d)", lambda m: _date(int(m[1]), int(m[2]), m[3])),
    (r"(?<![\w.,/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\w/])", _slashed),
    (
        rf"(?<!\w)({_MONTH_NAMES})\.?\s(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(\d{{4}}))?(?![\w:]|[.,]\d|\s?%)",
        lambda m: _date(int(m[2]), _month(m[1]), m[3]),
    ),
    (
        rf"(?P<the>\b[Tt]he\s)?(?<![\w.,$€£])(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\sof)?\s(?P<month>{_MONTH_NAMES})\b\.?(?:,?\s(?P<year>\d{{4}})(?!\w))?",
        _day_first,
    ),
    (
        r"(?<![\w.,$€£₴])(?:\+\d{1,3}[\s.(-]{0,2}\d[\d\s()-]{5,16}\d|\(\d{3}\)\s?\d{3}[\s.-]\d{4}|\d{3}[\s.-]\d{3}[\s.-]\d{4}|\d{3}-\d{4}|\+\d{7,15})(?![\w-])",
        lambda m: phone(m[0], "en", "plus"),
    ),
    (r"(?<![\w:.])(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s?([aApP]\.?[mM]\b\.?))?(?![\w:])", _time),
    (r"(?<![\w:.,$€£])(\d{1,2})\s?([aApP]\.[mM]\.?|[aApP][mM]\b\.?)(?!\w)", _hour),
    (r"(?<![\w:])(\d{1,3}):(\d{1,3})(?![\w:])", lambda m: [keep(m, 1), " to ", keep(m, 2)]),
    (rf"(?<!\d)({_NUMBER})\s?[–—]\s?((?:{_SYMBOLS})?{_NUMBER})", _range),
    (rf"(?<![\w-])({_NUMBER})-((?:{_SYMBOLS})?{_NUMBER})(?![\w-])", _range),
    (rf"(?<![\w-])((?:{_SYMBOLS}){_NUMBER})\s?[-–—]\s?((?:{_SYMBOLS})?{_NUMBER})(?![\w-])", _range),
    (rf"(?P<sign>(?<![\w.])-)?(?:US|CA|AU)?(?P<symbol>{_SYMBOLS})\s?(?P<amount>{_NUMBER}){_SCALE}", _symbol_first),
    (
        rf"(?<![\w.,])(?P<amount>{_NUMBER}){_SCALE}\s?(?P<symbol>{_SYMBOLS}|{sorted_alternatives(CURRENCY_CODES)})(?!\w)",
        _symbol_last,
    ),
    (r"(?<=\d)\s?%", " percent"),
    (r"(?<![\w.,])1(?:00|,?000)s(?!\w)", lambda m: "hundreds" if m[0] == "100s" else "thousands"),
    (r"(?<!\w)('|\d{2})?(\d)0'?s(?!\w)", _decade),
    (r"(?<![\w.,])24/7(?!\w|/)", "twenty four seven"),
    (r"(?<![\w./])(?:(\d+)\s)?(\d{1,2})/(\d{1,3})(?![\w/])", _fraction),
    (rf"(?:(?<!\w)(\d+)\s?)?([{''.join(VULGAR)}])", _vulgar),
    (rf"(?<![\w.,])({_NUMBER})\s?({sorted_alternatives(UNITS)})(?![\w/²³])", _unit),
    (r"(?<![\w.,])(\d{1,9})(?:st|nd|rd|th)(?!\w)", lambda m: ordinal(int(m[1]))),
    (r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " "),
    (r"(?<![\d.])\d+(?:\.\d+){2,}(?!\w)", _dotted),
    (rf"(?<![\w.,])(?<!point )(1[1-9]\d\d|20\d\d)(?!\w|[.,]\d){_COUNTED_YEAR}", lambda m: year(m[1])),
    (r"(?<=[A-Z]{2}\s)([1-9]\d[1-9]\d)(?!\w|[.,]\d)", lambda m: year(m[1])),
    (r"(?<=\d)\s?[x×✕]\s?(?=\d)|(?<=\d)\s?\*\s?(?=\d)", " times "),
    (rf"(?:(?<![\w.)])(-)\s?)?({_NUMBER})", lambda m: ("minus " if m[1] else "") + number(m[2])),
)

_TAIL: tuple[tuple[str, str | Rewrite], ...] = (
    (r"\b([A-Z]{2,6})(s)?\b(?!')", _acronym),
    (r"\s?&\s?", " and "),
    (r"\band/or\b", "and or"),
    (r"\s?(?:→|⇒|->|=>)\s?", " to "),
    (r"\s?(?:≈|~)\s?(?=\w)", " about "),
    (r"\s?±\s?", " plus or minus "),
    (r"\s?(?:<=|≤)\s?", " at most "),
    (r"\s?(?:>=|≥)\s?", " at least "),
    (r"\s?(?:!=|≠)\s?", " is not equal to "),
    (r"\s?={1,3}\s?", " equals "),
    (r"(?<=\w)\s?<\s?(?=\w)", " is less than "),
    (r"(?<=\w)\s?>\s?(?=\w)", " is greater than "),
    (r"(?<=\w)\+\+", " plus plus"),
    (r"\+\s?(?=\w)|(?<=\w)\s?\+", " plus "),
    (r"\s?÷\s?", " divided by "),
    (r"(?<=\w)\s?[×✕]\s?(?=\w)", " times "),
    (r"@(?=\w)", " at "),
    (r"#(?=[^\W\d_])", " hashtag "),
    (r"№\s?", " number "),
    (r"§\s?", " section "),
    (r"°", " degrees "),
    (r"(?<=\w)²", " squared "),
    (r"(?<=\w)³", " cubed "),
    (r"(?<=\w)[/\\](?=\w)", " "),
    (r"%", " percent "),
    (r"€", " euros "),
    (r"£", " pounds "),
    (r"\$", " dollars "),
)


RULES: tuple[Rule, ...] = (
    *link_rules(LinkWords("dot", "at", "slash", "dash", "underscore", "plus")),
    *rules(_TABLE),
    *rules(_TAIL),
)
