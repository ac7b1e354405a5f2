"""Decisions as the others are told of them."""

from __future__ import annotations

import pytest

from avatar_asr.actions import (
    Cancel,
    Decode,
    Draft,
    Final,
    Judge,
    Look,
    Overlap,
    Partial,
    Started,
    Stopped,
    Stuck,
)
from avatar_asr.events import event_of
from avatar_contracts import (
    AsrPartial,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TurnCancel,
    TurnDraft,
    TurnText,
)


@pytest.mark.parametrize(
    ("action", "event"),
    [
        (Started(3, 512), SpeechStarted(turn=3, at=512)),
        (Stopped(3, 900, discarded=True), SpeechStopped(turn=3, at=900, discarded=True)),
        (Partial(3, "so far"), AsrPartial(turn=3, text="so far")),
        (Draft(3, 2, "so far", 900), TurnDraft(turn=3, revision=2, text="so far", language="en", speech_end=900)),
        (Cancel(2, "continued"), TurnCancel(turn=2, reason="continued")),
        (Overlap(2, "resume", "echo"), SpeechOverlap(turn=2, state="resume", why="echo")),
        (
            Final(3, "Котра година?", "smart_turn", 0.9, 512, 900, continues=2),
            TurnText(
                turn=3,
                text="Котра година?",
                language="uk",
                end_reason="smart_turn",
                end_probability=0.9,
                speech_start=512,
                speech_end=900,
                continues=2,
            ),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_decision_becomes_its_event(action, event):
    assert event_of(action, "en") == event


@pytest.mark.parametrize("action", [Decode(1, 0, 9, "pause"), Look(1, 0, 9), Judge(1, 0, 9), Stuck(9)])
def test_what_stays_among_the_ears_is_no_event(action):
    assert event_of(action, "en") is None


@pytest.mark.parametrize("kind", ["draft", "final", "partial"])
def test_words_merged_beyond_what_an_event_may_carry_are_cut(kind):
    text = "слово " * 3_000
    action = {"draft": Draft(1, 1, text, 9), "final": Final(1, text, "silence", 0.0, 0, 9), "partial": Partial(1, text)}
    event = event_of(action[kind], "uk")
    assert len(event.text.encode()) <= 8_000
