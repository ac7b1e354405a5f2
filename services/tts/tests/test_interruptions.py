"""Five hundred interruptions at random moments: nothing of a dead reply goes out, and no other reply is harmed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

from avatar_contracts import (
    ErrorRaised,
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    TtsChunk,
    TtsDone,
    TurnCancel,
    codec,
)
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session
from avatar_runtime.testing.sessions import serving
from avatar_tts.engines.espeak import RATE_HZ, EspeakEngine
from avatar_tts.settings import TtsSettings
from avatar_tts.speaker import Speaker

TIMES = 500
VICTIM = "A sentence that somebody will break into, sooner or later, wherever it may be by then. "
SURVIVOR = "I am still here."


class Log(MemoryBus):
    """A bus that writes down what of the voice is published, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, int, int]] = []

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        for tag in ("tts.chunk", "tts.done"):
            if subject.endswith(tag):
                event = codec.decode(tag, data)
                assert isinstance(event, TtsChunk | TtsDone)
                samples = len(event.pcm) // 2 if isinstance(event, TtsChunk) else event.samples
                self.lines.append((tag, event.reply, samples))
        await super().publish(subject, data, headers, reply)


def logged(session: Session, engine: EspeakEngine, log: Log) -> Speaker:
    """A speaker, and a line in the log for each cancel as soon as it has been handled."""
    speaker = Speaker(session, engine, TtsSettings(pace=0))

    async def handled(event: ReplyCancelled | TurnCancel | PlaybackProgress) -> None:
        if isinstance(event, TurnCancel):
            log.lines.append(("over", event.turn, 0))  # a turn's reply has its number here
        elif isinstance(event, ReplyCancelled) or event.state == "stopped":
            log.lines.append(("over", event.reply, 0))

    session.on(ReplyCancelled, handled)
    session.on(TurnCancel, handled)
    session.on(PlaybackProgress, handled)
    return speaker


async def test_nothing_of_a_dead_reply_is_published_after_its_end_was_handled(engine: EspeakEngine) -> None:
    chance = random.Random(7)
    log = Log()
    async with serving("tts", lambda session: logged(session, engine, log), bus=log) as (_, peer):
        for round_ in range(TIMES):
            victim, survivor = (2 * round_ + 1, 2 * round_ + 2)
            if chance.random() < 0.5:  # the victim may be the older one, or the newer
                victim, survivor = survivor, victim
            sentences = [(victim, VICTIM * chance.randint(1, 4)), (survivor, SURVIVOR)]
            chance.shuffle(sentences)
            for reply, text in sentences:
                await peer.publish(LlmSentence(turn=reply, reply=reply, sentence=0, text=text, language="en"))
                await peer.publish(LlmDone(turn=reply, reply=reply, sentences=1))
            await asyncio.sleep(chance.choice([0, chance.uniform(0, 0.015)]))
            await peer.publish(
                chance.choice(
                    [
                        ReplyCancelled(turn=victim, reply=victim, reason="draft"),
                        TurnCancel(turn=victim, reason="barge_in"),
                        PlaybackProgress(turn=victim, reply=victim, state="stopped", played=0, rate=RATE_HZ),
                    ]
                )
            )
            late = LlmSentence(turn=victim, reply=victim, sentence=chance.randint(0, 1), text="Late.", language="en")
            await peer.publish(late)
            await peer.wait_for(TtsDone, where=lambda done, survivor=survivor: done.reply == survivor)
            end = PlaybackProgress(turn=survivor, reply=survivor, state="finished", played=0, rate=RATE_HZ)
            await peer.publish(end)
        assert not peer.heard(ErrorRaised)

    dead: set[int] = set()
    interrupted: set[int] = set()
    lengths: dict[int, int] = {}
    for kind, reply, samples in log.lines:
        if kind == "over":
            dead.add(reply)
            continue
        assert reply not in dead
        if kind == "tts.done":
            assert lengths.get(reply, 0) == samples
        else:
            lengths[reply] = lengths.get(reply, 0) + samples
    assert len(dead) == TIMES
    done = {reply for kind, reply, _ in log.lines if kind == "tts.done"}
    interrupted = {reply for reply in dead if lengths.get(reply, 0) > 0 and reply not in done}
    assert len(interrupted) > TIMES // 10, "hardly any reply was caught in the middle"
    assert {lengths[reply] for reply in range(1, 2 * TIMES + 1) if reply not in dead} == {lengths[min(done - dead)]}
