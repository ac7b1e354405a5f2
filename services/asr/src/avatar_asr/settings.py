"""Settings of the asr service."""

from __future__ import annotations

from typing import Annotated

import msgspec

from avatar_runtime.settings import ServiceSettings


class AsrSettings(ServiceSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How the ears listen and when they take a turn to be over. Silence counts from the last audible sample.

    Attributes:
        engine: Speech recognition engine.
        min_silence_s: Silence before a turn that certainly sounds finished (0.8 and above) is over.
        unsure_silence_s: The same for a turn that just passes `end_threshold`; in between, in proportion.
        silence_cap_s: Silence before any turn is over.
        end_threshold: How finished a turn must sound, as a probability, to be over before the cap.
        min_voice_s: Runs with less voice than this are dropped.
        preroll_s: Sound kept from before the first voiced frame.
        partial_every_s: Pace of partial texts while the person speaks; 0 turns them off.
        segment_s: Speech decoded in one go; longer turns are decoded in pieces, cut at a quiet point.
        turn_cap_s: Longest turn: one that never pauses is ended before it, at a quiet point.
    """

    engine: str = "moonshine"
    min_silence_s: Annotated[float, msgspec.Meta(ge=0.1, le=1.0)] = 0.3
    unsure_silence_s: Annotated[float, msgspec.Meta(ge=0.1, le=2.0)] = 0.6
    silence_cap_s: Annotated[float, msgspec.Meta(ge=0.2, le=5.0)] = 1.0
    end_threshold: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.5
    min_voice_s: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] = 0.25
    preroll_s: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.2
    partial_every_s: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)] = 0.6
    segment_s: Annotated[float, msgspec.Meta(ge=4.0, le=25.0)] = 12.0
    turn_cap_s: Annotated[float, msgspec.Meta(ge=4.0, le=300.0)] = 60.0

    def __post_init__(self) -> None:
        """Reject combinations that cannot work."""
        if not self.min_silence_s <= self.unsure_silence_s <= self.silence_cap_s:
            raise ValueError(
                f"min_silence_s = {self.min_silence_s}, unsure_silence_s = {self.unsure_silence_s} and "
                f"silence_cap_s = {self.silence_cap_s} must not fall: raise the later or lower the earlier ones"
            )
