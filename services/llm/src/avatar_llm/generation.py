"""Makes replies: streams the engine's words out as captions and sentences, one reply at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Literal

from avatar_contracts import LlmDelta, LlmDone, LlmSentence, ReplyProposed
from avatar_llm import apology, words
from avatar_llm.chunker import SentenceChunker
from avatar_llm.engines.base import Thinker
from avatar_llm.marks import MarkFilter
from avatar_llm.reply import Reply
from avatar_llm.settings import LlmSettings
from avatar_runtime import log, metrics, semconv, telemetry
from avatar_runtime.session import Session

MAX_DELTA_CHARS = 2_000
"""An engine may give a whole reply at once; events stay well under the contract's cap of 8,000 characters."""

MAX_PROPOSAL_CHARS = 8_000
"""The owner sees all of what they approve, in one event."""

SENTENCES_AHEAD = 2
"""Sentences made of a reply that is not committed: enough to begin at once, little to throw away."""

_FIRST_TOKEN_S = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
_first_token = metrics.histogram(
    "avatar_llm_first_token_seconds", "From the turn to the reply's first words", ["engine"], buckets=_FIRST_TOKEN_S
)
_first_sentence = metrics.histogram(
    "avatar_llm_first_sentence_seconds", "From the turn to the first piece to speak", ["engine"], buckets=_FIRST_TOKEN_S
)
_replies = metrics.counter("avatar_llm_replies_total", "Committed replies by how they ended", ["engine", "outcome"])

logger = log.get(__name__)


class Generation:
    """Runs the generations of one session on its thinker, one stream at a time."""

    def __init__(self, session: Session, engine: str, thinker: Thinker, settings: LlmSettings) -> None:
        """`engine` is the name it is counted under."""
        self._session = session
        self._engine = engine
        self._thinker = thinker
        self._settings = settings
        self._thinking = asyncio.Lock()  # a thinker runs one stream at a time, also while one is being cancelled
        self._streaming: Reply | None = None

    def answer(self, reply: Reply) -> None:
        """Starts making `reply` with the engine; until it is committed it waits where `SENTENCES_AHEAD` are made."""
        reply.task = self._session.spawn(self._answer(reply), f"reply {reply.number}")

    def recite(self, reply: Reply, text: str) -> None:
        """Starts making `reply` of exactly `text`."""
        reply.task = self._session.spawn(self._recite(reply, text), f"reply {reply.number}")

    def end(self, reply: Reply) -> None:
        """Nothing more of `reply` is made from now on."""
        reply.cancelled = True
        if self._streaming is reply:
            self._thinker.cancel()
        if reply.task is not None and not reply.task.done():
            reply.task.cancel()
            if reply.committed.is_set():
                _replies.labels(self._engine, "cancelled").inc()
        reply.settle()

    # --- one generation ----------------------------------------------------------------------------------------

    async def _answer(self, reply: Reply) -> None:
        chunker = SentenceChunker()
        finish: Literal["stop", "length", "error"] = "error"
        # Not `session.busy()`: the edge would replace a slow engine's worker before the deadline brings its apology.
        with telemetry.span(semconv.LLM_REPLY) as span:
            span.set_attributes(
                {semconv.TURN: reply.turn.number, semconv.REPLY: reply.number, semconv.LANGUAGE: reply.language}
            )
            try:
                finish = await self._stream(reply, chunker)
            except TimeoutError:
                await self._apologise(reply, chunker, "deadline", f"no words within {self._settings.deadline_s} s")
            except Exception as error:
                logger.exception("engine.failed", engine=self._engine, reply=reply.number)
                await self._apologise(reply, chunker, "engine", str(error) or type(error).__name__)
            if reply.proposal:
                await self._propose(reply)
            await reply.committed.wait()
            span.set_attribute(semconv.OUTCOME, finish)
            await self._finish(reply, finish)

    async def _recite(self, reply: Reply, text: str) -> None:
        chunker = SentenceChunker()
        await reply.committed.wait()
        await self._tell(reply, text)
        for piece in (*chunker.push(text), *chunker.flush()):
            await self._say(reply, piece)
        await self._finish(reply, "stop")

    async def _finish(self, reply: Reply, finish: Literal["stop", "length", "error"]) -> None:
        _replies.labels(self._engine, finish).inc()
        reply.made = reply.spoken.complete = True
        count = len(reply.spoken.sentences)
        await self._session.publish(LlmDone(turn=reply.turn.number, reply=reply.number, sentences=count, finish=finish))
        reply.settle()

    async def _stream(self, reply: Reply, chunker: SentenceChunker) -> Literal["stop", "length"]:
        """Streams the engine's words out; TimeoutError when the next ones take too long."""
        loop = asyncio.get_running_loop()
        limit = self._settings.max_reply_chars
        if reply.proposal:
            limit = min(limit, MAX_PROPOSAL_CHARS)
        marks = MarkFilter()
        stream: AsyncGenerator[str, None] = self._thinker.stream(reply.asked)
        try:
            async with (
                asyncio.timeout(self._settings.deadline_s) as deadline,
                self._thinking,
                contextlib.aclosing(stream),
            ):
                self._streaming = reply
                with telemetry.span(semconv.LLM_FIRST_TOKEN, **{semconv.ENGINE: self._engine}):
                    text = await anext(stream, None)
                    while text == "":  # servers open a stream with an empty piece
                        text = await anext(stream, None)
                metrics.observe(_first_token.labels(self._engine), loop.time() - reply.began_s)
                while text is not None:
                    if reply.cancelled:  # a library can swallow the cancellation of its task
                        raise asyncio.CancelledError
                    deadline.reschedule(None)  # only the engine is timed
                    text = marks.push(text)[: limit - len(reply.text)]
                    await self._tell(reply, text)
                    for piece in chunker.push(text):
                        await self._say(reply, piece)
                    if len(reply.text) >= limit:
                        break
                    await self._permission(reply)
                    deadline.reschedule(loop.time() + self._settings.deadline_s)
                    text = await anext(stream, None)
        finally:
            if self._streaming is reply:
                self._streaming = None
        for piece in chunker.flush():
            await self._say(reply, piece)
        if not words.speakable(reply.text):
            raise RuntimeError("it gave nothing that can be said")
        return "stop" if text is None else "length"

    async def _permission(self, reply: Reply) -> None:
        """Waits where an uncommitted reply may not go on."""
        if not reply.proposal and len(reply.spoken.sentences) >= SENTENCES_AHEAD:
            await reply.committed.wait()

    async def _tell(self, reply: Reply, text: str) -> None:
        reply.text += text
        for start in range(0, len(text), MAX_DELTA_CHARS):
            piece = text[start : start + MAX_DELTA_CHARS]
            await self._session.publish(LlmDelta(turn=reply.turn.number, reply=reply.number, text=piece))

    async def _say(self, reply: Reply, text: str) -> None:
        """Sends one piece to the voice; what cannot be pronounced (an emoji, a dash) stays in the captions."""
        if not words.speakable(text) or (reply.proposal and not reply.committed.is_set()):
            return
        await self._permission(reply)
        if reply.cancelled:
            return
        if not reply.spoken.sentences:
            metrics.observe(_first_sentence.labels(self._engine), asyncio.get_running_loop().time() - reply.began_s)
        number = len(reply.spoken.sentences)
        reply.spoken.sentences.append(text)
        reply.settle()
        await self._session.publish(
            LlmSentence(turn=reply.turn.number, reply=reply.number, sentence=number, text=text, language=reply.language)
        )

    async def _propose(self, reply: Reply) -> None:
        """Shows the whole reply to its owner; says it once they have agreed."""
        reply.proposed = True
        await self._session.publish(
            ReplyProposed(turn=reply.turn.number, reply=reply.number, text=reply.text.strip(), language=reply.language)
        )
        await reply.committed.wait()
        chunker = SentenceChunker()
        for piece in (*chunker.push(reply.text), *chunker.flush()):
            await self._say(reply, piece)

    async def _apologise(self, reply: Reply, chunker: SentenceChunker, code: str, why: str) -> None:
        """Says honestly that there is no answer, and tells the user why.

        A guess that never becomes an answer fails in silence; a proposal is an answer already.
        """
        if not reply.proposal:
            await reply.committed.wait()
        if reply.cancelled:
            return
        await self._session.report(
            f"llm.{code}",
            f"the mind ({self._engine}) did not answer turn {reply.turn.number}: {why}",
            "look at its log; a smaller model, a faster machine or a longer [llm] deadline_s may help",
            turn=reply.turn.number,
            reply=reply.number,
        )
        for piece in chunker.flush():
            await self._say(reply, piece)
        line = apology.line(code, reply.language, begun=words.speakable(reply.text))
        await self._tell(reply, f" {line}" if reply.text else line)
        await self._say(reply, line)
