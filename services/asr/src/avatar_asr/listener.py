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
from avatar_asr.faults import Faults
from avatar_asr.hearing import Hearing, LookWanted, Outcome, WordsWanted
from avatar_asr.language import language_of
from avatar_asr.publisher import FRAMES, TURNS, Publisher
from avatar_contracts import (
    LlmSentence,
    MicFrame,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDeclined,
    SessionConfigured,
    TurnStop,
    TurnText,
    TurnTyped,
)
from avatar_runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from avatar_asr.ears import Ears
    from avatar_asr.settings import AsrSettings
    from avatar_runtime.session import Session

_INBOX_FRAMES = 512
"""Ten seconds of frames of 20 ms."""

_stages = metrics.histogram(
    "avatar_asr_stage_seconds", "Wall time of a model's answer.", ["stage"], buckets=metrics.DECODE_S
)

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
        self._seen = typed.Seen()
        self._faults = Faults(session)
        self._publisher = Publisher(session, ears.info.languages, self._faults)
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[_Result] = asyncio.Queue()
        self._inbox: queue.SimpleQueue[_Step | None] = queue.SimpleQueue()
        self._decoding = ThreadPoolExecutor(1, thread_name_prefix="asr-decode")
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="asr-look")
        hearing = Hearing(ears.vad.open(), settings, session.claim.turn, session.claim.config)
        self._thread = threading.Thread(target=self._hear, args=(hearing,), name="asr-hear", daemon=True)
        self._thread.start()
        session.on(MicFrame, self.on_mic)
        session.on(TurnTyped, self.on_typed, ack=True)
        session.on(TurnStop, self.on_stop, ack=True)
        session.on(SessionConfigured, self.on_configured)
        session.on(PlaybackProgress, self.on_played)
        session.on(ReplyCommitted, self.on_committed)
        session.on(ReplyCancelled, self.on_cancelled)
        session.on(ReplyDeclined, self.on_declined)
        session.on(LlmSentence, self.on_sentence)
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
            FRAMES.labels("mic.overrun").inc()
            self._faults.failed("overrun", RuntimeError("the microphone is faster than this machine can listen"))
            return
        if waiting <= _INBOX_FRAMES // 2:  # not at once, or every other frame would be news
            self._faults.works("overrun")
        self._inbox.put(lambda hearing: hearing.hear(frame))

    async def on_typed(self, line: TurnTyped) -> None:
        """Make a typed line the next turn."""
        if self._seen.again(line.client_id):
            return
        text = typed.normalise(line.text)
        if not text:
            TURNS.labels("empty").inc()
            await self._session.report("turn.empty", "the typed line has no characters to answer", "type some words")
            return
        short = typed.shorten(text)
        if short != text:
            TURNS.labels("shortened").inc()
            await self._session.report(
                "turn.too_long",
                f"the typed line of {len(text.encode())} bytes was cut to {typed.MAX_BYTES}",
                "send the rest as another line",
            )
        language = line.language or language_of(short, self._language)

        def number(hearing: Hearing) -> list[_Result]:
            turn, outcomes = hearing.typed()
            said = TurnText(
                turn=turn,
                text=short,
                language=language,
                end_reason="typed",
                verbatim=line.verbatim,
                interruptible=line.interruptible,
            )
            return [said, *outcomes]

        self._inbox.put(number)

    async def on_stop(self, _stop: TurnStop) -> None:
        """Silence every answer."""
        self._inbox.put(Hearing.stop)

    async def on_configured(self, event: SessionConfigured) -> None:
        """Follow what the person chooses during the call."""
        self._inbox.put(lambda hearing: hearing.configure(event.config))

    async def on_played(self, progress: PlaybackProgress) -> None:
        """Learn what of an answer is heard."""
        self._inbox.put(lambda hearing: hearing.played(progress))

    async def on_committed(self, reply: ReplyCommitted) -> None:
        """Learn that an answer will be heard."""
        self._inbox.put(lambda hearing: hearing.committed(reply))

    async def on_cancelled(self, reply: ReplyCancelled) -> None:
        """Learn that an answer will not be heard, or no more of it; a wrong guess at one is no answer."""
        if reply.reason != "draft":
            self._inbox.put(lambda hearing: hearing.unanswered(reply.turn))

    async def on_declined(self, declined: ReplyDeclined) -> None:
        """Learn that there will be no answer."""
        self._inbox.put(lambda hearing: hearing.unanswered(declined.turn))

    async def on_sentence(self, sentence: LlmSentence) -> None:
        """Learn what the clone says, to know its echo."""
        self._inbox.put(lambda hearing: hearing.saying(sentence.reply, sentence.sentence, sentence.text))

    # --- the hearing thread ------------------------------------------------------------------------------------

    def _hear(self, hearing: Hearing) -> None:
        while (step := self._inbox.get()) is not None:
            try:
                outcomes = step(hearing)
            except Exception as error:
                self._loop.call_soon_threadsafe(self._faults.failed, "hear", error)
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
            self._faults.failed("decode", error)
        else:
            self._faults.works("decode")
        took_s = time.perf_counter() - began
        metrics.observe(_stages.labels(f"decode_{wanted.decode.purpose}"), took_s)

        def answer(hearing: Hearing) -> list[Outcome]:
            self._publisher.decode_ms = took_s * 1_000
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
            self._faults.failed("look", error)
        else:
            self._faults.works("look")
        metrics.observe(_stages.labels("look"), time.perf_counter() - began)
        self._inbox.put(lambda hearing: hearing.looked(wanted.look.job, probability))

    # --- going out ---------------------------------------------------------------------------------------------

    async def _speak_up(self) -> None:
        while True:
            outcome = await self._outbox.get()
            try:
                await self._act(outcome)
            except Exception as error:
                self._faults.failed("publish", error)
            else:
                self._faults.works("publish")

    async def _act(self, outcome: _Result) -> None:
        match outcome:
            case WordsWanted():
                self._session.spawn(self._decode(outcome), "decode")
            case LookWanted():
                self._session.spawn(self._look(outcome), "look")
            case _:
                await self._publisher.tell(outcome)
