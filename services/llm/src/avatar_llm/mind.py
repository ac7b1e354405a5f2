"""The mind of one session: hears turns, streams replies, and remembers what was heard of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from avatar_contracts import (
    LlmDelta,
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    TurnCancel,
    TurnText,
)
from avatar_llm import apology, prompt, words
from avatar_llm.chunker import SentenceChunker
from avatar_llm.engines.base import LlmEngine, Message
from avatar_llm.history import History, Spoken
from avatar_llm.settings import LlmSettings
from avatar_runtime import log, metrics, semconv, telemetry
from avatar_runtime.session import Session

MAX_TURN_CHARS = 4_000
"""A turn is cut here before the engine sees it: ten minutes of talk are half of this."""

MAX_DELTA_CHARS = 2_000
"""An engine may give a whole reply at once; events stay well under the contract's cap of 8,000 characters."""

_FIRST_TOKEN_S = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_first_token = metrics.histogram(
    "avatar_llm_first_token_seconds", "From the turn to the reply's first words", ["engine"], buckets=_FIRST_TOKEN_S
)
_first_sentence = metrics.histogram(
    "avatar_llm_first_sentence_seconds", "From the turn to the first piece to speak", ["engine"], buckets=_FIRST_TOKEN_S
)
_replies = metrics.counter("avatar_llm_replies_total", "Replies by how they ended", ["engine", "outcome"])
_ignored = metrics.counter("avatar_llm_turns_ignored_total", "Turns that were not answered", ["outcome"])

logger = log.get(__name__)


@dataclass
class Reply:
    """One generation attempt.

    Attributes:
        number: Larger than every one before.
        turn: The turn it answers.
        text: The person's words, cleaned.
        language: ISO 639 code it is spoken in.
        began_s: When it was begun, `time.monotonic`.
        spoken: Its sentences and how far they were heard.
        cancelled: Nothing more of it may be made.
        played_out: The edge has finished or stopped playing it.
        task: The generation; done when there is nothing more to come.
    """

    number: int
    turn: int
    text: str
    language: str
    began_s: float = field(default_factory=time.monotonic)
    spoken: Spoken = field(default_factory=Spoken)
    cancelled: bool = False
    played_out: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """It is being made, or may still be heard."""
        making = self.task is not None and not self.task.done()
        return not self.cancelled and (making or not self.played_out)


class Mind:
    """Answers the turns of one session with one thinker of the engine.

    A reply begins (`_begin`) apart from being committed (`_commit`): one begun on a guess of the turn's words would
    be committed when the turn brings the same words, and cancelled otherwise.

    Attributes:
        history: What it remembers.
    """

    def __init__(self, session: Session, engine: LlmEngine, settings: LlmSettings) -> None:
        self._session = session
        self._settings = settings
        self._engine = engine.info.name
        self._languages = engine.info.languages
        config = session.claim.config
        self._complaint = ""
        persona = self._choose_persona(config.persona)
        self._system = persona.system_text(config.user_name)
        self._thinker = engine.open(persona, config.user_name)
        self.history = History(
            session.claim.transcript, max_turns=settings.history_turns, max_chars=settings.history_chars
        )
        self._thinking = asyncio.Lock()  # a thinker runs one stream at a time, also while one is being cancelled
        self._newest_turn = 0  # ears that live on count on below the claim's turn, which is the floor for new ears
        self._cancelled_turn = 0
        self._newest_reply = session.claim.reply
        self._reply: Reply | None = None
        session.on(TurnText, self.on_turn)
        session.on(TurnCancel, self.on_cancel)
        session.on(PlaybackProgress, self.on_progress)

    async def close(self) -> None:
        """Frees what the session holds in the engine."""
        self._thinker.close()

    async def on_turn(self, event: TurnText) -> None:
        """Answers a finished turn; whatever of an older reply is still to come is dropped."""
        text = words.clean(event.text, MAX_TURN_CHARS)
        if event.turn < self._newest_turn or event.turn <= self._cancelled_turn or not text:
            _ignored.labels("stale" if text else "empty").inc()
            logger.warning("turn.ignored", turn=event.turn, characters=len(event.text))
            return
        self._newest_turn = event.turn
        superseded = self._end()
        reply = self._begin(event.turn, text, event.language)
        self.history.add(reply.turn, reply.text, event.language, reply.number, reply.spoken)
        if superseded is not None:
            await self._publish_cancelled(superseded, "superseded")
        await self._commit(reply)
        if self._complaint:
            complaint, self._complaint = self._complaint, ""
            await self._session.report("llm.persona", complaint, "the usual persona answers instead")

    async def on_cancel(self, event: TurnCancel) -> None:
        """Ends the answer to a turn, also to one that is still to come; words that will come again are forgotten."""
        self._cancelled_turn = max(self._cancelled_turn, event.turn)
        if event.reason == "continued":
            self.history.take_back(event.turn)
        if self._reply is not None and self._reply.turn == event.turn:
            cancelled = self._end()
            if cancelled is not None:
                await self._publish_cancelled(cancelled, "cancelled")

    async def on_progress(self, event: PlaybackProgress) -> None:
        """Remembers how far a reply was heard."""
        self.history.progress(event)
        if self._reply is not None and event.reply == self._reply.number:
            self._reply.played_out = event.state in ("finished", "stopped")

    # --- the life of a reply -----------------------------------------------------------------------------------

    def _begin(self, turn: int, text: str, language: str) -> Reply:
        """Starts generating; nothing of it may be heard before it is committed."""
        self._newest_reply += 1
        known = self._languages
        spoken_in = language if not known or language in known else known[0]
        reply = self._reply = Reply(self._newest_reply, turn, text, spoken_in)
        asked = prompt.messages(self._system, self.history.entries, text, language)
        reply.task = self._session.spawn(self._generate(reply, asked), f"reply {reply.number}")
        return reply

    async def _commit(self, reply: Reply) -> None:
        """Lets the reply be heard, unless its turn was cancelled in the meantime."""
        if not reply.cancelled:
            await self._session.publish(ReplyCommitted(turn=reply.turn, reply=reply.number))

    def _end(self) -> Reply | None:
        """Ends the current reply; returns it if there was anything left of it."""
        reply = self._reply
        if reply is None or not reply.alive:
            return None
        reply.cancelled = True
        if reply.task is not None and not reply.task.done():
            self._thinker.cancel()
            reply.task.cancel()
            _replies.labels(self._engine, "cancelled").inc()
        return reply

    async def _publish_cancelled(self, reply: Reply, reason: Literal["superseded", "cancelled"]) -> None:
        await self._session.publish(ReplyCancelled(turn=reply.turn, reply=reply.number, reason=reason))

    async def _generate(self, reply: Reply, asked: Sequence[Message]) -> None:
        finish: Literal["stop", "length", "error"] = "error"
        chunker = SentenceChunker()
        # Not `session.busy()`: the edge would replace a slow engine's worker before the deadline brings its apology.
        with telemetry.span(semconv.LLM_REPLY) as span:
            span.set_attributes(
                {semconv.TURN: reply.turn, semconv.REPLY: reply.number, semconv.LANGUAGE: reply.language}
            )
            try:
                finish = await self._stream(reply, asked, chunker)
            except TimeoutError:
                await self._apologise(reply, chunker, "deadline", f"no words within {self._settings.deadline_s} s")
            except Exception as error:
                logger.exception("engine.failed", engine=self._engine, reply=reply.number)
                await self._apologise(reply, chunker, "engine", str(error) or type(error).__name__)
            span.set_attribute(semconv.OUTCOME, finish)
            _replies.labels(self._engine, finish).inc()
            count = len(reply.spoken.sentences)
            await self._session.publish(LlmDone(turn=reply.turn, reply=reply.number, sentences=count, finish=finish))

    async def _stream(
        self, reply: Reply, asked: Sequence[Message], chunker: SentenceChunker
    ) -> Literal["stop", "length"]:
        """Streams the engine's words out; TimeoutError when the next ones take too long."""
        loop = asyncio.get_running_loop()
        length = 0
        stream: AsyncGenerator[str, None] = self._thinker.stream(asked)
        async with (
            asyncio.timeout(self._settings.deadline_s) as deadline,
            self._thinking,
            contextlib.aclosing(stream),
        ):
            with telemetry.span(semconv.LLM_FIRST_TOKEN, **{semconv.ENGINE: self._engine}):
                text = await anext(stream, None)
                while text == "":  # servers open a stream with an empty piece
                    text = await anext(stream, None)
            metrics.observe(_first_token.labels(self._engine), time.monotonic() - reply.began_s)
            while text is not None:
                deadline.reschedule(loop.time() + self._settings.deadline_s)
                text = text[: self._settings.max_reply_chars - length]
                length += len(text)
                await self._tell(reply, text)
                for piece in chunker.push(text):
                    await self._say(reply, piece)
                if length >= self._settings.max_reply_chars:
                    break
                text = await anext(stream, None)
        for piece in chunker.flush():
            await self._say(reply, piece)
        if not reply.spoken.sentences:
            raise RuntimeError("it gave nothing that can be said")
        return "stop" if text is None else "length"

    async def _tell(self, reply: Reply, text: str) -> None:
        for start in range(0, len(text), MAX_DELTA_CHARS):
            piece = text[start : start + MAX_DELTA_CHARS]
            await self._session.publish(LlmDelta(turn=reply.turn, reply=reply.number, text=piece))

    async def _say(self, reply: Reply, text: str) -> None:
        """Sends one piece to the voice; what cannot be pronounced (an emoji, a dash) stays in the captions."""
        if reply.cancelled or not words.speakable(text):
            return
        if not reply.spoken.sentences:
            metrics.observe(_first_sentence.labels(self._engine), time.monotonic() - reply.began_s)
        number = len(reply.spoken.sentences)
        reply.spoken.sentences.append(text)
        await self._session.publish(
            LlmSentence(turn=reply.turn, reply=reply.number, sentence=number, text=text, language=reply.language)
        )

    async def _apologise(self, reply: Reply, chunker: SentenceChunker, code: str, why: str) -> None:
        """Says honestly that there is no answer, and tells the user why."""
        if reply.cancelled:
            return
        await self._session.report(
            f"llm.{code}",
            f"the mind ({self._engine}) did not answer turn {reply.turn}: {why}",
            "look at its log; a smaller model, a faster machine or a longer [llm] deadline_s may help",
            turn=reply.turn,
            reply=reply.number,
        )
        for piece in chunker.flush():
            await self._say(reply, piece)
        line = apology.line(code, reply.language, begun=bool(reply.spoken.sentences))
        await self._tell(reply, line if not reply.spoken.sentences else f" {line}")
        await self._say(reply, line)

    def _choose_persona(self, name: str) -> prompt.Persona:
        """The session's persona; where that cannot be used the usual one plays, and the first turn reports it."""
        if name:
            try:
                return prompt.find(name, self._settings.persona_dir)
            except prompt.PersonaError as error:
                self._complaint = str(error)
        return prompt.load(self._settings.persona)
