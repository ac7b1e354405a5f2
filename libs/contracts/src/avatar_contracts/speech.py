"""Sound coming in and what the ears make of it while the person speaks."""

from __future__ import annotations

from typing import Literal

from avatar_contracts.base import Count, Event, Label, Rate, Text


class MicFrame(Event, frozen=True, kw_only=True, tag="mic.pcm"):
    """20 ms of the person's microphone. Written by the edge, echo already cancelled.

    Attributes:
        rate: Samples per second; asr takes 16,000.
        start: Offset of the first sample since the session's microphone began. Gaps are lost audio.
        pcm: Signed 16-bit little-endian mono samples.
        guard: The clone's own voice may still be in it: it is being played, and its cancellation has not converged.
    """

    rate: Rate
    start: Count
    pcm: bytes
    guard: bool = False


class SpeechStarted(Event, frozen=True, kw_only=True, tag="speech.started"):
    """The person began to speak. Written by asr.

    Attributes:
        turn: The turn this speech belongs to.
        at: Microphone sample of the first voiced frame.
    """

    turn: Count
    at: Count


class SpeechStopped(Event, frozen=True, kw_only=True, tag="speech.stopped"):
    """The person stopped. Written by asr when the silence is long enough to act on, and when a run is dropped.

    Attributes:
        turn: As in `SpeechStarted`.
        at: Microphone sample after the last voiced frame.
        discarded: The run held too little voice to be words; no turn.text follows.
    """

    turn: Count
    at: Count
    discarded: bool = False


class SpeechOverlap(Event, frozen=True, kw_only=True, tag="speech.overlap"):
    """The person's voice meets an answer that is due or sounds. Written by asr.

    What it means is not decided yet: either turn.cancel follows, or ``resume``.

    Attributes:
        turn: The turn whose answer it meets.
        state: ``hold``: fall silent, or do not begin, but keep the answer; ``resume``: it was no turn of the
            person's; go on at full level, where the answer fell silent.
        why: What decided it: ``voice``, ``words``; ``backchannel``, ``noise``, ``echo``, ``unconfirmed``.
    """

    turn: Count
    state: Literal["hold", "resume"]
    why: Label = ""


class AsrPartial(Event, frozen=True, kw_only=True, tag="asr.partial"):
    """The words of the turn so far; replaced by the next partial or by turn.text. Written by asr."""

    turn: Count
    text: Text
