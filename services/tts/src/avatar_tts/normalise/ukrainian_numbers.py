"""Ukrainian numerals: case and gender of cardinals, inflected ordinals, counted nouns, decimals."""

from __future__ import annotations

import re

from num2words import num2words

from avatar_tts.normalise.numbers import MOST_DIGITS, digits
from avatar_tts.normalise.numbers import cardinal as _cardinal
from avatar_tts.normalise.ukrainian_data import THOUSAND, Noun

GENITIVE = "genitive"

_ENDINGS = {
    # hard, soft ("третій")
    "m": ("ий", "ій"), "f": ("а", "я"), "n": ("е", "є"), "gen": ("ого", "ього"), "loc": ("ому", "ьому"),
    "ins": ("им", "ім"), "f_gen": ("ої", "ьої"), "f_loc": ("ій", "ій"), "f_acc": ("у", "ю"), "pl": ("і", "і"),
    "pl_gen": ("их", "іх"),
}  # fmt: skip
_PARTS = (("десята", "десятих"), ("сота", "сотих"), ("тисячна", "тисячних"))
_SHORT = {"двох": "дво", "трьох": "три", "чотирьох": "чотири"}
_THOUSANDTH = re.compile(rf"\b(?:{'|'.join(_SHORT)})(?=тисячн)")  # двотисячний, not двохтисячний
_HUNDREDS = re.compile(r"(?<=\w)ста\b")


def cardinal(value: int, gender: str = "masculine", case: str = "nominative") -> str:
    """Say `value` in words; ``neuter`` differs from masculine only in «одне»."""
    spoken = _cardinal(value, "uk", gender=gender, case=case)
    if gender == "neuter" and case == "nominative":
        spoken = re.sub(r"\bодин$", "одне", spoken)
    if case == GENITIVE:
        # num2words' genitives of 200–900 and of "тисяча" are not those of the grammar.
        spoken = _HUNDREDS.sub("сот", spoken).replace("тисячи", "тисячі")
    return re.sub(r"^(мінус )?(?:одна|однієї) (тисяч)", r"\1\2", spoken)


def ordinal(value: int, form: str) -> str:
    """Say `value` as an ordinal in one of the forms of `_ENDINGS`: ``m``, ``f``, ``n``, ``gen``, ``f_loc``."""
    if value == 0:
        words = ["нульовий"]
    else:
        spoken = re.sub(r"^одна (тисяч)", r"\1", str(num2words(value, lang="uk", to="ordinal")))
        words = _THOUSANDTH.sub(lambda match: _SHORT[match[0]], spoken).split()
    hard, soft = _ENDINGS[form]
    last = words[-1]
    words[-1] = last[:-2] + (soft if last.endswith("ій") else hard)
    return " ".join(words)


def agree(value: int, noun: Noun, case: str = "nominative") -> str:
    """The noun as it stands after `value`."""
    tail, last = value % 100, value % 10
    singular = last == 1 and tail != 11
    if case == GENITIVE:
        return noun.part if singular else noun.many
    if singular:
        return noun.one
    return noun.few if 2 <= last <= 4 and not 12 <= tail <= 14 else noun.many


def parse(text: str) -> tuple[str, str]:
    """Whole and decimal digits of a number written with spaces between thousands and a comma or point."""
    whole, _, fraction = text.replace(" ", "").replace(",", ".").partition(".")
    return whole, fraction


def number(text: str, gender: str = "masculine", case: str = "nominative") -> str:
    """A plain or decimal number in words."""
    whole, fraction = parse(text)
    if len(whole) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        return digits(whole, "uk") + (f" кома {digits(fraction, 'uk', 99)}" if fraction else "")
    if not fraction:
        return cardinal(int(whole), gender, case)
    if len(fraction) > len(_PARTS):
        return f"{cardinal(int(whole))} кома {digits(fraction, 'uk', 99)}"
    one, many = _PARTS[len(fraction) - 1]
    units = "ціла" if whole.endswith("1") and not whole.endswith("11") else "цілих"
    parts = int(fraction)
    part = one if parts % 10 == 1 and parts % 100 != 11 else many
    return f"{cardinal(int(whole), 'feminine')} {units} {cardinal(parts, 'feminine')} {part}"


def counted(text: str, noun: Noun, case: str = "nominative") -> str:
    """A number with its noun."""
    whole, fraction = parse(text)
    spoken = number(text, noun.gender, case)
    if fraction:
        return f"{spoken} {noun.part}"
    return f"{spoken} {agree(int(whole), noun, case)}"


def scaled(text: str, scale: Noun, noun: Noun | None, case: str = "nominative") -> str:
    """Say a number with its power of ten and what is counted: «5 млн доларів»."""
    spoken = counted(text, scale, case)
    if scale is THOUSAND and text == "1":
        spoken = "тисяча"
    return f"{spoken} {noun.many}" if noun else spoken
