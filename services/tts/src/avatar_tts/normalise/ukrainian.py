"""Ukrainian as it is read aloud: numbers in their case, dates, times, money, units, abbreviations, symbols."""

from __future__ import annotations

import re

from avatar_tts.normalise.aligned import Part, Rewrite, Rule, keep, rules, sorted_alternatives
from avatar_tts.normalise.links import LinkWords, link_rules
from avatar_tts.normalise.numbers import digits, phone
from avatar_tts.normalise.ukrainian_data import (
    ABBREVIATIONS,
    ACCUSATIVE_AFTER,
    ACRONYMS,
    CURRENCIES,
    CURRENCY_CODES,
    FEMININE_AFTER,
    FRACTIONS,
    LATIN_LETTERS,
    LETTERS,
    NEUTER_AFTER,
    PERCENT,
    SCALES,
    UNITS,
    VULGAR,
    WORDS_IN_CAPITALS,
)
from avatar_tts.normalise.ukrainian_dates import DATES, joined_at
from avatar_tts.normalise.ukrainian_numbers import (
    GENITIVE,
    cardinal,
    counted,
    number,
    ordinal,
    parse,
    scaled,
)

_NUMBER = r"(?:\d{1,3}(?:[ ]\d{3})+(?!\d)(?:,\d+)?|\d+(?:[.,]\d+)?)"
_LETTER = "а-щьюяєіїґА-ЩЬЮЯЄІЇҐ"
_GENITIVE_BEFORE = (
    "до", "від", "близько", "біля", "без", "після", "протягом", "упродовж", "впродовж", "більше", "менше", "понад",
    "з", "із", "зі", "не менше", "не більше", "серед", "для", "щодо",
)  # fmt: skip
# "понад" takes the accusative, which for counted things sounds like the nominative.
_PREPOSITION = (
    rf"(?P<before>(?<!\w)(?i:{sorted_alternatives(word for word in _GENITIVE_BEFORE if word != 'понад')})\s)?"
)
_ORDINAL_ENDINGS = (
    ("m", ("ий", "й", "ій")), ("f", ("а", "я", "ша", "га", "тя", "та", "ма")),
    ("n", ("е", "є", "ше", "ге", "тє", "те", "ме")), ("gen", ("го", "ого", "ього")), ("loc", ("му", "ому", "ьому")),
    ("f_gen", ("ї", "ої", "ьої")), ("f_acc", ("у", "ю", "шу", "гу", "тю", "ту", "му")), ("ins", ("м", "им", "ім")),
    ("pl", ("і", "ші", "гі", "ті", "мі")), ("pl_gen", ("х", "их", "іх", "тих", "ших")),
)  # fmt: skip
_COMPOUND = {1: "одно", 2: "дво", 3: "три", 4: "чотири", 40: "сорока", 90: "дев'яносто", 100: "сто"}


def _before(match: re.Match[str]) -> tuple[str, str]:
    """The preposition in front, as written, and the case it asks for."""
    return (match["before"], GENITIVE) if match["before"] else ("", "nominative")


def _money(match: re.Match[str]) -> str:
    before, case = _before(match)
    symbol = match["symbol"]
    noun, part = CURRENCIES[CURRENCY_CODES.get(symbol, symbol)]
    amount = match["amount"]
    if match["scale"]:
        return before + scaled(amount, SCALES[match["scale"]], noun, case)
    whole, fraction = parse(amount)
    if len(fraction) == 2 and part is not None:
        spoken = [counted(str(int(whole)), noun, case)] if int(whole) or not int(fraction) else []
        if int(fraction):
            spoken.append(counted(str(int(fraction)), part, case))
        return before + " ".join(spoken)
    return before + counted(amount, noun, case)


def _percent(match: re.Match[str]) -> str:
    before, case = _before(match)
    return before + counted(match["amount"], PERCENT, case)


def _unit(match: re.Match[str]) -> str:
    before, case = _before(match)
    noun = UNITS[match["unit"]]
    if match["scale"]:
        return before + scaled(match["amount"], SCALES[match["scale"]], noun, case)
    tail = "." if match["unit"].endswith(".") and not match.string[match.end() :].strip("\"')] ") else ""
    return before + counted(match["amount"], noun, case) + tail


def _scale(match: re.Match[str]) -> str:
    before, case = _before(match)
    return before + scaled(match["amount"], SCALES[match["scale"]], None, case)


def _ordinal(match: re.Match[str]) -> str | None:
    value, ending = int(match["value"]), match["ending"].lower()
    if ending == "й" and (match["at"] or "").strip().lower() in ("о", "об"):
        return f"{joined_at(match['at'].strip(), value)}{ordinal(value, 'f_loc')}"
    before = match["at"] or ""
    if ending in ("ти", "ми", "ох", "х") and ending != "х":
        return before + cardinal(value, case=GENITIVE)
    for form, endings in _ORDINAL_ENDINGS:
        if ending in endings:
            return before + ordinal(value, form)
    return None


def _compound(match: re.Match[str]) -> str:
    value = int(match[1])
    head = _COMPOUND.get(value) or cardinal(value, case=GENITIVE).replace(" ", "")
    return head + match[2]


def _range(match: re.Match[str]) -> list[Part]:
    return ["від ", keep(match, 1), " до ", keep(match, 2)]


def _close_range(match: re.Match[str]) -> list[Part] | None:
    """«2-3 дні»: the noun agrees with the second number, so both stand in the nominative."""
    last = int(match[2])
    if not (2 <= last % 10 <= 4 and not 12 <= last % 100 <= 14):
        return None
    gender = _gender(match[3])
    return [f"{number(match[1], gender)}-{number(match[2], gender)} ", keep(match, 3)]


def _gender(noun: str) -> str:
    word = noun.lower()
    return "feminine" if word in FEMININE_AFTER else "neuter" if word in NEUTER_AFTER else "masculine"


def _fraction(match: re.Match[str]) -> str | None:
    top, bottom = int(match[2]), int(match[3])
    if not 0 < top < bottom or bottom > 100:
        return None
    spoken = FRACTIONS.get((top, bottom))
    if spoken is None:
        single = top % 10 == 1 and top % 100 != 11
        spoken = f"{cardinal(top, 'feminine')} {ordinal(bottom, 'f' if single else 'pl_gen')}"
    return f"{number(match[1])} і {spoken}" if match[1] else spoken


def _vulgar(match: re.Match[str]) -> str:
    if not match[1]:
        return VULGAR[match[2]]
    if match[2] == "½":
        return f"{number(match[1])} з половиною"
    return f"{number(match[1])} і {VULGAR[match[2]]}"


def _plain(match: re.Match[str]) -> str:
    before, case = _before(match)
    sign = "мінус " if match["sign"] else ""
    after = re.match(rf"\s*([{_LETTER}']+)", match.string[match.end() :])
    noun = after[1] if after else ""
    if not before and noun.lower() in ACCUSATIVE_AFTER:
        return sign + number(match["amount"], "feminine", "accusative")
    return before + sign + number(match["amount"], _gender(noun), case)


def _acronym(match: re.Match[str]) -> str | None:
    word = match[0]
    letters = [character for character in match.string if character.isalpha()]
    # A sentence in capitals is shouted, not spelled.
    if len(letters) > 2 * len(word) + 4 and sum(map(str.isupper, letters)) > 0.6 * len(letters):
        return None
    if word in ACRONYMS:
        return ACRONYMS[word]
    vowels = sum(character in "АЕЄИІЇОУЮЯ" for character in word)
    if (
        word in WORDS_IN_CAPITALS
        or (len(word) >= 4 and vowels)
        or (len(word) == 3 and word[1] in "АЕЄИІЇОУЮЯ" and vowels == 1)
    ):
        return None
    return " ".join(LETTERS[letter] for letter in word.lower())


def _latin_acronym(match: re.Match[str]) -> str | None:
    word = match[0]
    if len(word) >= 4 and sum(character in "AEIOUY" for character in word):
        return None
    return " ".join(LATIN_LETTERS[letter] for letter in word.lower())


def _abbreviation(match: re.Match[str]) -> str:
    spoken = ABBREVIATIONS.get(match[0]) or ABBREVIATIONS[match[0][0].lower() + match[0][1:]].capitalize()
    rest = match.string[match.end() :].strip("\"') ")
    return spoken + ("." if match[0].endswith(".") and not rest else "")


def _dotted(match: re.Match[str]) -> str:
    return " крапка ".join(number(part) if len(part) < 4 else digits(part, "uk") for part in match[0].split("."))


_ABBREVIATED = {form for word in ABBREVIATIONS for form in (word, word[0].upper() + word[1:])}
_SYMBOL = sorted_alternatives(CURRENCIES)
_CODE = sorted_alternatives((*CURRENCY_CODES, *CURRENCIES))
_SCALE_WORDS = sorted_alternatives(SCALES)
_SCALE = rf"(?:\s?(?P<scale>{_SCALE_WORDS})(?!\w))?"
_ENDING_WORDS = sorted_alternatives(
    {ending for _, endings in _ORDINAL_ENDINGS for ending in endings} | {"ти", "ми", "ох"}
)
_AMOUNT = rf"(?<![\w.,])(?P<amount>{_NUMBER})"

_TABLE: tuple[tuple[str, str | Rewrite], ...] = (
    (r"(?<!\w)#\s?(?=\d)", "номер "),
    (
        r"(?<![\w.,$€£₴])(?:\+\d{1,3}[\s.(-]{0,2}\d[\d\s()-]{5,16}\d|\(?0\d{2}\)?[\s-]\d{3}[\s-]\d{2}[\s-]\d{2}|\d{3}-\d{2}-\d{2}|0\d{9}|\+\d{7,15})(?![\w-])",
        lambda m: phone(m[0], "uk", "плюс"),
    ),
    *DATES,
    (r"(?<![\w:])(\d{1,3}):(\d{1,3})(?![\w:])", lambda m: [keep(m, 1), " до ", keep(m, 2)]),
    (rf"(?<![\w.,$€£₴-])(\d{{1,3}})\s?[–—-]\s?(\d{{1,3}})\s([{_LETTER}']{{3,}})", _close_range),
    (rf"(?<![\w.,$€£₴-])({_NUMBER})\s?[–—]\s?({_NUMBER})(?![\w-]|[.,]\d)", _range),
    (rf"(?<![\w.,$€£₴-])({_NUMBER})-({_NUMBER})(?![\w-]|[.,]\d)", _range),
    (r"(?<!\w)від від(?!\w)|(?<!\w)[Зз] від(?!\w)", "від"),
    (rf"{_PREPOSITION}(?P<symbol>{_SYMBOL})\s?(?P<amount>{_NUMBER}){_SCALE}", _money),
    (rf"{_PREPOSITION}{_AMOUNT}{_SCALE}\s?(?P<symbol>{_CODE})(?!\w)", _money),
    (rf"{_PREPOSITION}{_AMOUNT}\s?(?:%|відс\.)", _percent),
    (r"(?<![\w.,])24/7(?!\w|/)", "двадцять чотири на сім"),
    (r"(?<![\w./])(?:(\d+)\s)?(\d{1,2})/(\d{1,3})(?![\w/])", _fraction),
    (rf"(?:(?<!\w)(\d+)\s?)?([{''.join(VULGAR)}])", _vulgar),
    (rf"{_PREPOSITION}{_AMOUNT}{_SCALE}\s?(?P<unit>{sorted_alternatives(UNITS)})(?![\w/²³'])", _unit),
    (rf"{_PREPOSITION}{_AMOUNT}\s?(?P<scale>{_SCALE_WORDS})(?!\w)", _scale),
    (rf"(?P<at>(?<!\w)(?i:о|об)\s)?(?<![\w.,])(?P<value>\d{{1,9}})-(?P<ending>{_ENDING_WORDS})(?![\w-])", _ordinal),
    (rf"(?<![\w.,])(\d{{1,4}})-([{_LETTER}]{{4,}})", _compound),
    (r"(?<![\w])[Сс]т\.\s?(?=\d)", "стаття "),
    (r"(?<![\w])[Пп]\.\s?(?=\d)", "пункт "),
    (r"(?<![\w])[Сс]\.\s?(?=\d)", "сторінка "),
    (r"((?<!\w)[вуВУ]\s)м\.\s?(?=[А-ЯЄІЇҐ])", lambda m: [keep(m, 1), "місті "]),
    (r"((?<!\w)(?:до|з|із|від)\s)м\.\s?(?=[А-ЯЄІЇҐ])", lambda m: [keep(m, 1), "міста "]),
    (r"(?<![\w])м\.\s?(?=[А-ЯЄІЇҐ])", "місто "),
    (r"(?<![\w])с\.\s?(?=[А-ЯЄІЇҐ])", "село "),
    (r"(?<![\w])п\.\s?(?=[А-ЯЄІЇҐ])", "пан "),
    (rf"(?<!\w)(?:{sorted_alternatives(_ABBREVIATED)})(?!\w)", _abbreviation),
    (rf"(?<=[A-Za-z{_LETTER}])(?=\d)|(?<=\d)(?=[A-Za-z{_LETTER}])", " "),
    (r"(?<![\d.])\d+(?:\.\d+){2,}(?!\w)", _dotted),
    (rf"{_PREPOSITION}(?:(?<![\w.)])(?P<sign>-)\s?)?(?P<amount>{_NUMBER})(?!\d)", _plain),
)

_TAIL: tuple[tuple[str, str | Rewrite], ...] = (
    (r"(?<![\w'])[А-ЩЬЮЯЄІЇҐ]{2,5}(?![\w'])", _acronym),
    (r"(?<![\w'])[A-Z]{2,5}(?![\w'])", _latin_acronym),
    (r"\s?&\s?", " і "),
    (r"\s?(?:→|⇒|->|=>)\s?", " до "),
    (r"\s?(?:≈|~)\s?(?=\w)", " приблизно "),
    (r"\s?±\s?", " плюс-мінус "),
    (r"\s?(?:<=|≤)\s?", " не більше "),
    (r"\s?(?:>=|≥)\s?", " не менше "),
    (r"\s?(?:!=|≠)\s?", " не дорівнює "),
    (r"\s?={1,3}\s?", " дорівнює "),
    (r"(?<=\w)\s?<\s?(?=\w)", " менше "),
    (r"(?<=\w)\s?>\s?(?=\w)", " більше "),
    (r"(?<=\w)\+\+", " плюс плюс"),
    (r"\+\s?(?=\w)|(?<=\w)\s?\+", " плюс "),
    (r"(?<=\w)\s?[×✕*]\s?(?=\w)", " помножити на "),
    (r"\s?÷\s?", " поділити на "),
    (r"@(?=\w)", " ет "),
    (r"#(?=[^\W\d_])", " хештег "),
    (r"№\s?", " номер "),
    (r"§\s?", " параграф "),
    (r"°", " градусів "),
    (r"(?<=\w)[/\\](?=\w)", " "),
    (r"%", " відсотків "),
    (r"€", " євро "),
    (r"£", " фунтів "),
    (r"₴", " гривень "),
    (r"\$", " доларів "),
)


RULES: tuple[Rule, ...] = (
    *link_rules(LinkWords("крапка", "собака", "слеш", "дефіс", "підкреслення", "плюс")),
    *rules(_TABLE),
    *rules(_TAIL),
)
