"""The ears of one session: microphone frames and typed lines in, turns out.

A thread of its own hears the sound and takes the decisions; a second one decodes and a third one asks the end-of-turn
model, so that both run side by side while the first still notices a voice that goes on.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

from avatar_asr import typed
from avatar_asr.actions import Final, Partial, Started, Stopped
from avatar_asr.hearing import Flawed, Hearing, LookWanted, Outcome, WordsWanted
from avatar_asr.language import language_of
from avatar_contracts import AsrPartial, MicFrame, SpeechStarted, SpeechStopped, TurnText, TurnTyped
from avatar_runtime import log, metrics, semconv, telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from avatar_asr.ears import Ears
    from avatar_asr.settings import AsrSettings
    from avatar_runtime.session import Session

_INBOX_FRAMES = 512
"""Ten seconds of frames of 20 ms."""

_frames = metrics.counter(
    "avatar_asr_frames_total", "Microphone frames, by what was found wrong with them.", ["outcome"]
)
_turns = metrics.counter("avatar_asr_turns_total", "Turns and dropped runs of voice, by how they ended.", ["outcome"])
_failures = metrics.counter("avatar_asr_failures_total", "Times a model raised.", ["stage"])
_stages = metrics.histogram(
    "avatar_asr_stage_seconds", "Wall time of a model's answer.", ["stage"], buckets=metrics.DECODE_S
)

logger = log.get(__name__)

_Result: TypeAlias = "Outcome | TurnText"
_Step: TypeAlias = "Callable[[Hearing], Sequence[_Result]]"


class Listener:
    """Hears one session and publishes its turns.

    Args:
        session: The session; its claim says above which number turns start.
        ears: The loaded models.
        settings: The rules of turn-taking.
    """

    def __init__(self, session: Session, ears: Ears, settings: AsrSettings) -> None:
        self._session = session
        self._smart_turn = ears.smart_turn
        self._decoder = ears.engine.open()
        self._language = session.claim.config.language
        self._understands = ears.info.languages
        self._seen = typed.Seen()
        self._failing: set[str] = set()
        self._decode_ms = 0.0
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[_Result] = asyncio.Queue()
        self._inbox: queue.SimpleQueue[_Step | None] = queue.SimpleQueue()
        self._decoding = ThreadPoolExecutor(1, thread_name_prefix="asr-decode")
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="asr-look")
        hearing = Hearing(ears.vad.open(), settings, session.claim.turn)
        self._thread = threading.Thread(target=self._hear, args=(hearing,), name="asr-hear", daemon=True)
        self._thread.start()
        session.on(MicFrame, self.on_mic)
        session.on(TurnTyped, self.on_typed, ack=True)
        session.spawn(self._speak_up(), "publish")

    async def close(self) -> None:
        """Stop hearing; a decode under way is left to end by itself."""
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)
        self._decoding.submit(self._decoder.close)
        self._decoding.shutdown(wait=False)
        self._looking.shutdown(wait=False)

    # --- coming in ---------------------------------------------------------------------------------------------

    async def on_mic(self, frame: MicFrame) -> None:
        """Hand a frame to the hearing thread, unless that is ten seconds behind."""
        waiting = self._inbox.qsize()
        if waiting >= _INBOX_FRAMES:
            _frames.labels("mic.overrun").inc()
            self._failed("overrun", RuntimeError("the microphone is faster than this machine can listen"))
            return
        if waiting <= _INBOX_FRAMES // 2:  # not at once, or every other frame would be news
            self._works("overrun")
        self._inbox.put(lambda hearing: hearing.hear(frame))

    async def on_typed(self, line: TurnTyped) -> None:
        """Make a typed line the next turn."""
        if self._seen.again(line.client_id):
            return
        text = typed.normalise(line.text)
        if not text:
            _turns.labels("empty").inc()
            await self._session.report("turn.empty", "the typed line has no characters to answer", "type some words")
            return
        short = typed.shorten(text)
        if short != text:
            _turns.labels("shortened").inc()
            await self._session.report(
                "turn.too_long",
                f"the typed line of {len(text.encode())} bytes was cut to {typed.MAX_BYTES}",
                "send the rest as another line",
            )
        language = line.language or language_of(short, self._language)

        def number(hearing: Hearing) -> list[_Result]:
            turn, outcomes = hearing.typed()
            return [TurnText(turn=turn, text=short, language=language, end_reason="typed"), *outcomes]

        self._inbox.put(number)

    # --- the hearing thread ------------------------------------------------------------------------------------

    def _hear(self, hearing: Hearing) -> None:
        while (step := self._inbox.get()) is not None:
            try:
                outcomes = step(hearing)
            except Exception as error:
                self._loop.call_soon_threadsafe(self._failed, "hear", error)
                outcomes = hearing.recover()
            for outcome in outcomes:
                self._loop.call_soon_threadsafe(self._outbox.put_nowait, outcome)

    # --- the models --------------------------------------------------------------------------------------------

    async def _decode(self, wanted: WordsWanted) -> None:
        text = ""
        began = time.perf_counter()
        try:
            with self._session.busy():
                decode = functools.partial(self._decoder.decode, wanted.samples, careful=wanted.decode.careful)
                text = await self._loop.run_in_executor(self._decoding, decode)
        except Exception as error:
            self._failed("decode", error)
        else:
            self._works("decode")
        took_s = time.perf_counter() - began
        metrics.observe(_stages.labels(f"decode_{wanted.decode.purpose}"), took_s)

        def answer(hearing: Hearing) -> list[Outcome]:
            self._decode_ms = took_s * 1_000
            return hearing.decoded(wanted.decode.job, text)

        self._inbox.put(answer)

    async def _look(self, wanted: LookWanted) -> None:
        probability: float | None = None
        began = time.perf_counter()
        try:
            with self._session.busy():
                probability = await self._loop.run_in_executor(
                    self._looking, self._smart_turn.probability, wanted.samples
                )
        except Exception as error:
            self._failed("look", error)
        else:
            self._works("look")
        metrics.observe(_stages.labels("look"), time.perf_counter() - began)
        self._inbox.put(lambda hearing: hearing.looked(wanted.look.job, probability))

    # --- going out ---------------------------------------------------------------------------------------------

    async def _speak_up(self) -> None:
        while True:
            outcome = await self._outbox.get()
            try:
                await self._act(outcome)
            except Exception as error:
                self._failed("publish", error)
            else:
                self._works("publish")

    async def _act(self, outcome: _Result) -> None:
        match outcome:
            case WordsWanted():
                self._session.spawn(self._decode(outcome), "decode")
            case LookWanted():
                self._session.spawn(self._look(outcome), "look")
            case Started(turn, at):
                await self._session.publish(SpeechStarted(turn=turn, at=at))
                await self._warn_of_language()
            case Stopped(turn, at, discarded):
                if discarded:
                    _turns.labels("discarded").inc()
                await self._session.publish(SpeechStopped(turn=turn, at=at, discarded=discarded))
            case Partial(turn, text):
                await self._session.publish(AsrPartial(turn=turn, text=text))
            case Final():
                self._works("hear")  # a whole turn: single frames often pass without a run of the detector
                await self._commit(self._spoken(outcome))
            case TurnText():
                await self._commit(outcome)
            case Flawed(flaw, fresh):
                _frames.labels(flaw.code).inc()
                if fresh:
                    await self._session.report(flaw.code, flaw.message, flaw.hint)

    async def _warn_of_language(self) -> None:
        """Say once, when there is speech to misunderstand, that the engine does not know the session's language."""
        if self._language in self._understands:
            return
        message = f"speech is heard as {' or '.join(self._understands)}, but the session speaks {self._language}"
        await self._session.report("asr.language", message, "type instead, or choose another asr engine")
        self._understands = (self._language,)

    def _spoken(self, final: Final) -> TurnText:
        text = typed.shorten(final.text)
        return TurnText(
            turn=final.turn,
            text=text,
            language=language_of(text, self._language),
            end_reason=final.reason,
            end_probability=final.probability,
            speech_start=final.start,
            speech_end=final.end,
            decode_ms=self._decode_ms,
        )

    async def _commit(self, turn: TurnText) -> None:
        """Publish a finished turn; its trace starts here."""
        _turns.labels(turn.end_reason).inc()
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
            reason=turn.end_reason,
            probability=round(turn.end_probability, 2),
            speech_s=round((turn.speech_end - turn.speech_start) / 16_000, 2),
            decode_ms=round(turn.decode_ms),
        )

    def _failed(self, stage: str, error: Exception) -> None:
        """Count a failure; report it when the stage worked before."""
        _failures.labels(stage).inc()
        if stage not in self._failing:
            self._failing.add(stage)
            logger.error("asr.failed", stage=stage, exc_info=error)
            report = self._session.report(f"asr.{stage}", f"hearing failed at {stage}: {error}", "see the log of asr")
            self._session.spawn(report, "report")

    def _works(self, stage: str) -> None:
        self._failing.discard(stage)
