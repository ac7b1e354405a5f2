"""What a finished turn came to."""

from __future__ import annotations

import msgspec


class TurnReport(msgspec.Struct, frozen=True, kw_only=True):
    """A finished turn.

    Attributes:
        turn: Its number.
        heard: What the person said or typed.
        typed: It was typed.
        language: Language of the turn.
        reply: The part of the answer that was played, cut at the word when it was interrupted.
        first_audio_ms: From the last voiced sample fed to the microphone to the first audible sample handed to the
            output; None when nothing was heard.
        first_frame_ms: From there to the first speaking picture handed to the camera.
        stages_ms: See `latency.STAGES`.
        interrupted: The answer was ended early. One that was held and went on to its end was not.
        played_ms: How much of the answer was played.
        frames: Speaking pictures shown.
        underruns: Times the answer ran dry.
        end_reason: Why the turn was taken to be over.
        errors: What went wrong, in plain sentences.
        text: The whole answer as the mind wrote it, heard or not.
        continues: The earliest turn that was taken back and whose words this one begins with; 0 for none.
        verbatim: The words were to be spoken as they are.
        speculated: The first sentence of the answer was there before the turn was known to be over.
        resumes: Times the answer was held and went on.
        cancelled: Why the answer was taken back: ``barge_in``, ``stop``, ``superseded``, ``dropped`` …; empty when it
            was not.
        declined: Why the turn was remembered and not answered, empty when it was not declined.
    """

    turn: int
    heard: str
    typed: bool
    language: str
    reply: str
    first_audio_ms: float | None
    first_frame_ms: float | None
    stages_ms: dict[str, float]
    interrupted: bool
    played_ms: float
    frames: int
    underruns: int
    end_reason: str
    errors: tuple[str, ...] = ()
    text: str = ""
    continues: int = 0
    verbatim: bool = False
    speculated: bool = False
    resumes: int = 0
    cancelled: str = ""
    declined: str = ""
