"""The talk itself: events of ears, mind and voice on one side, playout and the ledger of turns on the other."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from typing import Protocol

from avatar_contracts import (
    AsrPartial,
    Exchange,
    Kind,
    LlmDelta,
    LlmDone,
    LlmSentence,
    Pending,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDeclined,
    SpeechStarted,
    SpeechStopped,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnText,
)
from avatar_edge import latency
from avatar_edge.audio import MIC_RATE
from avatar_edge.changes import Change
from avatar_edge.commands import Commands
from avatar_edge.finished import Finished
from avatar_edge.floor import Floor
from avatar_edge.pairing import Pairing
from avatar_edge.player import Player
from avatar_edge.playout import Playout
from avatar_edge.report import TurnReport
from avatar_edge.tracing import PlayTrace
from avatar_edge.turns import Ledger
from avatar_edge.workers import WORDS
from avatar_runtime import log, metrics
from avatar_runtime.session import Session

MINDLESS_S = 6.0
"""A turn waits so long for a mind while there is none: 5 s in which a mind owes its first word, and 1 s more."""
_SETTLE_S = 0.3
_AFTER_END_S = 0.25
"""The ears place the end of speech within this of the truth."""

_chunks = metrics.counter("avatar_edge_chunks_total", "Pieces of sound from the voice", ["outcome"])

logger = log.get(__name__)


class SpeechClock(Protocol):
    """What the dialogue asks of the microphone."""

    def voiced_end(self, heard: int, margin: int) -> float:
        """See `MicPublisher.voiced_end`."""


class Dialogue:
    """Takes every event of the talk and keeps playout, pictures and ledger in step with it.

    Attributes:
        ledger: What was heard and answered.
        floor: How answers give way to the person's voice.
        captions: What the person is saying just now, empty when they are not.
        hearing: The person is speaking.
        commands: What the person asks by key.
        reports: The turns as they finish.
        player: Set once, by the call: what plays the playout.
    """

    player: Player

    def __init__(
        self,
        session: Session,
        mic: SpeechClock,
        playout: Playout,
        pairing: Pairing,
        *,
        missing: Callable[[], list[Kind]],
        guarded: Callable[[int], bool] = lambda _sample: False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`missing()` names the kinds that have no worker now; for `guarded` see `Floor`."""
        self.captions = ""
        self.hearing = False
        self.ledger = Ledger(self._seen, self._on_report)
        self.reports = Finished(self.ledger)
        self._session = session
        self._mic = mic
        self._playout = playout
        self._pairing = pairing
        self._missing = missing
        self._clock = clock
        self._trace = PlayTrace(session.spawn)
        self._mind = 0
        self.commands = Commands(session, playout, self.ledger, clock)
        session.on(SpeechStarted, self._on_speech_started)
        session.on(SpeechStopped, self._on_speech_stopped)
        session.on(AsrPartial, self._on_partial)
        session.on(TurnText, self._on_turn_text)
        session.on(TurnCancel, self._on_turn_cancel)
        session.on(LlmDelta, self._on_delta)
        session.on(LlmSentence, self._on_sentence)
        session.on(LlmDone, self._on_llm_done)
        session.on(ReplyCommitted, self._on_committed)
        session.on(ReplyCancelled, self._on_cancelled)
        session.on(ReplyDeclined, self._on_declined)
        session.on(TtsChunk, self._on_chunk)
        session.on(TtsDone, self._on_tts_done)
        self.floor = Floor(session, playout, guarded=guarded, clock=clock)  # hears a cancel after it has been obeyed

    # --- for the call ------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Nothing will finish any more."""
        await self.reports.close()

    def transcript(self) -> tuple[Exchange, ...]:
        """What has been said and heard so far."""
        return self.ledger.transcript(*self._playout.heard_now(self._clock()))

    def pending(self) -> Pending | None:
        """The turn a new mind is to answer first."""
        return self.ledger.pending()

    @property
    def saying(self) -> str:
        """The sentence of the answer that sounds just now, empty when none does."""
        return self._playout.saying(self._clock())

    def give_up(self, waited_s: float) -> None:
        """Fail the turns that have waited so long for an answer while nothing was played; call it often."""
        now = self._clock()
        if self._playout.busy:  # what is asked meanwhile may have to wait until it is over
            self.ledger.postpone(now)
            return
        for turn in self.ledger.waiting(now - waited_s):
            self._playout.cancel_turn(turn, "no answer came in time", now)
            self._fail(turn, f"no answer came within {waited_s:.0f} s")
        if "llm" in self._missing():
            for turn in self.ledger.waiting(now - MINDLESS_S):
                self._fail(turn, f"there is no llm worker ({WORDS['llm']}) to answer with")

    def ears_lost(self) -> None:
        """Nobody hears the person now: what they were saying will not become a turn."""
        self.hearing = False
        self.captions = ""
        self.floor.restore()

    async def break_off(self, why: str) -> None:
        """The mind or the voice is gone: end what cannot be finished, and wait until what was heard is known.

        Without the voice the turns that wait fail. Without the mind alone they wait for another one, and what it had
        written in full is still spoken.
        """
        now = self._clock()
        voiceless = "tts" in self._missing()
        turns = self._playout.break_off(why, now, spare=() if voiceless else self.ledger.complete())
        if voiceless:
            for turn in self.ledger.waiting(math.inf):
                self._fail(turn, why)
        if "llm" in self._missing():
            self.commands.proposal = None
            self.ledger.mind_lost(now)
        self.player.wake()
        with contextlib.suppress(TimeoutError):
            await self.reports.wait_for(lambda: not self.ledger.open(turns), _SETTLE_S)

    def on_frame(self, reply: int, now: float) -> None:
        """A usable frame came from the face."""
        if reply:
            self._playout.frame(reply)
            self.ledger.mark(reply, "first_frame", now)

    def on_change(self, change: Change) -> None:
        """The playout of a reply moved on."""
        reply = change.progress.reply
        match change.state:
            case "stopped":
                self._pairing.forget(reply)
            case "finished":
                self._pairing.finish(reply)
            case "held":
                self._pairing.hold(reply)
            case "playing":
                self._pairing.resume(reply)
            case _:
                pass
        self._trace.changed(change)
        self.ledger.changed(change)

    # --- the ears ----------------------------------------------------------------------------------------------

    async def _on_speech_started(self, event: SpeechStarted) -> None:
        self.hearing = True

    async def _on_speech_stopped(self, event: SpeechStopped) -> None:
        self.hearing = False
        if event.discarded:
            self.captions = ""
        else:
            self.ledger.speech_stopped(event.turn, self._clock())

    async def _on_partial(self, event: AsrPartial) -> None:
        self.captions = event.text

    async def _on_turn_text(self, event: TurnText) -> None:
        now = self._clock()
        if event.end_reason == "typed":
            voiced_end = self.commands.typed_at(now)
        else:
            self.hearing = False
            self.captions = ""
            voiced_end = self._mic.voiced_end(event.speech_end, round(_AFTER_END_S * MIC_RATE))
        self._trace.begin(event.turn)
        self.ledger.turn_text(event, voiced_end, now)

    async def _on_turn_cancel(self, event: TurnCancel) -> None:
        now = self._clock()
        told = self._playout.cancel_turn(event.turn, event.reason, now)
        if event.reason == "continued":
            self.ledger.withdrawn(event.turn)
        elif not told:
            self.ledger.cancelled(event.turn, event.reason)
        if event.reason == "stop":  # also of what an earlier turn asked for
            self._playout.cancel_upto(event.turn, "stop", now)
            self.ledger.silenced(event.turn)
        self.player.wake()

    # --- the mind ----------------------------------------------------------------------------------------------

    async def _on_delta(self, event: LlmDelta) -> None:
        self.ledger.mark(event.reply, "first_token", self._clock())

    async def _on_sentence(self, event: LlmSentence) -> None:
        self.ledger.sentence(event, self._clock())
        self._playout.sentence(event)

    async def _on_llm_done(self, event: LlmDone) -> None:
        self.ledger.written(event.reply)
        if event.sentences == 0:
            self._playout.cancel(event.reply, "the mind gave no words", self._clock())
            self._fail(event.turn, "the mind gave no answer")
        self._fail_unspoken(event.turn, event.reply)

    async def _on_committed(self, event: ReplyCommitted) -> None:
        now = self._clock()
        self.ledger.committed(event)
        if event.epoch > self._mind:  # a new mind cannot cancel what the one before it began
            self._mind = event.epoch
            self._playout.supersede(event.reply, now)
        if not self._playout.commit(event.turn, event.reply, now, interruptible=event.interruptible):
            self.ledger.lost(event.turn, event.reply, "its answer was lost before it could be spoken")
        self._fail_unspoken(event.turn, event.reply)
        self.player.wake()

    async def _on_cancelled(self, event: ReplyCancelled) -> None:
        told = self._playout.cancel(event.reply, event.reason, self._clock())
        self.ledger.given_up(event.reply)
        self._pairing.forget(event.reply)
        if not told and event.reason in ("superseded", "dropped") and event.reply != self.commands.edited:
            self.ledger.taken_back(event.turn, event.reply, event.reason)
        self.player.wake()

    async def _on_declined(self, event: ReplyDeclined) -> None:
        self.ledger.declined(event.turn, event.reason)

    # --- the voice ---------------------------------------------------------------------------------------------

    async def _on_chunk(self, event: TtsChunk) -> None:
        now = self._clock()
        self.ledger.mark(event.reply, "first_chunk", now)
        _chunks.labels("taken" if self._playout.chunk(event, now) else "useless").inc()

    async def _on_tts_done(self, event: TtsDone) -> None:
        self._playout.done(event, self._clock())
        self.player.wake()

    # --- reports -----------------------------------------------------------------------------------------------

    def _seen(self, reply: int) -> tuple[float | None, int]:
        spoken = self._pairing.spoken(reply)
        return (spoken.first_at, spoken.frames) if spoken is not None else (None, 0)

    def _fail_unspoken(self, turn: int, reply: int) -> None:
        """An answer that is there in words, and nobody to say it: end the turn, which shows the words."""
        if "tts" in self._missing() and self.ledger.unspoken(turn, reply):
            self._fail(turn, f"there is no tts worker ({WORDS['tts']}) to speak the answer")

    def _fail(self, turn: int, message: str) -> None:
        self.ledger.failed(turn, message)
        self.player.wake()

    def _on_report(self, report: TurnReport) -> None:
        latency.observe(report.stages_ms)
        logger.info("turn.done", turn=report.turn, interrupted=report.interrupted, **report.stages_ms)
        self.reports.count()
        self._session.spawn(self.reports.notify(), "turn done")
