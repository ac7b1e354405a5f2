"""A session's voice on a bus, with the real engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
import pytest

from avatar_contracts import (
    Claim,
    ErrorRaised,
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    SessionConfig,
    TtsChunk,
    TtsDone,
    TurnCancel,
)
from avatar_runtime.engines import EngineInfo
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.testing.sessions import Peer, serving
from avatar_tts import speaker as speaker_module
from avatar_tts.engines.base import Speech
from avatar_tts.engines.espeak import RATE_HZ, EspeakEngine
from avatar_tts.errors import EngineDied
from avatar_tts.settings import TtsSettings
from avatar_tts.speaker import Speaker

LONG = "This sentence goes on and on, about nothing at all, " * 38


@contextlib.asynccontextmanager
async def speaking(
    engine: EspeakEngine, claim: Claim | None = None, settings: TtsSettings | None = None
) -> AsyncIterator[Peer]:
    settings = settings or TtsSettings(pace=0)
    async with serving("tts", lambda session: Speaker(session, engine, settings), claim) as (_, peer):
        yield peer


async def say(peer: Peer, *texts: str, reply: int = 1, turn: int = 1, language: str = "en", done: bool = True) -> None:
    for number, text in enumerate(texts):
        await peer.publish(LlmSentence(turn=turn, reply=reply, sentence=number, text=text, language=language))
    if done:
        await peer.publish(LlmDone(turn=turn, reply=reply, sentences=len(texts)))


async def played(peer: Peer, sentence: int, samples: int, state: str = "playing", reply: int = 1) -> None:
    event = PlaybackProgress(turn=1, reply=reply, state=state, played=samples, rate=RATE_HZ, sentence=sentence)
    await peer.publish(event)


def chunks(peer: Peer, reply: int = 1) -> list[TtsChunk]:
    return [chunk for chunk in peer.heard(TtsChunk) if chunk.reply == reply]


def sound(of: list[TtsChunk]) -> np.ndarray:
    return np.frombuffer(b"".join(chunk.pcm for chunk in of), np.int16).astype(int)


def errors(peer: Peer) -> list[str]:
    return [error.code for error in peer.heard(ErrorRaised)]


async def test_a_reply_is_one_contiguous_clock_from_first_chunk_to_done(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "Well, hello there,", "it is good to see you.")
        done = await peer.wait_for(TtsDone)
    made = chunks(peer)
    at = 0
    for chunk in made:
        assert (chunk.turn, chunk.reply, chunk.rate, chunk.start) == (1, 1, RATE_HZ, at)
        at += len(chunk.pcm) // 2
    assert done.samples == at
    assert [chunk.sentence for chunk in made if chunk.last] == [0, 1]
    assert not peer.heard(ErrorRaised)


async def test_first_chunks_hold_what_the_face_needs_and_the_others_400_ms(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "The quick brown fox jumps over the lazy dog, and nobody minds at all.")
        await peer.wait_for(TtsDone)
    lengths = [len(chunk.pcm) / 2 / RATE_HZ for chunk in chunks(peer)]
    assert lengths[0] == pytest.approx(0.24, abs=0.001)
    assert lengths[1:-1] == pytest.approx([0.4] * len(lengths[1:-1]), abs=0.001)
    assert lengths[-1] <= 0.6


async def test_between_sentences_is_a_pause_without_a_click(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "One two three.", "Four five six.")
        await peer.wait_for(TtsDone)
    made = chunks(peer)
    pcm = sound(made)
    border = next(chunk.start for chunk in made if chunk.sentence == 1)
    quiet = np.flatnonzero(np.abs(pcm) > 300)
    pause_s = (quiet[quiet >= border][0] - quiet[quiet < border][-1]) / RATE_HZ
    assert 0.12 <= pause_s <= 0.3
    for edge in (0, border, len(pcm)):
        assert np.abs(pcm[max(0, edge - 20) : edge + 20]).max() < 600
    joints = [chunk.start for chunk in made[1:]]
    steps = np.abs(np.diff(pcm))
    assert max(steps[at - 1] for at in joints) <= steps.max()
    assert np.abs(pcm).max() < 32767


async def test_words_count_the_characters_of_the_sentence_as_it_was_sent(engine: EspeakEngine) -> None:
    text = "It costs **$3.50**, ok? 😀"
    async with speaking(engine) as peer:
        await say(peer, text)
        await peer.wait_for(TtsDone)
    words = [word for chunk in chunks(peer) for word in chunk.words]
    heard = [text[: word.chars] for word in words]
    assert heard[:2] == ["It", "It costs"]
    assert "It costs **$3.50**," in heard
    assert heard[-1] == text
    assert [word.chars for word in words] == sorted(word.chars for word in words)


async def test_times_lie_in_their_chunk_and_in_the_reply_clock(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "Mama made a big pie.", "Peter paid for it.")
        await peer.wait_for(TtsDone)
    made = chunks(peer)
    starts = [viseme.start for chunk in made for viseme in chunk.visemes]
    assert starts == sorted(set(starts))
    for chunk in made:
        end = chunk.start + len(chunk.pcm) // 2
        assert all(chunk.start <= viseme.start < end for viseme in chunk.visemes)
        assert all(chunk.start <= word.start < end for word in chunk.words)
    for chunk in made:
        if chunk.last:
            assert chunk.visemes[-1].name == "sil"


async def test_only_two_sentences_are_made_before_anything_is_played(engine: EspeakEngine) -> None:
    texts = [f"This is sentence number {name}, which takes a while to say." for name in ("one", "two", "three", "four")]
    async with speaking(engine) as peer:
        await say(peer, *texts)
        second = await peer.wait_for(TtsChunk, where=lambda chunk: chunk.sentence == 1 and chunk.last)
        await asyncio.sleep(0.1)
        assert {chunk.sentence for chunk in chunks(peer)} == {0, 1}
        await played(peer, 0, 100, "started")
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.sentence == 2 and chunk.last)
        await asyncio.sleep(0.1)
        assert {chunk.sentence for chunk in chunks(peer)} == {0, 1, 2}
        await played(peer, 1, second.start)
        await peer.wait_for(TtsDone)
    assert {chunk.sentence for chunk in chunks(peer)} == {0, 1, 2, 3}


CANCELS = [
    ReplyCancelled(turn=1, reply=1, reason="cancelled"),
    TurnCancel(turn=1, reason="barge_in"),
    PlaybackProgress(turn=1, reply=1, state="stopped", played=100, rate=RATE_HZ),
]


@pytest.mark.parametrize("cancel", CANCELS, ids=lambda cancel: type(cancel).__name__)
async def test_a_cancelled_reply_is_silent_at_once_and_for_ever(
    engine: EspeakEngine, cancel: ReplyCancelled | TurnCancel | PlaybackProgress
) -> None:
    async with speaking(engine) as peer:
        await say(peer, LONG, "And more.", done=False)
        await peer.wait_for(TtsChunk)
        await peer.publish(cancel)
        await asyncio.sleep(0.05)  # the 20 ms of the engine, and the bus both ways on a busy machine
        made = len(chunks(peer))
        await peer.publish(LlmSentence(turn=1, reply=1, sentence=2, text="Late.", language="en"))
        await peer.publish(LlmDone(turn=1, reply=1, sentences=3))
        await asyncio.sleep(0.3)
        assert len(chunks(peer)) == made
        assert sum(len(chunk.pcm) for chunk in chunks(peer)) / 2 / RATE_HZ < 60, "the whole sentence went out"
        assert not peer.heard(TtsDone)
        await say(peer, "Something new.", reply=2, turn=2)
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 2)
    assert chunks(peer, reply=2)[0].start == 0
    assert not peer.heard(ErrorRaised)


async def test_a_draft_is_spoken_while_an_older_reply_plays_and_both_go_on(engine: EspeakEngine) -> None:
    texts = [f"This is sentence number {name}, which takes a while to say." for name in ("one", "two", "three", "four")]
    async with speaking(engine) as peer:
        await say(peer, *texts)
        second = await peer.wait_for(TtsChunk, where=lambda chunk: chunk.sentence == 1 and chunk.last)
        await played(peer, 0, 100, "started")
        await say(peer, *texts, reply=2, turn=2)
        await peer.wait_for(TtsChunk, where=lambda chunk: (chunk.reply, chunk.sentence, chunk.last) == (2, 1, True))
        await asyncio.sleep(0.1)
        assert {chunk.sentence for chunk in chunks(peer, reply=2)} == {0, 1}, "a draft is no more than two ahead"
        await played(peer, 1, second.start, "held")
        await played(peer, 1, second.start)
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 1)
        await peer.publish(PlaybackProgress(turn=2, reply=2, state="started", played=0, rate=RATE_HZ))
        await played(peer, 1, second.start, reply=2)
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 2)
    assert np.array_equal(sound(chunks(peer)), sound(chunks(peer, reply=2)))


@pytest.mark.parametrize("cancel", CANCELS, ids=lambda cancel: type(cancel).__name__)
async def test_the_end_of_one_reply_does_not_break_into_the_sentence_of_another(
    engine: EspeakEngine, cancel: ReplyCancelled | TurnCancel | PlaybackProgress
) -> None:
    text = LONG[:600]
    async with speaking(engine) as peer:
        await say(peer, "The older one.", "It has more to say.", "And more.", done=False)
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.sentence == 1 and chunk.last)
        await say(peer, text, reply=2, turn=2)
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.reply == 2)
        await peer.publish(cancel)
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 2)
        await say(peer, text, reply=3, turn=3)
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 3)
    assert np.array_equal(sound(chunks(peer, reply=2)), sound(chunks(peer, reply=3)))
    assert {chunk.sentence for chunk in chunks(peer)} == {0, 1}


async def test_a_cancelled_draft_leaves_the_older_reply_its_voice(engine: EspeakEngine) -> None:
    texts = [f"This is sentence number {name}." for name in ("one", "two", "three")]
    async with speaking(engine) as peer:
        await say(peer, *texts)
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.sentence == 1 and chunk.last)
        await say(peer, LONG, reply=2, turn=2, done=False)
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.reply == 2)
        await played(peer, 1, 100, "started")
        await peer.publish(ReplyCancelled(turn=2, reply=2, reason="draft"))
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 1)
    assert [chunk.sentence for chunk in chunks(peer) if chunk.last] == [0, 1, 2]
    assert not peer.heard(ErrorRaised)


class Reluctant:
    """An engine, and its one voice, that gives some sound and then nothing until it is told to stop."""

    info = EngineInfo(name="reluctant", languages=("en",), rate=RATE_HZ, device="cpu", licence="none")
    rate, languages = RATE_HZ, ("en",)

    def __init__(self, *, dies: bool) -> None:
        self._dies = dies
        self._stopped = asyncio.Event()

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def open(self, _voice: str) -> Reluctant:
        return self

    def gain(self, _language: str) -> float:
        return 1.0

    async def stream(self, _text: str, _language: str) -> AsyncGenerator[Speech, None]:
        self._stopped.clear()
        yield Speech(np.full(RATE_HZ, 1000, np.int16))
        await self._stopped.wait()
        if self._dies:
            raise EngineDied("it was killed")

    def cancel(self) -> None:
        self._stopped.set()


@pytest.mark.parametrize("dies", [False, True])
async def test_a_cancel_frees_the_voice_from_an_engine_that_hangs_and_nothing_is_told_of_it(*, dies: bool) -> None:
    engine = Reluctant(dies=dies)
    async with serving("tts", lambda session: Speaker(session, engine, TtsSettings(pace=0))) as (_, peer):
        await say(peer, "Something.", done=False)
        await peer.wait_for(TtsChunk)
        await peer.publish(ReplyCancelled(turn=1, reply=1, reason="draft"))
        await say(peer, "Something else.", reply=2, turn=1, done=False)
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.reply == 2, timeout_s=1.0)
    assert not peer.heard(ErrorRaised)


async def test_replies_that_nobody_ends_are_given_up_one_by_one_and_told(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        for reply in range(1, 11):
            await say(peer, "One.", reply=reply, turn=reply, done=False)
            await peer.wait_for(TtsChunk, where=lambda chunk, reply=reply: chunk.reply == reply)
    assert [(error.code, error.reply) for error in peer.heard(ErrorRaised)] == [
        ("tts.too_many_replies", 1),
        ("tts.too_many_replies", 2),
    ]


async def test_a_draft_that_guessed_wrong_leaves_the_same_turn_its_next_reply(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "A wrong guess.", done=False)
        await peer.wait_for(TtsChunk)
        await peer.publish(ReplyCancelled(turn=1, reply=1, reason="draft"))
        await say(peer, "The right answer.", reply=2, turn=1)
        done = await peer.wait_for(TtsDone)
    assert done.reply == 2


async def test_killing_the_engine_costs_one_sentence_and_is_reported(mortal_engine: EspeakEngine) -> None:
    async with speaking(mortal_engine) as peer:
        await say(peer, LONG, "But the next one is fine.")
        await peer.wait_for(TtsChunk)
        assert mortal_engine.pid is not None
        os.kill(mortal_engine.pid, signal.SIGKILL)
        error = await peer.wait_for(ErrorRaised)
        done = await peer.wait_for(TtsDone)
    assert (error.code, error.turn, error.reply) == ("tts.engine_died", 1, 1)
    assert error.hint
    made = chunks(peer)
    assert [chunk.sentence for chunk in made if chunk.last] == [0, 1]
    assert done.samples == made[-1].start + len(made[-1].pcm) // 2
    last_of_broken = next(chunk for chunk in made if chunk.last)
    assert abs(int(np.frombuffer(last_of_broken.pcm, np.int16)[-1])) < 50, "the broken sentence ends with a click"


@pytest.mark.parametrize("text", ["😀🎉", "***", "```\ncode\n```", "\u202e\u200b", "?!"])
async def test_a_sentence_with_nothing_to_say_is_passed_over(engine: EspeakEngine, text: str) -> None:
    async with speaking(engine) as peer:
        await say(peer, text, "Words.", text)
        await played(peer, 1, 0, "started")
        done = await peer.wait_for(TtsDone)
        await say(peer, text, reply=2, turn=2)
        silent = await peer.wait_for(TtsDone, where=lambda done: done.reply == 2)
    assert {chunk.sentence for chunk in chunks(peer)} == {1}
    assert done.samples > 0
    assert silent.samples == 0
    assert not peer.heard(ErrorRaised)


async def test_an_endless_sentence_is_refused_and_the_next_is_spoken(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "word " * 1_000, "Short.")
        await peer.wait_for(TtsDone)
    assert errors(peer) == ["tts.text_too_long"]
    assert {chunk.sentence for chunk in chunks(peer)} == {1}
    assert chunks(peer)[0].start == 0


async def test_each_sentence_is_spoken_in_its_language(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "20 грн", language="uk")
        await peer.wait_for(TtsDone)
        await say(peer, "20 грн", reply=2, turn=2, language="en")
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 2)
    assert len(sound(chunks(peer))) != len(sound(chunks(peer, reply=2)))


async def test_an_unknown_language_is_spoken_in_the_fallback_and_told_once(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await say(peer, "Bonjour mes amis.", "Ça va bien?", language="fr")
        await peer.wait_for(TtsDone)
    assert errors(peer) == ["tts.language"]
    assert {chunk.sentence for chunk in chunks(peer)} == {0, 1}


async def test_a_fallback_the_voice_does_not_speak_either_is_an_error_that_says_so(engine: EspeakEngine) -> None:
    async with speaking(engine, settings=TtsSettings(fallback_language="ja", pace=0)) as peer:
        await say(peer, "Bonjour mes amis.", language="fr")
        done = await peer.wait_for(TtsDone)
    (error,) = peer.heard(ErrorRaised)
    assert error.code == "tts.language"
    assert "neither 'fr' nor the fallback_language 'ja'" in error.message
    assert done.samples == 0


async def test_an_unknown_voice_is_told_and_the_default_speaks(engine: EspeakEngine) -> None:
    claim = Claim(session="abcdefgh1234", kind="tts", epoch=1, config=SessionConfig(voice="nobody at all!"))
    bus = MemoryBus()
    edge = Peer(bus, claim.session)
    await edge.session.start()
    async with serving("tts", lambda session: Speaker(session, engine, TtsSettings(pace=0)), claim, bus=bus):
        await say(edge, "Hello.")
        await edge.wait_for(TtsDone)
    await edge.session.close()
    assert errors(edge) == ["tts.voice"]
    assert chunks(edge)


async def test_the_session_chooses_the_voice(engine: EspeakEngine) -> None:
    claim = Claim(session="abcdefgh1234", kind="tts", epoch=1, config=SessionConfig(voice="en+f3"))
    lengths = []
    for given in (None, claim):
        async with speaking(engine, given) as peer:
            await say(peer, "Hello, who is speaking?")
            lengths.append((await peer.wait_for(TtsDone)).samples)
    assert lengths[0] != lengths[1]


async def test_a_reply_joined_in_the_middle_is_not_spoken(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await peer.publish(LlmSentence(turn=4, reply=7, sentence=2, text="The end.", language="en"))
        done = await peer.wait_for(TtsDone)
        await peer.publish(LlmSentence(turn=4, reply=7, sentence=3, text="The very end.", language="en"))
        await say(peer, "A new one.", reply=8, turn=5)
        await peer.wait_for(TtsDone, where=lambda done: done.reply == 8)
    assert (done.reply, done.samples) == (7, 0)
    assert errors(peer) == ["tts.reply_lost"]
    assert not chunks(peer, reply=7)


async def test_a_sentence_that_never_comes_is_skipped(engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker_module, "LOST_SENTENCE_S", 0.1)
    async with speaking(engine) as peer:
        await peer.publish(LlmSentence(turn=1, reply=1, sentence=0, text="The first.", language="en"))
        await peer.publish(LlmSentence(turn=1, reply=1, sentence=2, text="The third.", language="en"))
        await peer.publish(LlmDone(turn=1, reply=1, sentences=3))
        await peer.wait_for(TtsChunk)
        await played(peer, 0, 0, "started")
        await peer.wait_for(TtsDone)
    assert errors(peer) == ["tts.sentence_lost"]
    assert [chunk.sentence for chunk in chunks(peer) if chunk.last] == [0, 2]


async def test_a_lost_sentence_is_given_up_in_time_also_while_the_playhead_moves(
    engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker_module, "LOST_SENTENCE_S", 0.3)
    async with speaking(engine) as peer:
        await peer.publish(LlmSentence(turn=1, reply=1, sentence=0, text="The first.", language="en"))
        await peer.publish(LlmSentence(turn=1, reply=1, sentence=2, text="The third.", language="en"))
        await peer.publish(LlmDone(turn=1, reply=1, sentences=3))
        await peer.wait_for(TtsChunk)
        for at in range(20):
            await played(peer, 0, at * 100)
            await asyncio.sleep(0.05)
        assert errors(peer) == ["tts.sentence_lost"]
        await peer.wait_for(TtsDone)


async def test_sentences_in_any_order_and_twice_are_spoken_in_order_and_once(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        for number in (0, 1, 0, 1):
            event = LlmSentence(turn=1, reply=1, sentence=number, text=f"Sentence {number}.", language="en")
            await peer.publish(event)
        await peer.publish(LlmDone(turn=1, reply=1, sentences=2))
        await peer.publish(LlmDone(turn=1, reply=1, sentences=2))
        await peer.wait_for(TtsDone)
        await asyncio.sleep(0.1)
    assert [chunk.sentence for chunk in chunks(peer) if chunk.last] == [0, 1]
    assert len(peer.heard(TtsDone)) == 1


async def test_a_reply_of_which_only_the_end_was_heard_is_done_with_one_error(
    engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker_module, "LOST_SENTENCE_S", 0.1)
    async with speaking(engine) as peer:
        await peer.publish(LlmDone(turn=3, reply=3, sentences=5))
        done = await peer.wait_for(TtsDone)
    assert (done.reply, done.samples) == (3, 0)
    assert errors(peer) == ["tts.sentence_lost"]


async def test_an_empty_reply_is_done_with_no_sound(engine: EspeakEngine) -> None:
    async with speaking(engine) as peer:
        await peer.publish(LlmDone(turn=1, reply=1, sentences=0, finish="error"))
        assert (await peer.wait_for(TtsDone)).samples == 0


async def test_two_sessions_speak_side_by_side(engine: EspeakEngine) -> None:
    async with speaking(engine) as first, speaking(engine) as second:
        await asyncio.gather(say(first, "I am the first."), say(second, "Я друга.", language="uk"))
        await first.wait_for(TtsDone)
        await second.wait_for(TtsDone)
    assert len(sound(chunks(first))) != len(sound(chunks(second)))


async def test_a_reply_is_sent_at_its_pace_after_its_beginning_and_a_cancel_does_not_wait_for_it(
    engine: EspeakEngine,
) -> None:
    async with speaking(engine, settings=TtsSettings(pace=4.0)) as peer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await say(peer, "It was the best of times, and it was the worst of times, and nobody knew which of the two.")
        done = await peer.wait_for(TtsDone)
        length_s = done.samples / RATE_HZ
        assert loop.time() - began >= (length_s - 0.3 - 0.4) / 4.0
        at_once = [chunk for chunk in chunks(peer) if chunk.start / RATE_HZ <= 0.3]
        assert len(at_once) >= 2
        await say(peer, LONG, reply=2)
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.reply == 2)
        cancelled = loop.time()
        await peer.publish(ReplyCancelled(turn=1, reply=2, reason="cancelled"))
        await say(peer, "Yes.", reply=3)
        await peer.wait_for(TtsChunk, where=lambda chunk: chunk.reply == 3)
        assert loop.time() - cancelled < 0.5
