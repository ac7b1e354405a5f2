"""The mind of one session: hears turns, decides what to answer, and remembers what was heard."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import Literal

from avatar_contracts import (
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDecision,
    ReplyDeclined,
    SessionConfigured,
    TurnCancel,
    TurnDraft,
    TurnText,
)
from avatar_llm import prompt, words
from avatar_llm.engines.base import LlmEngine, Message
from avatar_llm.generation import Generation
from avatar_llm.history import History
from avatar_llm.manners import Manners
from avatar_llm.reply import Reply, Turn
from avatar_llm.settings import LlmSettings
from avatar_llm.speculation import Speculation
from avatar_llm.waiting import Waiting, until_over
from avatar_runtime import log, metrics
from avatar_runtime.session import Session

MAX_TURN_CHARS = 4_000
"""A turn is cut here before the engine sees it: ten minutes of talk are half of this."""

_TYPED = 64
"""Typed turns remembered by number: far more than lie within one chain of turns that go on."""

_ignored = metrics.counter("avatar_llm_turns_ignored_total", "Turns that were not answered", ["outcome"])

logger = log.get(__name__)


class Mind:
    """Answers the turns of one session with one thinker of the engine.

    Handlers run one at a time, whatever the order in which events of different types come. At most two replies are
    alive: the one that is committed or proposed, and a guess at the next.

    Attributes:
        history: What it remembers.
    """

    def __init__(self, session: Session, engine: LlmEngine, settings: LlmSettings) -> None:
        claim = session.claim
        self._session = session
        self._languages = engine.info.languages
        self._config = claim.config
        persona, self._complaint = prompt.choose(claim.config.persona, settings.persona_dir, settings.persona)
        self._system = persona.system_text(claim.config.user_name)
        self._thinker = engine.open(persona, claim.config.user_name)
        self._generation = Generation(session, engine.info.name, self._thinker, settings)
        self._manners = Manners(persona, settings.circle)
        self._speculation = Speculation(session, self._on_expired)
        self.history = History(claim.transcript, max_turns=settings.history_turns, max_chars=settings.history_chars)
        self._order = asyncio.Lock()  # one handler at a time: a reply is never ended and committed at once
        self._newest_turn = 0  # ears that live on count on below the claim's turn, which is the floor for new ears
        self._cancelled_turn = 0
        self._newest_reply = claim.reply
        self._reply: Reply | None = None
        self._waiting = Waiting()
        self._typed: deque[int] = deque(maxlen=_TYPED)
        self._attending: asyncio.Task[None] | None = None
        self._own_s = self._now() if claim.transcript and claim.transcript[-1].heard else None
        self._circling = False
        session.on(TurnDraft, self.on_draft)
        session.on(TurnText, self.on_turn)
        session.on(TurnCancel, self.on_cancel)
        session.on(PlaybackProgress, self.on_progress)
        session.on(ReplyDecision, self.on_decision, ack=True)
        session.on(SessionConfigured, self.on_config)
        if (pending := claim.pending) is not None:
            session.spawn(self._hear(Turn.of(pending, MAX_TURN_CHARS)), "pending turn")

    async def close(self) -> None:
        """Frees what the session holds in the engine."""
        self._thinker.close()

    # --- events ------------------------------------------------------------------------------------------------

    async def on_draft(self, event: TurnDraft) -> None:
        """Begins to think about a turn that may be over; the same words again keep what was begun."""
        turn = Turn.of(event, MAX_TURN_CHARS)
        async with self._order:
            if self._old(event.turn) or not turn.text or self._speculation.late(event.turn, event.revision):
                return
            guess = self._speculation.guess
            if guess is not None and self._speculation.fits(turn, self._asked(guess.turn)):
                self._speculation.hold(guess, event.revision)
                return
            await self._give_up_guess("wrong", "draft")
            if self._may_guess(turn):
                guess = self._new_reply(turn, asked=self._asked(turn))
                self._generation.answer(guess)
                self._speculation.hold(guess, event.revision)

    async def on_turn(self, event: TurnText) -> None:
        """Answers a finished turn; whatever of an older reply is still to come is dropped."""
        await self._hear(Turn.of(event, MAX_TURN_CHARS), event.continues)

    async def on_cancel(self, event: TurnCancel) -> None:
        """Ends the answer to a turn, also to one that is still to come; words that will come again are forgotten.

        ``stop`` ends everything up to its turn; a line that was interrupted takes with it those that wait behind it.
        """
        async with self._order:
            first = 0 if event.reason == "stop" else event.turn
            self._cancelled_turn = max(self._cancelled_turn, event.turn)
            if event.reason == "continued":
                await self._take_back(event.turn, event.turn)
            self._remember(self._waiting.remove(first, event.turn))
            guess, reply = self._speculation.guess, self._reply
            if guess is not None and first <= guess.turn.number <= event.turn:
                await self._give_up_guess("dropped", "cancelled")
            if reply is not None and first <= reply.turn.number <= event.turn:
                if event.reason == "barge_in":
                    self._remember(self._waiting.interrupt())
                await self._cancel(reply, "cancelled")

    async def on_progress(self, event: PlaybackProgress) -> None:
        """Remembers how far a reply was heard; one that was stopped is not thought to its end."""
        if not self.history.progress(event):
            return
        if event.played:
            self._own_s = self._now()
        async with self._order:
            reply = self._reply
            if reply is None or event.reply != reply.number:
                return
            if event.state in ("finished", "stopped"):
                reply.played_out = True
            if event.state == "stopped" and not reply.made:
                await self._cancel(reply, "cancelled")
            reply.settle()

    async def on_decision(self, event: ReplyDecision) -> None:
        """Speaks a proposed reply, as it is or as its owner wrote it, or drops it."""
        text = words.clean(event.text, MAX_TURN_CHARS)
        async with self._order:
            reply = self._reply
            if reply is None or reply.number != event.reply or not reply.undecided:
                logger.warning("decision.ignored", reply=event.reply)
            elif event.action == "drop":
                await self._cancel(reply, "dropped")
            elif not text or text == words.clean(reply.text, MAX_TURN_CHARS):
                await self._commit(reply)
            else:
                await self._cancel(reply, "dropped")
                self._reply = edited = self._new_reply(reply.turn)
                self.history.answer(reply.turn.number, edited.number, edited.spoken)
                self._generation.recite(edited, text)
                await self._commit(edited)

    async def on_config(self, event: SessionConfigured) -> None:
        """The person chose otherwise: that holds for turns from now on."""
        async with self._order:
            before, self._config = self._config, event.config
            manners = (before.mode, before.respond, before.speculate)
            if manners != (event.config.mode, event.config.respond, event.config.speculate):
                await self._give_up_guess("dropped", "draft")

    async def _on_expired(self, guess: Reply) -> None:
        async with self._order:
            if self._speculation.guess is guess:
                await self._give_up_guess("dropped", "draft")

    # --- deciding ----------------------------------------------------------------------------------------------

    def _old(self, turn: int) -> bool:
        return turn <= max(self._newest_turn, self._cancelled_turn)

    def _may_guess(self, turn: Turn) -> bool:
        """Whether to think about `turn` before it is over; never while the answer before it is still being made."""
        reply = self._reply
        busy = reply is not None and not reply.cancelled and not reply.made
        return (
            self._config.speculate
            and self._config.mode == "converse"
            and not busy
            and not self._waiting.must(turn, self._reply)
            and self._declines(turn) is None
        )

    def _declines(self, turn: Turn) -> Literal["not_addressed", "silent", "loop"] | None:
        since_own_s = None if self._own_s is None else self._now() - self._own_s
        return self._manners.declines(turn, self._config.respond, self.history.entries, since_own_s)

    async def _hear(self, turn: Turn, continues: int = 0) -> None:
        async with self._order:
            if self._old(turn.number) or not turn.text:
                _ignored.labels("stale" if turn.text else "empty").inc()
                logger.warning("turn.ignored", turn=turn.number)
                return
            self._newest_turn = turn.number
            if turn.typed:
                self._typed.append(turn.number)
            if continues:  # turn.cancel has said so too, or will
                await self._take_back(continues, turn.number - 1)
            if self._config.mode == "repeat":
                turn = replace(turn, verbatim=True)
            await self._answer_or_not(turn)
            if self._complaint:
                complaint, self._complaint = self._complaint, ""
                await self._session.report("llm.persona", complaint, "the usual persona answers instead")

    async def _take_back(self, first: int, last: int) -> None:
        """The words of these turns come again: nobody waits for an answer to them. Lines typed meanwhile stay."""
        self.history.take_back(first, last, spare=self._typed)
        self._waiting.take_back(first, last)
        if self._reply is not None and first <= self._reply.turn.number <= last and not self._reply.turn.typed:
            await self._cancel(self._reply, "cancelled")

    async def _answer_or_not(self, turn: Turn) -> None:
        why = self._declines(turn)
        if why is not None:
            await self._give_up_guess("dropped", "draft")
            await self._decline(turn, why)
        elif self._waiting.must(turn, self._reply):
            await self._give_up_guess("dropped", "draft")
            await self._wait(turn)
        else:
            await self._answer(turn)

    async def _decline(self, turn: Turn, why: Literal["not_addressed", "silent", "loop"]) -> None:
        if why != "loop" or not self._circling:  # the same words are remembered already
            self._remember([turn])
        self._own_s = None
        _ignored.labels(why).inc()
        await self._session.publish(ReplyDeclined(turn=turn.number, reason=why))
        if why == "loop" and not self._circling:
            self._circling = True
            await self._session.report(
                "llm.loop",
                "the talk goes in circles: both sides only repeat themselves",
                "say something new, and the clone answers again",
                turn=turn.number,
            )

    async def _wait(self, turn: Turn) -> None:
        if self._waiting.full:
            _ignored.labels("full").inc()
            await self._session.report(
                "llm.queue", f"turn {turn.number} is not spoken: too many wait before it", turn=turn.number
            )
            return
        self._remember(self._waiting.put(turn))
        if self._attending is None or self._attending.done():
            self._attending = self._session.spawn(self._attend(), "waiting turns")

    async def _attend(self) -> None:
        """Begins the turns that wait, each when the reply before it is over."""
        while self._waiting:
            reply = self._reply
            if reply is not None:
                await until_over(reply)
            async with self._order:
                if self._waiting and self._reply is reply:
                    await self._answer(self._waiting.pop())

    # --- the life of a reply -----------------------------------------------------------------------------------

    async def _answer(self, turn: Turn) -> None:
        """Begins the answer to `turn`, or takes the guess that is one; it supersedes the reply before."""
        self._circling = False
        superseded = self._reply
        guess = self._speculation.guess
        converse = not turn.verbatim and self._config.mode != "draft"
        if guess is not None and converse and self._speculation.fits(turn, self._asked(guess.turn)):
            self._speculation.take("committed")
            reply, guess.turn = guess, turn
        else:
            wrong = guess is not None and guess.turn.number == turn.number
            await self._give_up_guess("wrong" if wrong else "dropped", "draft")
            reply = self._new_reply(turn, asked=() if turn.verbatim else self._asked(turn))
            reply.proposal = not turn.verbatim and self._config.mode == "draft"
        if superseded is not None:
            await self._cancel(superseded, "superseded")
        self._reply = reply
        said = "" if turn.verbatim else turn.text
        self.history.add(turn.number, said, turn.language, reply.number, reply.spoken)
        if turn.verbatim:
            self._generation.recite(reply, turn.text)
        elif reply.task is None:
            self._generation.answer(reply)
        if not reply.proposal:
            await self._commit(reply)

    def _asked(self, turn: Turn) -> list[Message]:
        return prompt.messages(self._system, self.history.entries, turn.text, turn.language)

    def _new_reply(self, turn: Turn, asked: list[Message] | tuple[()] = ()) -> Reply:
        self._newest_reply += 1
        known = self._languages
        language = turn.language if turn.verbatim or not known or turn.language in known else known[0]
        return Reply(self._newest_reply, turn, language, asked)

    async def _commit(self, reply: Reply) -> None:
        """Lets the reply be heard."""
        await self._session.publish(
            ReplyCommitted(turn=reply.turn.number, reply=reply.number, interruptible=reply.turn.interruptible)
        )
        reply.committed.set()

    async def _cancel(self, reply: Reply, reason: Literal["superseded", "cancelled", "draft", "dropped"]) -> None:
        """Ends `reply` and says so, if there was anything left of it."""
        if reply.alive:
            self._generation.end(reply)
            await self._session.publish(ReplyCancelled(turn=reply.turn.number, reply=reply.number, reason=reason))

    async def _give_up_guess(self, outcome: Literal["wrong", "dropped"], reason: Literal["draft", "cancelled"]) -> None:
        guess = self._speculation.take(outcome)
        if guess is not None:
            await self._cancel(guess, reason)

    def _remember(self, turns: list[Turn]) -> None:
        """Notes turns that get no answer; lines that were to be spoken and were not are nobody's words."""
        for turn in turns:
            if not turn.verbatim:
                self.history.add(turn.number, turn.text, turn.language)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
