"""What was really heard: written by the edge, which alone knows."""

from __future__ import annotations

from typing import Literal

from avatar_contracts.base import Count, Event, Rate


class PlaybackProgress(Event, frozen=True, kw_only=True, tag="playback.progress"):
    """How far a reply has been played. Sent at every change of state and at least every 100 ms while playing.

    Attributes:
        turn: The turn it answers.
        reply: The reply.
        state: ``started``: its first sample was handed to the output; ``playing``; ``held``: silent for now, it may go
            on, perhaps from a little earlier; ``finished``: all of it was played; ``stopped``: it ended early and
            nothing more of it will be heard.
        played: Samples of the reply clock played so far.
        rate: Samples per second of that clock.
        sentence: The sentence being played.
        chars: Characters of that sentence's text that have been heard in full words; all earlier sentences were
            heard whole.
    """

    turn: Count
    reply: Count
    state: Literal["started", "playing", "held", "finished", "stopped"]
    played: Count
    rate: Rate
    sentence: Count = 0
    chars: Count = 0
