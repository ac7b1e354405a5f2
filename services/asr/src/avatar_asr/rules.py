"""The numbers behind turn-taking, in samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatar_asr.settings import AsrSettings

RATE_HZ = 16_000
_SURE = 0.8


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The numbers behind the decisions; samples at 16 kHz. See `AsrSettings` for their meaning."""

    min_silence: int
    unsure_silence: int
    silence_cap: int
    end_threshold: float
    min_voice: int
    preroll: int
    partial_every: int
    segment: int
    turn_cap: int

    def needed_silence(self, probability: float | None) -> int:
        """Samples of silence that end a turn which sounds finished with `probability`, None where nothing is known."""
        if probability is None or probability <= self.end_threshold:
            return self.silence_cap
        doubt = max(0.0, _SURE - probability) / max(_SURE - self.end_threshold, 1e-9)
        return round(self.min_silence + min(doubt, 1.0) * (self.unsure_silence - self.min_silence))


def rules_of(settings: AsrSettings) -> Rules:
    """The rules of turn-taking in samples."""

    def samples(seconds: float) -> int:
        return round(seconds * RATE_HZ)

    return Rules(
        min_silence=samples(settings.min_silence_s),
        unsure_silence=samples(settings.unsure_silence_s),
        silence_cap=samples(settings.silence_cap_s),
        end_threshold=settings.end_threshold,
        min_voice=samples(settings.min_voice_s),
        preroll=samples(settings.preroll_s),
        partial_every=samples(settings.partial_every_s),
        segment=samples(settings.segment_s),
        turn_cap=samples(settings.turn_cap_s),
    )
