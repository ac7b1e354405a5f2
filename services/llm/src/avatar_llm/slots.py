"""What replies can mention: the clock, the calendar and the machine, in words of the reply's language."""

import os
import platform
import time
from collections.abc import Mapping
from datetime import datetime

_STARTED_S = time.monotonic()

_WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "uk": ("понеділок", "вівторок", "середа", "четвер", "п'ятниця", "субота", "неділя"),
}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "uk": "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
}
_SYSTEMS = {"": "Linux", "Darwin": "macOS"}
"""Names people know, where `platform.system` has another one."""
_PARTS_OF_DAY = {"en": ("morning", "afternoon", "evening"), "uk": ("ранку", "дня", "вечора")}


def clock(now: datetime, language: str) -> dict[str, str]:
    """``time``, ``date``, ``weekday`` and ``part_of_day`` at `now`."""
    month = _MONTHS[language].split()[now.month - 1]
    date = f"{now.day} {month} {now.year} року" if language == "uk" else f"{month} {now.day}, {now.year}"
    time_of_day = f"{now.hour}:{now.minute:02}"
    if language == "en":
        time_of_day = f"{now.hour % 12 or 12}:{now.minute:02} {'AM' if now.hour < 12 else 'PM'}"
    part = 0 if 4 <= now.hour < 12 else 1 if 12 <= now.hour < 18 else 2
    return {
        "time": time_of_day,
        "date": date,
        "weekday": _WEEKDAYS[language][now.weekday()],
        "part_of_day": _PARTS_OF_DAY[language][part],
    }


def host(language: str, uptime_s: float | None = None) -> dict[str, str]:
    """Facts of this machine: ``machine``, ``cores``, and ``uptime`` of the service."""
    system = platform.system()
    system = _SYSTEMS.get(system, system)
    machine = {"en": f"a {system} computer", "uk": f"комп'ютер із {system}"}[language]
    running_s = time.monotonic() - _STARTED_S if uptime_s is None else uptime_s
    return {"machine": machine, "cores": str(os.cpu_count() or 1), "uptime": duration(running_s, language)}


def duration(seconds: float, language: str) -> str:
    """A span of time, rounded as a person would say it: "3 hours", "5 хвилин"."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return _counted(int(seconds // size), unit, language)
    return {"en": "less than a minute", "uk": "менше хвилини"}[language]


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """`template` with its slots filled; None when a slot has no value."""
    try:
        return template.format_map({name: value for name, value in values.items() if value})
    except KeyError:
        return None


def _counted(number: int, unit: str, language: str) -> str:
    if language == "en":
        return f"{number} {unit}" + ("" if number == 1 else "s")
    one, few, many = {
        "day": ("день", "дні", "днів"),
        "hour": ("годину", "години", "годин"),
        "minute": ("хвилину", "хвилини", "хвилин"),
    }[unit]
    if number % 10 == 1 and number % 100 != 11:
        return f"{number} {one}"
    if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14):
        return f"{number} {few}"
    return f"{number} {many}"
