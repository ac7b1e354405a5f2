"""The numbers behind turn-taking, in samples."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatar_asr.settings import AsrSettings
    from avatar_contracts.session import Patience

RATE_HZ = 16_000
_SURE = 0.8

SILENCES = ("min_silence_s", "unsure_silence_s", "silence_cap_s", "veto_hold_s")
"""Settings that must not fall in this order."""

# What one patience setting moves together; docs/latency.md has the delays and cut-offs measured with each.
_PRESETS: Mapping[Patience, Mapping[str, float]] = MappingProxyType(
    {
        "eager": {
            "min_silence_s": 0.2,
            "unsure_silence_s": 0.4,
            "silence_cap_s": 0.8,
            "veto_hold_s": 1.4,
            "thinking_hold_s": 0.09,
            "thinking_confirm_s": 0.5,
            "speaking_hold_s": 0.5,
            "speaking_confirm_s": 1.1,
        },
        "balanced": {
            "min_silence_s": 0.3,
            "unsure_silence_s": 0.6,
            "silence_cap_s": 1.0,
            "veto_hold_s": 1.8,
            "thinking_hold_s": 0.09,
            "thinking_confirm_s": 0.45,
            "speaking_hold_s": 0.4,
            "speaking_confirm_s": 0.9,
        },
        "patient": {
            "min_silence_s": 0.75,
            "unsure_silence_s": 0.9,
            "silence_cap_s": 1.3,
            "veto_hold_s": 2.4,
            "thinking_hold_s": 0.09,
            "thinking_confirm_s": 0.4,
            "speaking_hold_s": 0.3,
            "speaking_confirm_s": 0.7,
        },
    }
)


@dataclass(frozen=True, kw_only=True)
class Yielding:
    """How soon the person's voice takes the floor from an answer; samples at 16 kHz.

    Attributes:
        hold: Voice that silences the answer for now.
        confirm: Voice that takes the floor for good, unless it sounds like a backchannel.
    """

    hold: int
    confirm: int


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The numbers behind the decisions; samples at 16 kHz. See `AsrSettings` for their meaning."""

    min_silence: int
    unsure_silence: int
    silence_cap: int
    veto_hold: int
    end_threshold: float
    min_voice: int
    preroll: int
    partial_every: int
    segment: int
    turn_cap: int
    thinking: Yielding
    speaking: Yielding

    def needed_silence(self, probability: float | None, *, unfinished: bool = False) -> int:
        """Samples of silence that end a turn.

        Args:
            probability: How finished it sounds, None where nothing is known.
            unfinished: Its words promise more, which counts for more than the sound.
        """
        if unfinished:
            return self.veto_hold
        if probability is None or probability <= self.end_threshold:
            return self.silence_cap
        doubt = max(0.0, _SURE - probability) / max(_SURE - self.end_threshold, 1e-9)
        return round(self.min_silence + min(doubt, 1.0) * (self.unsure_silence - self.min_silence))


def rules_of(settings: AsrSettings, patience: Patience = "balanced") -> Rules:
    """The rules of turn-taking: what `settings` say, and where they say nothing, the preset of `patience`."""
    seconds = {name: _explicit(settings, name, preset) for name, preset in _PRESETS[patience].items()}
    # A preset gives way to its explicit neighbours, so that the silences never fall.
    for before, name in itertools.pairwise(SILENCES):
        if getattr(settings, name) is None:
            seconds[name] = max(seconds[name], seconds[before])
    for name, after in reversed(list(itertools.pairwise(SILENCES))):
        if getattr(settings, name) is None:
            seconds[name] = min(seconds[name], seconds[after])

    def samples(value: float) -> int:
        return round(value * RATE_HZ)

    return Rules(
        min_silence=samples(seconds["min_silence_s"]),
        unsure_silence=samples(seconds["unsure_silence_s"]),
        silence_cap=samples(seconds["silence_cap_s"]),
        veto_hold=samples(seconds["veto_hold_s"]),
        end_threshold=settings.end_threshold,
        min_voice=samples(settings.min_voice_s),
        preroll=samples(settings.preroll_s),
        partial_every=samples(settings.partial_every_s),
        segment=samples(settings.segment_s),
        turn_cap=samples(settings.turn_cap_s),
        thinking=Yielding(hold=samples(seconds["thinking_hold_s"]), confirm=samples(seconds["thinking_confirm_s"])),
        speaking=Yielding(hold=samples(seconds["speaking_hold_s"]), confirm=samples(seconds["speaking_confirm_s"])),
    )


def _explicit(settings: AsrSettings, name: str, preset: float) -> float:
    value: float | None = getattr(settings, name)
    return preset if value is None else value
