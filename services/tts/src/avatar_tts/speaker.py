"""One session's voice: sentences of its replies in, chunks of their sound out."""

from __future__ import annotations

import asyncio
import contextlib
import time

from avatar_contracts import (
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    TtsChunk,
    TtsDone,
    TurnCancel,
    Word,
)
from avatar_runtime import log, metrics, semconv, telemetry
from avatar_runtime.session import Session
from avatar_tts.engines.base import TtsEngine, Voice
from avatar_tts.errors import LanguageUnknown, TextTooLong, TtsError
from avatar_tts.normalise import Normalised, normalise
from avatar_tts.phrase import Cut, Phrase, pause_s
from avatar_tts.replies import Replies
from avatar_tts.reply import Asked, Reply
from avatar_tts.settings import TtsSettings

MAX_SENTENCE_CHARS = 2_000
"""Two minutes of speech: more than that is no sentence but a fault."""
LOST_SENTENCE_S = 1.0
AT_ONCE_S = 0.3
"""What begins within this of a reply is sent as fast as it is made; the rest at the pace of the settings."""

_sentences = metrics.counter("avatar_tts_sentences_total", "Sentences taken", ["engine", "outcome"])
_first_chunk = metrics.histogram(
    "avatar_tts_first_chunk_seconds",
    "From a reply's first sentence to its first sound",
    ["engine"],
    buckets=metrics.CHUNK_S,
)
_audio = metrics.counter("avatar_tts_audio_seconds_total", "Seconds of speech published", ["engine"])

logger = log.get(__name__)


class Speaker:
    """Speaks the replies of a session: the one that plays or is held, and those that are only drafted.

    A cancelled reply or turn, or a playback that stopped, ends a reply at once: nothing more of it is published and the
    engine stops its work. It says nothing about any other reply.
    """

    def __init__(self, session: Session, engine: TtsEngine, settings: TtsSettings) -> None:
        self._session = session
        self._engine = engine
        self._settings = settings
        self._voice: Voice | None = None
        self._replies = Replies()
        self._speaking: Reply | None = None  # the one whose sentence the engine is at
        self._wake = asyncio.Event()
        self._turned = asyncio.Event()  # what is spoken may be for nobody any more
        self._foreign: set[str] = set()
        session.on(LlmSentence, self.on_sentence)
        session.on(LlmDone, self.on_done)
        session.on(ReplyCancelled, self.on_cancelled)
        session.on(TurnCancel, self.on_turn_cancel)
        session.on(PlaybackProgress, self.on_progress)
        session.spawn(self._run(), "speak")

    async def close(self) -> None:
        """The lease has ended: give the voice back."""
        if self._voice is not None:
            self._voice.close()

    # --- what comes in: only notes it and wakes the task ---------------------------------------------------------

    async def on_sentence(self, event: LlmSentence) -> None:
        """A sentence to speak."""
        if self._replies.is_over(event.turn, event.reply):
            return
        reply = self._replies.find(event.reply)
        if reply is None:
            if event.sentence > 0:
                await self._refuse(event)
                return
            reply = await self._begin(event.turn, event.reply)
        trace: dict[str, str] = {}
        telemetry.inject(trace)
        reply.ask(Asked(event, time.perf_counter(), trace))
        self._wake.set()

    async def on_done(self, event: LlmDone) -> None:
        """The reply has all its sentences."""
        if self._replies.is_over(event.turn, event.reply):
            return
        reply = self._replies.find(event.reply) or await self._begin(event.turn, event.reply)
        reply.on_done(event)
        self._wake.set()

    async def on_cancelled(self, event: ReplyCancelled) -> None:
        """The mind took the reply back."""
        self._replies.end(event.reply)
        self._stop_if_over()

    async def on_turn_cancel(self, event: TurnCancel) -> None:
        """Nothing that answers this turn may be heard any more."""
        self._replies.end_turn(event.turn)
        self._stop_if_over()

    async def on_progress(self, event: PlaybackProgress) -> None:
        """The edge tells how far it has played."""
        if event.state in ("finished", "stopped"):
            self._replies.end(event.reply)
            self._stop_if_over()
        elif reply := self._replies.find(event.reply):
            reply.on_progress(event)
            self._wake.set()

    def _stop_if_over(self) -> None:
        """Stop the engine when what it speaks is for nobody any more."""
        if self._speaking is not None and self._speaking.over and self._voice is not None:
            self._voice.cancel()
        self._turned.set()
        self._wake.set()

    async def _begin(self, turn: int, number: int) -> Reply:
        reply, given_up = self._replies.begin(turn, number)
        self._stop_if_over()
        if given_up is not None and not given_up.done:
            await self._session.report(
                "tts.too_many_replies",
                "newer replies came before this one was finished or taken back; the rest of it is not spoken",
                turn=given_up.turn,
                reply=given_up.number,
            )
        return reply

    async def _refuse(self, event: LlmSentence) -> None:
        """The reply's beginning went to a worker before this one: it cannot be joined in the middle."""
        self._replies.end(event.reply)
        await self._session.report(
            "tts.reply_lost",
            "the beginning of this reply was lost with another worker; the rest is not spoken",
            turn=event.turn,
            reply=event.reply,
        )
        await self._session.publish(TtsDone(turn=event.turn, reply=event.reply, samples=0))

    # --- speaking ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        voice = await self._open()
        while True:
            if reply := self._replies.complete():
                reply.done = True
                await self._session.publish(TtsDone(turn=reply.turn, reply=reply.number, samples=reply.clock))
            elif due := self._replies.due(voice.rate, self._settings.sentences_ahead):
                await self._speak(voice, *due)
            else:
                await self._sleep()

    async def _sleep(self) -> None:
        """Until something comes; a sentence that should be here and is not is given up after a while."""
        reply, until = self._replies.lost(asyncio.get_running_loop().time(), LOST_SENTENCE_S)
        if reply is not None:
            lost = reply.skip_lost()
            await self._fail(reply, "tts.sentence_lost", f"{lost} sentence(s) of the reply never came")
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._wake.wait()
                self._wake.clear()

    async def _open(self) -> Voice:
        name = self._session.claim.config.voice
        try:
            self._voice = await self._engine.open(name)
        except TtsError as error:
            await self._session.report(error.code, f"{error}; the default voice speaks instead", error.hint)
            self._voice = await self._engine.open("")
        return self._voice

    async def _speak(self, voice: Voice, reply: Reply, asked: Asked) -> None:
        """Speak one sentence; whatever happens to it, the reply goes on after it."""
        event, outcome = asked.sentence, "spoken"
        self._speaking = reply
        with (
            telemetry.attached(telemetry.extract(asked.trace)),
            telemetry.span(semconv.TTS_SENTENCE) as span,
            self._session.busy(),
        ):
            try:
                outcome = await self._utter(voice, reply, asked)
            except TtsError as error:
                outcome = "failed"
                await self._fail(reply, error.code, f"sentence {event.sentence} was not spoken: {error}", error.hint)
            except Exception as error:
                outcome = "failed"
                logger.exception("tts.sentence_failed", engine=self._engine.info.name)
                await self._fail(reply, TtsError.code, f"sentence {event.sentence} was not spoken: {error!r}")
            finally:
                self._speaking = None
            span.set_attributes(
                {semconv.REPLY: reply.number, semconv.SENTENCE: event.sentence, semconv.OUTCOME: outcome}
            )
        _sentences.labels(self._engine.info.name, outcome).inc()
        reply.spoken(pause_s(event.text))

    async def _utter(self, voice: Voice, reply: Reply, asked: Asked) -> str:
        event = asked.sentence
        if len(event.text) > MAX_SENTENCE_CHARS:
            raise TextTooLong(f"its {len(event.text)} characters are more than the {MAX_SENTENCE_CHARS} of a sentence")
        language = await self._language(voice, reply, event.language)
        text = normalise(event.text, language)
        if not text.spoken:
            return "empty"
        phrase = Phrase(
            rate=voice.rate,
            gain=voice.gain(language),
            start=reply.clock,
            pause=round(reply.pause_s * voice.rate),
            first=self._settings.first_chunk_ms * voice.rate // 1000,
            size=self._settings.chunk_ms * voice.rate // 1000,
        )
        failure: TtsError | None = None
        if reply.over:
            return "cancelled"
        with contextlib.ExitStack() as until_first:
            if event.sentence == 0:
                until_first.enter_context(telemetry.span(semconv.TTS_FIRST_CHUNK))
            async with contextlib.aclosing(voice.stream(text.spoken, language)) as stream:
                try:
                    async for speech in stream:
                        for cut in phrase.push(speech):
                            if not await self._publish(voice, reply, asked, cut, text):
                                return "cancelled"
                            until_first.close()
                except TtsError as error:
                    failure = error
            # Also when the engine failed: what is held of the sentence ends it with a fade, not a click.
            for cut in phrase.finish():
                if not await self._publish(voice, reply, asked, cut, text):
                    return "cancelled"
        if failure is not None:
            raise failure
        return "cancelled" if reply.over else "spoken"

    async def _publish(self, voice: Voice, reply: Reply, asked: Asked, cut: Cut, text: Normalised) -> bool:
        """Send one chunk; False when the reply has ended meanwhile and nothing more of it may go out."""
        if reply.over:
            return False
        if not await self._pace(reply, cut.start / voice.rate):
            return False
        if reply.clock == 0:
            metrics.observe(_first_chunk.labels(self._engine.info.name), time.perf_counter() - asked.at)
        samples = len(cut.pcm) // 2
        reply.clock = cut.start + samples
        _audio.labels(self._engine.info.name).inc(samples / voice.rate)
        await self._session.publish(
            TtsChunk(
                turn=reply.turn,
                reply=reply.number,
                sentence=asked.sentence.sentence,
                rate=voice.rate,
                start=cut.start,
                pcm=cut.pcm,
                visemes=cut.visemes,
                words=tuple(Word(word.start, word.end, text.covered(word.chars)) for word in cut.words),
                last=cut.last,
            )
        )
        return True

    async def _pace(self, reply: Reply, at_s: float) -> bool:
        """Wait until the sound at `at_s` of a reply may be sent; False when the reply has ended meanwhile."""
        clock, pace = asyncio.get_running_loop().time, self._settings.pace
        if not reply.clock:
            reply.began_at = clock()
        due = reply.began_at + (at_s - AT_ONCE_S) / pace if pace else 0.0
        while not reply.over and clock() < due:
            self._turned.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._turned.wait()
        return not reply.over

    async def _language(self, voice: Voice, reply: Reply, wanted: str) -> str:
        """The language to speak: the one asked for, or the fallback, of which the user is told once."""
        if wanted in voice.languages:
            return wanted
        fallback = self._settings.fallback_language
        if fallback not in voice.languages:
            raise LanguageUnknown(f"the voice speaks neither {wanted!r} nor the fallback_language {fallback!r}")
        if wanted not in self._foreign:
            self._foreign.add(wanted)
            message = f"the voice does not speak {wanted!r}; {fallback!r} is spoken instead"
            await self._fail(reply, LanguageUnknown.code, message, LanguageUnknown.hint)
        return fallback

    async def _fail(self, reply: Reply, code: str, message: str, hint: str = "") -> None:
        """Tell the user; of a reply that nobody waits for any more there is nothing to tell."""
        if reply.over:
            return
        await self._session.report(code, message, hint, turn=reply.turn, reply=reply.number)
