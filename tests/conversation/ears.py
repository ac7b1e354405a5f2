"""The ears of a scripted call: the genuine turn-taking, told about a room instead of a microphone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conversation.people import FRAME, RATE, Room

from avatar_asr import typed
from avatar_asr.actions import Decode, Judge, Look
from avatar_asr.events import event_of
from avatar_asr.language import language_of
from avatar_asr.lexicon import Lexicon
from avatar_asr.rules import rules_of
from avatar_asr.settings import AsrSettings
from avatar_asr.turns import Turns
from avatar_contracts import (
    Event,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDeclined,
    SessionConfigured,
    TurnStop,
    TurnText,
    TurnTyped,
)
from avatar_runtime.session import Session

MIC_SAMPLES = 320


@dataclass
class Pace:
    """How long the models of the ears take.

    Attributes:
        decode_s: A decode of one second of sound or less.
        decode_more_s: Every further second.
        look_s: A look of the end-of-turn model.
        judge_s: A judgement by sound.
        hangs: Decodes are never answered.
    """

    decode_s: float = 0.06
    decode_more_s: float = 0.015
    look_s: float = 0.012
    judge_s: float = 0.004
    hangs: bool = False


@dataclass
class Counts:
    """What was asked of the models, for the bounds on it."""

    decodes: list[Decode] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    judgements: list[Judge] = field(default_factory=list)


class ScriptedEars:
    """A worker like `Listener`, whose microphone is `room` and whose models answer from it after `pace`."""

    def __init__(self, session: Session, room: Room, settings: AsrSettings, pace: Pace) -> None:
        self.counts = Counts()
        self._session, self._room, self._settings, self._pace = session, room, settings, pace
        config = session.claim.config
        self._language = config.language
        self.turns = Turns(rules_of(settings, config.patience), session.claim.turn, Lexicon())
        self._loop = asyncio.get_running_loop()
        self._heard_to = round(self._loop.time() * RATE) // MIC_SAMPLES * MIC_SAMPLES
        self._outbox: asyncio.Queue[Event] = asyncio.Queue()
        self._seen = typed.Seen()
        self._committed: set[int] = set()
        self._do(self.turns.restart(self._heard_to))
        self._do(self.turns.configure(rules_of(settings, config.patience), config.mode, speculate=config.speculate))
        session.on(TurnTyped, self._on_typed, ack=True)
        session.on(TurnStop, self._on_stop, ack=True)
        session.on(SessionConfigured, self._on_configured)
        session.on(PlaybackProgress, self._on_progress)
        session.on(LlmSentence, self._on_sentence)
        session.on(ReplyCommitted, self._on_committed)
        session.on(ReplyCancelled, self._on_cancelled)
        session.on(ReplyDeclined, self._on_declined)
        session.spawn(self._publish(), "publish")
        session.spawn(self._listen(), "listen")

    async def close(self) -> None:
        """Nothing to free."""

    async def _listen(self) -> None:
        """Every 20 ms what the microphone has delivered since, in frames of 512 samples."""
        mic_end = self._heard_to
        while True:
            mic_end += MIC_SAMPLES
            await asyncio.sleep(max(0.0, mic_end / RATE - self._loop.time()))
            while mic_end - self._heard_to >= FRAME:
                self._heard_to += FRAME
                frame = self._room.frame(self._heard_to)
                self._do(
                    self.turns.step(
                        frame.probability, self._heard_to, frame.loud_end, frame.level_db, guard=self._room.guard
                    )
                )
            self._do(self.turns.tick(mic_end))

    def _do(self, actions: Sequence[Any]) -> None:
        for action in actions:
            match action:
                case Decode(job, start, end):
                    self.counts.decodes.append(action)
                    if not self._pace.hangs:
                        took_s = self._pace.decode_s + self._pace.decode_more_s * max(0.0, (end - start) / RATE - 1.0)
                        words = self._room.words(start, end)
                        self._later(took_s, lambda job=job, words=words: self.turns.decoded(job, words))
                case Look(job, start, end):
                    self.counts.looks.append(action)
                    over = self._room.over(start, end)
                    self._later(self._pace.look_s, lambda job=job, over=over: self.turns.looked(job, over))
                case Judge(job, start, end):
                    self.counts.judgements.append(action)
                    likeness = self._room.likeness(start, end)
                    self._later(self._pace.judge_s, lambda job=job, likeness=likeness: self.turns.judged(job, likeness))
                case _:
                    event = event_of(action, self._language)
                    if event is not None:
                        self._outbox.put_nowait(event)

    def _later(self, after_s: float, answer: Any) -> None:
        self._session.spawn(self._answer(after_s, answer), "model")

    async def _answer(self, after_s: float, answer: Any) -> None:
        await asyncio.sleep(after_s)
        self._do(answer())

    async def _publish(self) -> None:
        while True:
            await self._session.publish(await self._outbox.get())

    # --- what it is told ---------------------------------------------------------------------------------------

    async def _on_typed(self, line: TurnTyped) -> None:
        if self._seen.again(line.client_id):
            return
        turn, actions = self.turns.typed()
        self._outbox.put_nowait(
            TurnText(
                turn=turn,
                text=line.text,
                language=line.language or language_of(line.text, self._language),
                end_reason="typed",
                verbatim=line.verbatim,
                interruptible=line.interruptible,
            )
        )
        self._do(actions)

    async def _on_stop(self, _event: TurnStop) -> None:
        self._do(self.turns.stop())

    async def _on_configured(self, event: SessionConfigured) -> None:
        config = event.config
        rules = rules_of(self._settings, config.patience)
        self._do(self.turns.configure(rules, config.mode, speculate=config.speculate))

    async def _on_progress(self, event: PlaybackProgress) -> None:
        self._do(self.turns.played(event.turn, event.reply, event.state))

    async def _on_sentence(self, event: LlmSentence) -> None:
        self.turns.saying(event.reply, event.sentence, event.text)

    async def _on_committed(self, event: ReplyCommitted) -> None:
        self._committed.add(event.reply)
        self._do(self.turns.committed(event.turn, event.reply, interruptible=event.interruptible))

    async def _on_cancelled(self, event: ReplyCancelled) -> None:
        if event.reply in self._committed:
            self._do(self.turns.unanswered(event.turn))

    async def _on_declined(self, event: ReplyDeclined) -> None:
        self._do(self.turns.unanswered(event.turn))
