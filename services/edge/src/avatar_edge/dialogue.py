"""The talk itself: events of ears, mind and voice on one side, playout and the ledger of turns on the other."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

from avatar_contracts import (
    AsrPartial,
    Exchange,
    Kind,
    LlmDelta,
    LlmDone,
    LlmSentence,
    ReplyCancelled,
    ReplyCommitted,
    SpeechStarted,
    SpeechStopped,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnText,
    TurnTyped,
    ids,
)
from avatar_edge import latency
from avatar_edge.audio import MIC_RATE
from avatar_edge.listening import MicPublisher
from avatar_edge.pairing import Pairing
from avatar_edge.player import Player
from avatar_edge.playout import Change, Playout
from avatar_edge.tracing import PlayTrace
from avatar_edge.turns import Ledger, TurnReport
from avatar_edge.workers import WORDS
from avatar_runtime import log, metrics
from avatar_runtime.session import Session

_SETTLE_S = 0.3
_TYPED_S = 3.0
"""A typed line whose turn has not come by then never will: it was empty, or the ears died."""
_AFTER_END_S = 0.25
"""The ears place the end of speech within this of the truth."""

_chunks = metrics.counter("avatar_edge_chunks_total", "Pieces of sound from the voice", ["outcome"])

logger = log.get(__name__)


class Dialogue:
    """Takes every event of the talk and keeps playout, pictures and ledger in step with it.

    Attributes:
        ledger: What was heard and answered.
        captions: What the person is saying just now, empty when they are not.
        hearing: The person is speaking.
        player: Set once, by the call: what plays the playout.
    """

    player: Player

    def __init__(
        self,
        session: Session,
        mic: MicPublisher,
        playout: Playout,
        pairing: Pairing,
        *,
        missing: Callable[[], list[Kind]],
    ) -> None:
        """`missing()` names the kinds that have no worker now."""
        self.captions = ""
        self.hearing = False
        self.ledger = Ledger(self._seen, self._on_report)
        self._session = session
        self._mic = mic
        self._playout = playout
        self._pairing = pairing
        self._missing = missing
        self._trace = PlayTrace(session.spawn)
        self._typed: deque[float] = deque()
        self._mind = 0
        self._finished = 0
        self._changed = asyncio.Condition()
        self._closed = False
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
        session.on(TtsChunk, self._on_chunk)
        session.on(TtsDone, self._on_tts_done)

    # --- for the call ------------------------------------------------------------------------------------------

    async def type(self, text: str) -> None:
        """See `Call.type`."""
        sent_at = time.perf_counter()
        self._typed.append(sent_at)
        try:
            await self._session.command(TurnTyped(client_id=ids.new_session_id(), text=text))
        except BaseException:
            with contextlib.suppress(ValueError):  # its turn may have come all the same
                self._typed.remove(sent_at)
            raise

    async def turn_done(self, number: int, timeout_s: float) -> TurnReport:
        """The `number`-th turn to finish, from 1; raises TimeoutError when it has not finished in time."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self._finished >= number)
        reports = self.ledger.reports
        return reports[number - 1 - (self._finished - len(reports))]

    async def finished(self) -> AsyncIterator[TurnReport]:
        """Every turn as it finishes, until `close`."""
        given = self._finished
        while not self._closed:
            async with self._changed:
                if given == self._finished and not self._closed:
                    await self._changed.wait()
            while given < self._finished:
                given += 1
                yield await self.turn_done(given, timeout_s=1.0)

    async def close(self) -> None:
        """Nothing will finish any more."""
        self._closed = True
        await self._notify()

    def transcript(self) -> tuple[Exchange, ...]:
        """What has been said and heard so far."""
        return self.ledger.transcript(*self._playout.heard_now(time.perf_counter()))

    def give_up(self, waited_s: float) -> None:
        """Fail the turns that have waited so long for an answer."""
        now = time.perf_counter()
        for turn in self.ledger.waiting(now - waited_s):
            self._playout.cancel_turn(turn, "no answer came in time", now)
            self._fail(turn, f"no answer came within {waited_s:.0f} s")

    def ears_lost(self) -> None:
        """Nobody hears the person now: what they were saying will not become a turn."""
        self.hearing = False
        self.captions = ""

    async def break_off(self, why: str) -> None:
        """The mind or the voice is gone: end what cannot be finished, and wait until what was heard is known."""
        now = time.perf_counter()
        turns = self._playout.break_off(why, now)
        for turn in self.ledger.waiting(now):
            self._fail(turn, why)
        self.player.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S), self._changed:
                await self._changed.wait_for(lambda: not self.ledger.open(turns))

    def on_frame(self, reply: int, now: float) -> None:
        """A usable frame came from the face."""
        if reply:
            self._playout.frame(reply)
            self.ledger.frame(reply, now)

    def on_change(self, change: Change) -> None:
        """The playout of a reply moved on."""
        if change.state == "stopped":
            self._pairing.forget(change.progress.reply)
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
            self.ledger.speech_stopped(event.turn, time.perf_counter())

    async def _on_partial(self, event: AsrPartial) -> None:
        self.captions = event.text

    async def _on_turn_text(self, event: TurnText) -> None:
        now = time.perf_counter()
        self.hearing = False
        self.captions = ""
        if event.end_reason == "typed":
            while self._typed and now - self._typed[0] > _TYPED_S:
                self._typed.popleft()
            voiced_end = self._typed.popleft() if self._typed else now
        else:
            voiced_end = self._mic.voiced_end(event.speech_end, round(_AFTER_END_S * MIC_RATE))
        self._trace.begin(event.turn)
        self.ledger.turn_text(event, voiced_end, now)
        for kind in self._missing():
            if kind in ("llm", "tts"):  # one that comes later will not know of this turn
                self._fail(event.turn, f"there is no {kind} worker ({WORDS[kind]}) to answer with")

    async def _on_turn_cancel(self, event: TurnCancel) -> None:
        self._playout.cancel_turn(event.turn, event.reason, time.perf_counter())
        self.player.wake()
        if event.reason == "continued":
            self.ledger.withdrawn(event.turn)

    # --- the mind ----------------------------------------------------------------------------------------------

    async def _on_delta(self, event: LlmDelta) -> None:
        self.ledger.mark(event.turn, event.reply, "first_token", time.perf_counter())

    async def _on_sentence(self, event: LlmSentence) -> None:
        self.ledger.mark(event.turn, event.reply, "first_sentence", time.perf_counter())
        self._playout.sentence(event)

    async def _on_llm_done(self, event: LlmDone) -> None:
        if event.sentences == 0:
            self._playout.cancel(event.reply, "the mind gave no words", time.perf_counter())
            self._fail(event.turn, "the mind gave no answer")

    async def _on_committed(self, event: ReplyCommitted) -> None:
        now = time.perf_counter()
        self.ledger.committed(event)
        if event.epoch > self._mind:  # a new mind cannot cancel what the one before it began
            self._mind = event.epoch
            self._playout.supersede(event.reply, now)
        self._playout.commit(event.turn, event.reply, now)
        self.player.wake()

    async def _on_cancelled(self, event: ReplyCancelled) -> None:
        self._playout.cancel(event.reply, event.reason, time.perf_counter())
        self._pairing.forget(event.reply)
        self.player.wake()

    # --- the voice ---------------------------------------------------------------------------------------------

    async def _on_chunk(self, event: TtsChunk) -> None:
        now = time.perf_counter()
        self.ledger.mark(event.turn, event.reply, "first_chunk", now)
        _chunks.labels("taken" if self._playout.chunk(event, now) else "useless").inc()

    async def _on_tts_done(self, event: TtsDone) -> None:
        self._playout.done(event, time.perf_counter())
        self.player.wake()

    # --- reports -----------------------------------------------------------------------------------------------

    def _seen(self, reply: int) -> tuple[float | None, int]:
        spoken = self._pairing.spoken(reply)
        return (spoken.first_at, spoken.frames) if spoken is not None else (None, 0)

    def _fail(self, turn: int, message: str) -> None:
        self.ledger.failed(turn, message)
        self.player.wake()

    def _on_report(self, report: TurnReport) -> None:
        latency.observe(report.stages_ms)
        logger.info("turn.done", turn=report.turn, interrupted=report.interrupted, **report.stages_ms)
        self._finished += 1
        self._session.spawn(self._notify(), "turn done")

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
