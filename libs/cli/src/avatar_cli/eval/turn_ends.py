"""How a turn ended: from the sound and the events of one case, in numbers. Pure."""

from __future__ import annotations

import msgspec

from avatar_cli.eval import sound, wording
from avatar_cli.eval.take import Take
from avatar_contracts import (
    LlmDelta,
    LlmSentence,
    ReplyCommitted,
    TurnCancel,
    TurnDraft,
    TurnText,
)

MISSED_S = 3.0
"""A turn whose text has not come this long after its last sound has no end for the person who waits."""
_BREATH_S = 0.3
_EDGE_S = 0.02
"""Both ends of a span are known to 10 ms, those of the output as well."""


class TurnEnd(msgspec.Struct, frozen=True, kw_only=True):
    """One utterance and what became of it.

    Attributes:
        talk_over_ms: How long the clone was audible after the person had gone on, until they had finished.
        talked_over: It was.
        began_in_pause: An answer became audible before the utterance was over.
        yield_ms: From the person's going on to the clone's silence; None when it was silent all along.
        split: More than one turn stands in the end.
        missed: No turn.text came in time.
        taken_back: Finals that were taken back.
        delay_ms: From the last voiced sample to the turn.text that stood; None when missed.
        voice_to_voice_ms: From there to the first sample of the answer; None when there was none.
        drafts: Drafts sent.
        speculated: The answer to the turn that stood had been begun before its turn.text.
        ahead_ms: How long before.
        heard: The words of the turns that stand.
        words: These against what was said.
        answered: An answer was audible after the end.
    """

    talk_over_ms: float
    talked_over: bool
    began_in_pause: bool
    yield_ms: float | None
    split: bool
    missed: bool
    taken_back: int
    delay_ms: float | None
    voice_to_voice_ms: float | None
    drafts: int
    speculated: bool
    ahead_ms: float | None
    heard: str
    words: wording.Wording
    answered: bool


def measure(take: Take) -> TurnEnd:
    """What became of the utterance of `take`, whose spans are the parts between its pauses."""
    end_s = take.voice[-1].end_s
    audible = sound.audible(take.output, take.rate, sound.WINDOW_S * 1.5)
    gone_on = list(take.voice[1:])
    talk_over_s = sum(sound.overlap_s(audible, span.start_s + _EDGE_S, span.end_s - _EDGE_S) for span in gone_on)
    standing = _standing(take)
    last = standing[-1] if standing else None
    missed = last is None or last[0] > end_s + MISSED_S
    delay_s = last[0] - end_s if last is not None and not missed else None
    spoke_s = sound.first_sound(take.output, take.rate, end_s)
    if sound.overlap_s(audible, end_s - _EDGE_S, end_s + _EDGE_S) > _EDGE_S / 2:
        spoke_s = None  # it talked over the end: no answer to the whole has a beginning here
    reply = _reply_to(take, last[1].turn) if last is not None else 0
    begun_s = _begun(take, reply)
    ahead_s = last[0] - begun_s if last is not None and begun_s is not None else None
    heard = " ".join(event.text for _, event in standing)
    first = take.voice[0].text if len(take.voice) > 1 else ""
    rest = " ".join(span.text for span in (take.voice[1:] if len(take.voice) > 1 else take.voice))
    start_s = take.voice[0].start_s
    return TurnEnd(
        talk_over_ms=_ms(talk_over_s),
        talked_over=talk_over_s > _EDGE_S,
        began_in_pause=sound.overlap_s(audible, start_s, end_s - _EDGE_S) > _EDGE_S,
        yield_ms=max((late for span in gone_on if (late := _yielded_ms(audible, span)) is not None), default=None),
        split=len(standing) > 1,
        missed=missed,
        taken_back=len({event.turn for _, event in take.of(TurnCancel) if event.reason == "continued"}),
        delay_ms=None if delay_s is None else _ms(delay_s),
        voice_to_voice_ms=None if spoke_s is None or missed else _ms(spoke_s - end_s),
        drafts=len(take.of(TurnDraft)),
        speculated=ahead_s is not None and ahead_s > 0,
        ahead_ms=None if ahead_s is None else _ms(max(0.0, ahead_s)),
        heard=heard,
        words=wording.compare(first, rest, heard),
        answered=spoke_s is not None,
    )


def _standing(take: Take) -> list[tuple[float, TurnText]]:
    """The finals that were not taken back for their words to come again."""
    gone = {event.turn for _, event in take.of(TurnCancel) if event.reason == "continued"}
    return [(at, event) for at, event in take.of(TurnText) if event.turn not in gone]


def _reply_to(take: Take, turn: int) -> int:
    return next((event.reply for _, event in take.of(ReplyCommitted) if event.turn == turn), 0)


def _begun(take: Take, reply: int) -> float | None:
    words: list[tuple[float, LlmDelta | LlmSentence]] = [*take.of(LlmDelta), *take.of(LlmSentence)]
    return min((at for at, event in words if event.reply == reply), default=None)


def _yielded_ms(audible: list[tuple[float, float]], span: tuple[float, float, str]) -> float | None:
    """From the start of `span` to the end of what sounds then; breaths of the clone between two words do not count."""
    start_s, end_s, _ = span
    silent_s: float | None = None
    for begins, ends in audible:
        if ends <= start_s + _EDGE_S or begins >= end_s:
            continue
        if silent_s is not None and begins - silent_s > _BREATH_S:
            break
        if silent_s is None and begins > start_s + _EDGE_S:
            return _ms(ends - begins)  # it began while the person was speaking
        silent_s = ends
    return None if silent_s is None else _ms(silent_s - start_s)


def _ms(seconds: float) -> float:
    return round(seconds * 1000.0, 1)
