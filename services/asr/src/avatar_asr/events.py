"""What the ears decide, as it is told to the other services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_asr import typed
from avatar_asr.actions import Action, Cancel, Draft, Final, Overlap, Partial, Started, Stopped
from avatar_asr.language import language_of
from avatar_contracts import (
    AsrPartial,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TurnCancel,
    TurnDraft,
    TurnText,
)

if TYPE_CHECKING:
    from avatar_contracts import Event


def event_of(action: Action, language: str) -> Event | None:
    """The event `action` is published as; None for what stays among the ears.

    Args:
        action: A decision.
        language: The session's, for words whose own cannot be told.
    """
    match action:
        case Started(turn, at):
            return SpeechStarted(turn=turn, at=at)
        case Stopped(turn, at, discarded):
            return SpeechStopped(turn=turn, at=at, discarded=discarded)
        case Partial(turn, text):
            return AsrPartial(turn=turn, text=typed.shorten(text))
        case Draft(turn, revision, text, end):
            words = typed.shorten(text)
            return TurnDraft(
                turn=turn, revision=revision, text=words, language=language_of(words, language), speech_end=end
            )
        case Final():
            return _text_of(action, language)
        case Cancel(turn, reason):
            return TurnCancel(turn=turn, reason=reason)
        case Overlap(turn, state, why):
            return SpeechOverlap(turn=turn, state=state, why=why)
        case _:
            return None


def _text_of(final: Final, language: str) -> TurnText:
    words = typed.shorten(final.text)
    return TurnText(
        turn=final.turn,
        text=words,
        language=language_of(words, language),
        end_reason=final.reason,
        end_probability=final.probability,
        speech_start=final.start,
        speech_end=final.end,
        continues=final.continues,
    )
