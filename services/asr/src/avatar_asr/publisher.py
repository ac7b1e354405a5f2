"""What the ears of one session tell the others: events, counters, and errors the person should know of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from avatar_asr.actions import Action, Cancel, Draft, Final, Overlap, Started, Stopped, Stuck
from avatar_asr.events import event_of
from avatar_asr.hearing import Flawed
from avatar_contracts import TurnText
from avatar_runtime import log, metrics, semconv, telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avatar_asr.faults import Faults
    from avatar_runtime.session import Session

FRAMES = metrics.counter(
    "avatar_asr_frames_total", "Microphone frames, by what was found wrong with them.", ["outcome"]
)
TURNS = metrics.counter("avatar_asr_turns_total", "Turns and dropped runs of voice, by how they ended.", ["outcome"])
_drafts = metrics.counter("avatar_asr_drafts_total", "Drafts: turns that may be over, sent while that is not sure.")
_overlaps = metrics.counter(
    "avatar_asr_overlaps_total", "Times the person's voice met an answer, by what it was taken for.", ["outcome"]
)
_continued = metrics.counter("avatar_asr_continued_total", "Turns that go on from turns that were taken back.")

logger = log.get(__name__)

News: TypeAlias = Action | Flawed | TurnText


class Publisher:
    """Publishes what one session's ears decide.

    Args:
        session: The session.
        understands: Languages of the recognition engine.
        faults: What fails in the session.

    Attributes:
        decode_ms: Wall time of the newest decode.
    """

    def __init__(self, session: Session, understands: Sequence[str], faults: Faults) -> None:
        self.decode_ms = 0.0
        self._session = session
        self._language = session.claim.config.language
        self._understands = tuple(understands)
        self._faults = faults

    async def tell(self, news: News) -> None:
        """Publish, count and report what `news` is worth."""
        match news:
            case Final():
                await self._spoken(news)
            case TurnText():
                await self._commit(news)
            case Flawed(flaw, fresh):
                FRAMES.labels(flaw.code).inc()
                if fresh:
                    await self._session.report(flaw.code, flaw.message, flaw.hint)
            case Stuck():
                await self._stuck()
            case _:
                _count(news)
                if event := event_of(news, self._language):
                    await self._session.publish(event)
                if isinstance(news, Started):
                    await self._warn_of_language()

    async def _spoken(self, final: Final) -> None:
        self._faults.works("hear")  # a whole turn: single frames often pass without a run of the detector
        self._faults.works("stuck")
        if final.continues:
            _continued.inc()
        event = event_of(final, self._language)
        assert isinstance(event, TurnText)
        await self._commit(msgspec.structs.replace(event, decode_ms=self.decode_ms))

    async def _commit(self, turn: TurnText) -> None:
        """Publish a finished turn; its trace starts here."""
        TURNS.labels(turn.end_reason).inc()
        about: dict[str, str | int | float] = {
            semconv.TURN: turn.turn,
            semconv.LANGUAGE: turn.language,
            semconv.OUTCOME: turn.end_reason,
        }
        with telemetry.span(semconv.ASR_TURN, **about):
            await self._session.publish(turn)
        logger.info(
            "turn.finished",
            turn=turn.turn,
            continues=turn.continues,
            reason=turn.end_reason,
            probability=round(turn.end_probability, 2),
            speech_s=round((turn.speech_end - turn.speech_start) / 16_000, 2),
            decode_ms=round(turn.decode_ms),
        )

    async def _stuck(self) -> None:
        """Say once, until words are heard again, that the microphone brings voice without words."""
        TURNS.labels("stuck").inc()
        if not self._faults.fresh("stuck"):
            return
        logger.error("mic.stuck")
        message = "the microphone has brought something like a voice for half a minute, and no word in it"
        hint = "turn off what sounds near the microphone, or choose another one; it is heard again after a short quiet"
        await self._session.report("mic.stuck", message, hint)

    async def _warn_of_language(self) -> None:
        """Say once, when there is speech to misunderstand, that the engine does not know the session's language."""
        if self._language in self._understands:
            return
        message = f"speech is heard as {' or '.join(self._understands)}, but the session speaks {self._language}"
        await self._session.report("asr.language", message, "type instead, or choose another asr engine")
        self._understands = (self._language,)


def _count(action: Action) -> None:
    match action:
        case Stopped(discarded=True):
            TURNS.labels("discarded").inc()
        case Draft():
            _drafts.inc()
        case Cancel(reason=reason):
            _overlaps.labels(reason).inc()
        case Overlap(state="resume", why=why):
            _overlaps.labels(why).inc()
