"""Clock, calendar and machine in words."""

from datetime import datetime

import pytest

from avatar_llm import slots

NOW = datetime(2026, 11, 20, 9, 5)  # noqa: DTZ001


def test_the_clock_speaks_english():
    assert slots.clock(NOW, "en") == {
        "time": "9:05 AM",
        "date": "November 20, 2026",
        "weekday": "Friday",
        "part_of_day": "morning",
    }


@pytest.mark.parametrize(
    ("hour", "minute", "en", "uk"),
    [
        (0, 5, "12:05 AM", "0:05"),
        (12, 0, "12:00 PM", "12:00"),
        (15, 0, "3:00 PM", "15:00"),
        (23, 59, "11:59 PM", "23:59"),
    ],
)
def test_the_hours_are_counted_as_each_language_does(hour, minute, en, uk):
    now = NOW.replace(hour=hour, minute=minute)
    assert slots.clock(now, "en")["time"] == en
    assert slots.clock(now, "uk")["time"] == uk


def test_the_clock_speaks_ukrainian():
    assert slots.clock(NOW, "uk") == {
        "time": "9:05",
        "date": "20 листопада 2026 року",
        "weekday": "п'ятниця",
        "part_of_day": "ранку",
    }


@pytest.mark.parametrize(
    ("seconds", "en", "uk"),
    [
        (20, "less than a minute", "менше хвилини"),
        (60, "1 minute", "1 хвилину"),
        (180, "3 minutes", "3 хвилини"),
        (11 * 60, "11 minutes", "11 хвилин"),
        (21 * 3_600, "21 hours", "21 годину"),
        (5 * 86_400, "5 days", "5 днів"),
    ],
)
def test_durations_are_counted_as_people_do(seconds, en, uk):
    assert slots.duration(seconds, "en") == en
    assert slots.duration(seconds, "uk") == uk


def test_a_line_whose_slot_has_no_value_is_not_used():
    assert slots.fill("Hello {user}.", {"user": "Olena"}) == "Hello Olena."
    assert slots.fill("Hello {user}.", {"user": ""}) is None
    assert slots.fill("Hello {user}.", {"user": "{name}"}) == "Hello {name}."


def test_the_host_names_itself_in_every_language():
    assert slots.host("en", 120)["uptime"] == "2 minutes"
    assert int(slots.host("uk", 0)["cores"]) >= 1
