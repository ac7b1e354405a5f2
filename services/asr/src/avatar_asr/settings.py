"""Settings of the asr service."""

from __future__ import annotations

import itertools
from typing import Annotated

import msgspec

from avatar_asr.rules import SILENCES
from avatar_runtime.settings import ServiceSettings

_Voice = Annotated[float, msgspec.Meta(ge=0.06, le=2.0)] | None


class AsrSettings(ServiceSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How the ears listen and when they take a turn to be over. Silence counts from the last audible sample.

    What is None is as the patience chosen for the call says (eager, balanced or patient); a value here wins over it.

    Attributes:
        engine: Speech recognition engine.
        min_silence_s: Silence before a turn that certainly sounds finished (0.8 and above) is over.
        unsure_silence_s: The same for a turn that just passes `end_threshold`; in between, in proportion.
        silence_cap_s: Silence before a turn is over that does not sound finished.
        veto_hold_s: Silence before a turn is over whose words promise more.
        end_threshold: How finished a turn must sound, as a probability, to be over before the cap.
        thinking_hold_s: Voice that holds an answer which is due or has just begun.
        thinking_confirm_s: Voice that takes such an answer back: the person goes on.
        speaking_hold_s: Voice that holds an answer which sounds.
        speaking_confirm_s: Voice that stops such an answer: the person interrupts.
        min_voice_s: Runs with less voice than this are dropped.
        preroll_s: Sound kept from before the first voiced frame.
        partial_every_s: Pace of partial texts while the person speaks; 0 turns them off.
        segment_s: Speech decoded in one go; longer turns are decoded in pieces, cut at a quiet point.
        turn_cap_s: Longest turn: one that never pauses is ended before it, at a quiet point.
    """

    engine: str = "moonshine"
    min_silence_s: Annotated[float, msgspec.Meta(ge=0.1, le=1.0)] | None = None
    unsure_silence_s: Annotated[float, msgspec.Meta(ge=0.1, le=2.0)] | None = None
    silence_cap_s: Annotated[float, msgspec.Meta(ge=0.2, le=5.0)] | None = None
    veto_hold_s: Annotated[float, msgspec.Meta(ge=0.2, le=5.0)] | None = None
    end_threshold: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.5
    thinking_hold_s: _Voice = None
    thinking_confirm_s: _Voice = None
    speaking_hold_s: _Voice = None
    speaking_confirm_s: _Voice = None
    min_voice_s: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] = 0.25
    preroll_s: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.2
    partial_every_s: Annotated[float, msgspec.Meta(ge=0.0, le=10.0)] = 0.6
    segment_s: Annotated[float, msgspec.Meta(ge=4.0, le=25.0)] = 12.0
    turn_cap_s: Annotated[float, msgspec.Meta(ge=4.0, le=300.0)] = 60.0

    def __post_init__(self) -> None:
        """Reject combinations that cannot work."""
        given = [(name, value) for name in SILENCES if (value := getattr(self, name)) is not None]
        for (name, value), (later_name, later) in itertools.pairwise(given):
            if value > later:
                raise ValueError(
                    f"{name} = {value} and {later_name} = {later} must not fall: raise the later or lower the other"
                )
