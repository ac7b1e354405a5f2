"""Sound coming in and what the ears make of it while the person speaks."""

from __future__ import annotations

from avatar_contracts.base import Count, Event, Rate, Text


class MicFrame(Event, frozen=True, kw_only=True, tag="mic.pcm"):
    """20 ms of the person's microphone. Written by the edge, echo already cancelled.

    Attributes:
        rate: Samples per second; asr takes 16,000.
        start: Offset of the first sample since the session's microphone began. Gaps are lost audio.
        pcm: Signed 16-bit little-endian mono samples.
    """

    rate: Rate
    start: Count
    pcm: bytes


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


class AsrPartial(Event, frozen=True, kw_only=True, tag="asr.partial"):
    """The words of the turn so far; replaced by the next partial or by turn.text. Written by asr."""

    turn: Count
    text: Text
