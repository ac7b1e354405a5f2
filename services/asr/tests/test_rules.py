"""Patience, and what the settings say beside it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_asr.rules import SILENCES, rules_of
from avatar_asr.settings import AsrSettings

S = 16_000


def test_balanced_is_the_default():
    assert rules_of(AsrSettings()) == rules_of(AsrSettings(), "balanced")
    rules = rules_of(AsrSettings())
    silences = (rules.min_silence, rules.unsure_silence, rules.silence_cap, rules.veto_hold)
    assert silences == pytest.approx((0.3 * S, 0.6 * S, 1.0 * S, 1.8 * S))
    assert (rules.thinking.hold, rules.thinking.confirm) == (0.09 * S, 0.45 * S)
    assert (rules.speaking.hold, rules.speaking.confirm) == (0.4 * S, 0.9 * S)


def test_more_patience_waits_longer_for_the_turn_and_yields_sooner():
    presets = [rules_of(AsrSettings(), patience) for patience in ("eager", "balanced", "patient")]
    for hasty, calm in itertools.pairwise(presets):
        for name in ("min_silence", "unsure_silence", "silence_cap", "veto_hold"):
            assert getattr(hasty, name) < getattr(calm, name)
        for state in ("thinking", "speaking"):
            assert getattr(hasty, state).hold >= getattr(calm, state).hold
            assert getattr(hasty, state).confirm > getattr(calm, state).confirm


def test_the_patient_never_answer_into_a_pause_of_0_6_s():
    rules = rules_of(AsrSettings(), "patient")
    assert min(rules.needed_silence(p / 10) for p in range(11)) > 0.6 * S


@pytest.mark.parametrize("patience", ["eager", "balanced", "patient"])
def test_an_explicit_setting_wins_over_every_preset_and_its_neighbours_give_way(patience):
    rules = rules_of(AsrSettings(silence_cap_s=0.5, speaking_hold_s=0.25), patience)
    assert rules.silence_cap == 0.5 * S
    assert rules.speaking.hold == 0.25 * S
    assert rules.min_silence <= rules.unsure_silence <= rules.silence_cap <= rules.veto_hold


@given(
    given=st.fixed_dictionaries({}, optional={name: st.floats(0.2, 1.0) for name in SILENCES}),
    patience=st.sampled_from(["eager", "balanced", "patient"]),
)
def test_silences_never_fall_whatever_is_set(given, patience):
    values = sorted(given.values())
    settings = AsrSettings(**dict(zip([name for name in SILENCES if name in given], values, strict=True)))
    rules = rules_of(settings, patience)
    silences = [rules.min_silence, rules.unsure_silence, rules.silence_cap, rules.veto_hold]
    assert silences == sorted(silences)
    for name, silence in zip(SILENCES, silences, strict=True):
        explicit = getattr(settings, name)
        assert explicit is None or silence == round(explicit * S)


def test_words_that_promise_more_count_for_more_than_the_sound():
    rules = rules_of(AsrSettings())
    assert rules.needed_silence(1.0, unfinished=True) == rules.veto_hold
