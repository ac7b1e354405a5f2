"""Turns: what the person said, decided by asr, which numbers them."""

from __future__ import annotations

from typing import Literal

from avatar_contracts.base import Count, Event, Label, Language, Text

EndReason = Literal["smart_turn", "silence", "split", "typed"]
"""Why a turn ended: the end-of-turn model, the silence cap, the length cap, or a typed line."""


class TurnDraft(Event, frozen=True, kw_only=True, tag="turn.draft"):
    """Speech has paused and the turn may be over: what it would say. Written by asr.

    Attributes:
        turn: The turn.
        revision: Grows with every draft of the turn, from 1.
        text: The words so far.
        language: Language of the words.
        speech_end: Microphone sample after the last voiced frame.
    """

    turn: Count
    revision: Count
    text: Text
    language: Language
    speech_end: Count


class TurnText(Event, frozen=True, kw_only=True, tag="turn.text"):
    """The person's finished turn. Written by asr.

    Attributes:
        turn: The turn; larger than every one before.
        text: What was said or typed; never empty.
        language: Language of the words; the reply is in it.
        end_reason: Why the turn was taken to be over.
        end_probability: What the end-of-turn model said, 0 where it was not asked.
        speech_start: Microphone sample of the first voiced frame; 0 for typed turns.
        speech_end: Microphone sample after the last voiced frame; 0 for typed turns.
        decode_ms: Wall time of the decode that gave the text.
        continues: The earliest of the turns that were taken back and whose words this one begins with; 0 for none.
        verbatim: The words are to be spoken as they are, not answered.
        interruptible: The person may interrupt the answer.
    """

    turn: Count
    text: Text
    language: Language
    end_reason: EndReason
    end_probability: float = 0.0
    speech_start: Count = 0
    speech_end: Count = 0
    decode_ms: float = 0.0
    continues: Count = 0
    verbatim: bool = False
    interruptible: bool = True


class TurnCancel(Event, frozen=True, kw_only=True, tag="turn.cancel"):
    """The turn is taken back, or its answer is to stop. Written by asr.

    Attributes:
        turn: The turn; nothing of its replies may be heard after this.
        reason: ``continued``: the person went on and the words will come again, merged;
            ``barge_in``: the person interrupted the answer; ``stop``: asked to be silent.
    """

    turn: Count
    reason: Literal["continued", "barge_in", "stop"]


class TurnTyped(Event, frozen=True, kw_only=True, tag="turn.typed"):
    """A line the person typed. Written by the edge; asr numbers it and sends it on as turn.text.

    Attributes:
        client_id: Chosen by the sender, the same for every retry of one line.
        text: The line.
        language: Language of the line, or None to be told from it.
        verbatim: Speak exactly this instead of answering it.
        interruptible: The person may interrupt the answer; no for fixed lines such as a disclosure.
    """

    client_id: Label
    text: Text
    language: Language | None = None
    verbatim: bool = False
    interruptible: bool = True


class TurnStop(Event, frozen=True, kw_only=True, tag="turn.stop"):
    """The person asks, by key or button, that the clone be silent now. Written by the edge; asr sends turn.cancel."""
