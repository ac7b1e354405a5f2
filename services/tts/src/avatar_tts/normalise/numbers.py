"""Digits that are read one by one, and numbers through num2words."""

from __future__ import annotations

import re

from num2words import num2words

MOST_DIGITS = 12
"""Longer runs are read digit by digit."""


def cardinal(value: int, language: str, **forms: str) -> str:
    """`value` in words; `forms` are num2words' (``gender``, ``case`` for Ukrainian)."""
    return str(num2words(value, lang=language, **forms)).replace(",", "").replace("-", " ")


def digits(run: str, language: str, group: int = 3) -> str:
    """The digits of `run` one by one, with a breath after every `group` of them when there are more than that."""
    names = [cardinal(int(digit), language) for digit in run if digit.isdecimal()]
    if len(names) <= group + 1:
        return " ".join(names)
    return ", ".join(" ".join(names[at : at + group]) for at in range(0, len(names), group))


def phone(number: str, language: str, plus: str) -> str | None:
    """A telephone number, its groups as written; None when it has not the length of one."""
    groups = re.findall(r"\d+", number)
    if not 7 <= sum(map(len, groups)) <= 15:
        return None
    if len(groups) == 1:
        spoken = digits(groups[0], language)
    else:
        spoken = ", ".join(" ".join(cardinal(int(digit), language) for digit in part) for part in groups)
    return f"{plus} {spoken}" if number.lstrip().startswith("+") else spoken
