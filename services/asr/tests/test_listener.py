"""A session's ears on the bus: frames and typed lines in, turns out."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from avatar_asr.ears import Ears
from avatar_asr.engines.moonshine import Moonshine
from avatar_asr.listener import Listener
from avatar_asr.settings import AsrSettings
from avatar_contracts import (
    AsrPartial,
    Claim,
    ErrorRaised,
    LlmSentence,
    MicFrame,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDeclined,
    SessionConfig,
    SessionConfigured,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TurnCancel,
    TurnDraft,
    TurnStop,
    TurnText,
    TurnTyped,
)
from avatar_runtime.settings import SettingsError, load
from avatar_runtime.testing.sessions import serving

S = 16_000


def claim(**changes):
    return Claim(session="asrtest1", kind="asr", epoch=1, **changes)


def listening(ears, settings=None, **changes):
    return serving("asr", lambda session: Listener(session, ears, settings or AsrSettings()), claim(**changes))


async def speak(peer, sound, start=0, *, pace=4.0):
    """Feed `sound` at `pace` times real time, as the edge would."""
    pcm = (np.clip(sound, -1, 1) * 32_767).astype("<i2")
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at in range(0, len(pcm) - 319, 320):
        await peer.publish(MicFrame(rate=S, start=start + at, pcm=pcm[at : at + 320].tobytes()))
        await asyncio.sleep(began + (at + 320) / S / pace - loop.time())
    return start + len(pcm) // 320 * 320


@pytest.fixture(scope="module")
def line(beckett):
    """Half a second of quiet, "Ever tried.", two seconds of quiet."""
    return np.concatenate([np.zeros(S // 2), beckett[: int(1.3 * S)], np.zeros(2 * S)]).astype(np.float32)


async def test_speech_becomes_a_turn(ears, line):
    async with listening(ears, turn=7) as (_, peer):
        await speak(peer, line)
        turn = await peer.wait_for(TurnText)
        assert turn.turn == 8
        assert "tried" in turn.text.lower()
        assert turn.language == "en"
        assert turn.end_reason in ("smart_turn", "silence")
        assert turn.decode_ms > 0
        assert 0.5 * S < turn.speech_start < S
        assert 1.5 * S < turn.speech_end < 2 * S
        started, stopped = await peer.wait_for(SpeechStarted), await peer.wait_for(SpeechStopped)
        assert (started.turn, started.at) == (8, turn.speech_start)
        assert (stopped.turn, stopped.at, stopped.discarded) == (8, turn.speech_end, False)
        kinds = [type(e) for e in peer.events if isinstance(e, SpeechStarted | SpeechStopped | TurnText)]
        assert kinds == [SpeechStarted, SpeechStopped, TurnText]


async def test_a_draft_comes_before_the_turn_with_the_same_words(ears, line):
    async with listening(ears, AsrSettings(min_silence_s=1.0)) as (_, peer):  # time to decode on a busy machine
        await speak(peer, line, pace=1.0)
        turn = await peer.wait_for(TurnText)
        draft = peer.heard(TurnDraft)[-1]
        assert (draft.turn, draft.text, draft.language, draft.speech_end) == (1, turn.text, "en", turn.speech_end)
        kinds = [type(e) for e in peer.events if isinstance(e, TurnDraft | TurnText)]
        assert kinds[-2:] == [TurnDraft, TurnText]


async def test_no_draft_comes_when_the_person_wants_none(ears, line):
    async with listening(ears, config=SessionConfig(speculate=False)) as (_, peer):
        await speak(peer, line)
        await peer.wait_for(TurnText)
        assert peer.heard(TurnDraft) == []


async def test_a_person_who_goes_on_before_the_answer_is_given_one_answer_to_the_whole(ears, line):
    async with listening(ears) as (_, peer):
        at = await speak(peer, line[: int(2.4 * S)], pace=2.0)
        first = await peer.wait_for(TurnText)
        await peer.publish(ReplyCommitted(turn=first.turn, reply=1))
        await speak(peer, line, at, pace=2.0)
        merged = await peer.wait_for(TurnText, count=2)
        hold = await peer.wait_for(SpeechOverlap)
        assert (hold.turn, hold.state) == (first.turn, "hold")
        cancel = await peer.wait_for(TurnCancel)
        assert (cancel.turn, cancel.reason) == (first.turn, "continued")
        assert merged.continues == first.turn
        assert merged.text.startswith(first.text)
        assert merged.text.lower().count("tried") == 2
        assert merged.speech_start == first.speech_start
        assert peer.heard(TurnDraft)[-1].text.startswith(first.text)


@pytest.mark.parametrize(
    "news",
    [ReplyDeclined(turn=1, reason="not_addressed"), ReplyCancelled(turn=1, reply=1, reason="superseded")],
    ids=["declined", "cancelled"],
)
async def test_a_turn_that_will_not_be_answered_stands_alone(ears, line, news):
    async with listening(ears) as (_, peer):
        at = await speak(peer, line[: int(2.4 * S)])
        await peer.wait_for(TurnText)
        await peer.publish(news)
        await peer.wait_for(type(news))
        await speak(peer, line, at)
        assert (await peer.wait_for(TurnText, count=2)).continues == 0
        assert peer.heard(TurnCancel) == peer.heard(SpeechOverlap) == []


async def test_a_wrong_guess_at_an_answer_is_still_to_be_answered(ears, line):
    async with listening(ears) as (_, peer):
        at = await speak(peer, line[: int(2.4 * S)], pace=2.0)
        await peer.wait_for(TurnText)
        await peer.publish(ReplyCancelled(turn=1, reply=1, reason="draft"))
        await speak(peer, line, at, pace=2.0)
        assert (await peer.wait_for(TurnText, count=2)).continues == 1


def playing(state, turn=1, reply=1):
    return PlaybackProgress(turn=turn, reply=reply, state=state, played=0, rate=S)


async def answered(peer, line):
    """A typed line whose answer sounds for more than a second; where the microphone is then."""
    await peer.session.command(TurnTyped(client_id="a", text="Tell me a story."))
    await peer.wait_for(TurnText)
    await peer.publish(ReplyCommitted(turn=1, reply=1))
    await peer.publish(playing("started"))
    await peer.wait_for(PlaybackProgress)
    return await speak(peer, line[: S // 2], await speak(peer, np.zeros(int(1.5 * S), dtype=np.float32)))


async def test_an_interruption_stops_the_answer_and_is_the_next_turn(ears, line, two_cities):
    async with listening(ears) as (_, peer):
        at = await answered(peer, line)
        words = np.concatenate([two_cities[int(4.85 * S) : int(6.4 * S)], np.zeros(2 * S, dtype=np.float32)])
        await speak(peer, words, at, pace=2.0)
        cancel = await peer.wait_for(TurnCancel)
        assert (cancel.turn, cancel.reason) == (1, "barge_in")
        turn = await peer.wait_for(TurnText, count=2)
        assert (turn.turn, turn.continues) == (2, 0)
        assert "wisdom" in turn.text.lower()
        order = [type(e) for e in peer.events if isinstance(e, SpeechStarted | TurnCancel)]
        assert order == [SpeechStarted, TurnCancel]


async def test_the_clones_own_words_in_the_microphone_are_no_turn(ears, line, two_cities):
    async with listening(ears) as (_, peer):
        await peer.publish(LlmSentence(turn=1, reply=1, sentence=0, text="It was the age of wisdom.", language="en"))
        await peer.wait_for(LlmSentence)
        at = await answered(peer, line)
        words = np.concatenate([two_cities[int(4.85 * S) : int(6.4 * S)], np.zeros(2 * S, dtype=np.float32)])
        pcm = (np.clip(words, -1, 1) * 32_767).astype("<i2")
        for k in range(0, len(pcm) - 319, 320):
            await peer.publish(MicFrame(rate=S, start=at + k, pcm=pcm[k : k + 320].tobytes(), guard=True))
            await asyncio.sleep(0.01)
        await peer.wait_for(SpeechStopped, where=lambda stopped: stopped.discarded)
        assert peer.heard(TurnCancel) == []
        assert len(peer.heard(TurnText)) == 1


async def test_stop_silences_the_answer(ears, line):
    async with listening(ears) as (_, peer):
        await answered(peer, line)
        await peer.session.command(TurnStop())
        cancel = await peer.wait_for(TurnCancel)
        assert (cancel.turn, cancel.reason) == (1, "stop")


async def test_in_typed_mode_speech_is_ignored_and_lines_are_turns(ears, line):
    async with listening(ears) as (_, peer):
        await peer.publish(SessionConfigured(config=SessionConfig(mode="typed")))
        await peer.wait_for(SessionConfigured)
        at = await speak(peer, line)
        await peer.session.command(TurnTyped(client_id="a", text="Say this.", verbatim=True, interruptible=False))
        turn = await peer.wait_for(TurnText)
        assert (turn.turn, turn.verbatim, turn.interruptible) == (1, True, False)
        assert peer.heard(SpeechStarted) == []
        await peer.publish(SessionConfigured(config=SessionConfig(mode="converse")))
        await peer.wait_for(SessionConfigured, count=2)
        await speak(peer, line, at)
        assert "tried" in (await peer.wait_for(TurnText, count=2)).text.lower()


class Wordless(Moonshine):
    """An engine that hears no word."""

    def open(self):
        decoder = super().open()
        decoder.decode = lambda *_, **__: ""
        return decoder


async def test_a_stuck_microphone_is_one_error_and_ignored_until_it_is_quiet(monkeypatch):
    deaf = Ears(Wordless())
    deaf.load()
    loud = (np.random.default_rng(0).normal(0, 0.1, S) * 32_767).astype("<i2").tobytes()
    async with listening(deaf) as (_, peer):
        monkeypatch.setattr("avatar_asr.vad.Vad.probability", lambda *_: 0.97)
        for second in range(70):
            await peer.publish(MicFrame(rate=S, start=second * S, pcm=loud))
            await asyncio.sleep(0.02)
        error = await peer.wait_for(ErrorRaised)
        assert error.code == "mic.stuck"
        assert error.hint
        await peer.session.command(TurnTyped(client_id="a", text="Still there?"))
        await peer.wait_for(TurnText)
        assert len(peer.heard(ErrorRaised)) == len(peer.heard(SpeechStarted)) == len(peer.heard(SpeechStopped)) == 1


async def test_partials_grow_while_the_person_speaks(ears, two_cities):
    async with listening(ears) as (_, peer):
        await speak(peer, two_cities[int(32.6 * S) : int(38 * S)], pace=2.0)
        partials = list(peer.heard(AsrPartial))
        assert len(partials) >= 2
        assert [event.seq for event in partials] == sorted({event.seq for event in partials})
        assert len(partials[-1].text) > len(partials[0].text)


async def test_bad_frames_are_reported_once_and_the_next_turn_is_heard(ears, line):
    async with listening(ears) as (_, peer):
        for k in range(20):
            await peer.publish(MicFrame(rate=48_000, start=k * 320, pcm=bytes(640)))
            await peer.publish(MicFrame(rate=S, start=k * 320, pcm=bytes(641)))
            await peer.publish(MicFrame(rate=S, start=k * 320, pcm=b""))
        await peer.wait_for(ErrorRaised, count=2)
        await speak(peer, line)
        await peer.wait_for(TurnText)
        assert sorted(error.code for error in peer.heard(ErrorRaised)) == ["mic.length", "mic.rate"]
        assert all(error.hint for error in peer.heard(ErrorRaised))


async def test_a_typed_line_is_a_turn_in_its_own_language(ears):
    async with listening(ears, turn=3) as (_, peer):
        await peer.session.command(TurnTyped(client_id="a", text="  Котра   година?\n"))
        await peer.session.command(TurnTyped(client_id="b", text="What time is it?"))
        await peer.session.command(TurnTyped(client_id="c", text="Hallo", language="de"))
        await peer.wait_for(TurnText, count=3)
        assert [(t.turn, t.text, t.language, t.end_reason) for t in peer.heard(TurnText)] == [
            (4, "Котра година?", "uk", "typed"),
            (5, "What time is it?", "en", "typed"),
            (6, "Hallo", "de", "typed"),
        ]


async def test_a_typed_line_sent_again_is_one_turn(ears):
    async with listening(ears) as (_, peer):
        for _ in range(3):
            await peer.publish(TurnTyped(client_id="same", text="hello"))
        await peer.publish(TurnTyped(client_id="other", text="bye"))
        await peer.wait_for(TurnText, count=2)
        assert [turn.text for turn in peer.heard(TurnText)] == ["hello", "bye"]


@pytest.mark.parametrize("text", ["", " \n ", "\x00\x1b", "\u200b"])
async def test_an_empty_typed_line_is_an_error_and_no_turn(ears, text):
    async with listening(ears) as (_, peer):
        await peer.publish(TurnTyped(client_id="a", text=text))
        error = await peer.wait_for(ErrorRaised)
        assert error.code == "turn.empty"
        await peer.publish(TurnTyped(client_id="b", text="👍"))
        assert (await peer.wait_for(TurnText)).text == "👍"
        assert len(peer.heard(TurnText)) == 1


async def test_a_typed_line_above_8_kb_is_cut_and_said_so(ears):
    async with listening(ears) as (_, peer):
        await peer.publish(TurnTyped(client_id="a", text="слово " * 900))
        turn = await peer.wait_for(TurnText)
        assert len(turn.text.encode()) <= 8_000
        assert (await peer.wait_for(ErrorRaised)).code == "turn.too_long"


async def test_the_session_language_counts_where_letters_do_not(ears):
    async with listening(ears, config=SessionConfig(language="uk")) as (_, peer):
        await peer.publish(TurnTyped(client_id="a", text="12 + 30"))
        assert (await peer.wait_for(TurnText)).language == "uk"


async def test_speech_in_a_language_the_engine_does_not_know_is_said_once(ears, line):
    async with listening(ears, config=SessionConfig(language="uk")) as (_, peer):
        at = await speak(peer, line)
        await speak(peer, line, at)
        await peer.wait_for(TurnText, count=2)
        (error,) = peer.heard(ErrorRaised)
        assert error.code == "asr.language"
        assert "uk" in error.message


class Broken(Moonshine):
    """An engine whose decoder raises while `broken`."""

    broken = True

    def open(self):
        decoder = super().open()
        decode = decoder.decode

        def failing(samples, *, careful=False):
            if self.broken:
                raise RuntimeError("out of memory")
            return decode(samples, careful=careful)

        decoder.decode = failing
        return decoder


async def test_an_engine_that_fails_is_reported_once_and_the_session_lives_on(line):
    broken = Ears(Broken())
    broken.engine.broken = False
    broken.load()
    broken.engine.broken = True
    async with listening(broken) as (_, peer):
        at = await speak(peer, line)
        stopped = await peer.wait_for(SpeechStopped)
        assert stopped.discarded
        assert [error.code for error in peer.heard(ErrorRaised)] == ["asr.decode"]
        broken.engine.broken = False
        await speak(peer, line, at)
        assert (await peer.wait_for(TurnText)).turn == 2
        assert len(peer.heard(ErrorRaised)) == 1


async def test_a_detector_that_fails_once_costs_the_open_speech_and_not_the_session(ears, line, monkeypatch):
    async with listening(ears) as (_, peer):
        at = await speak(peer, line[: int(1.2 * S)])
        await peer.wait_for(SpeechStarted)
        with monkeypatch.context() as patch:
            patch.setattr("avatar_asr.vad.Vad.probability", lambda *_: 1 / 0)
            at = await speak(peer, line[int(1.2 * S) : int(1.4 * S)], at)
            await peer.wait_for(SpeechStopped, where=lambda stopped: stopped.discarded)
        await speak(peer, line, at)
        turn = await peer.wait_for(TurnText)
        assert turn.turn > 1
        assert "tried" in turn.text.lower()
        assert [error.code for error in peer.heard(ErrorRaised)] == ["asr.hear"]
        with monkeypatch.context() as patch:  # after a turn that was heard, failing is news again
            patch.setattr("avatar_asr.vad.Vad.probability", lambda *_: 1 / 0)
            await speak(peer, line[int(0.8 * S) : int(1.2 * S)], at + len(line))
            await peer.wait_for(ErrorRaised, count=2)


async def test_an_overrun_that_comes_and_goes_with_every_frame_is_one_error(ears):
    async with listening(ears) as (listener, peer):
        stuck, freed = threading.Event(), threading.Event()

        def wait(_hearing):
            stuck.set()
            freed.wait(10)
            return []

        listener._inbox.put(wait)
        await asyncio.to_thread(stuck.wait, 5)
        for k in range(512):
            await listener.on_mic(MicFrame(rate=S, start=k * 320, pcm=bytes(640)))
        for _ in range(10):
            await listener.on_mic(MicFrame(rate=S, start=512 * 320, pcm=bytes(640)))  # one too many
            listener._inbox.get()
            await listener.on_mic(MicFrame(rate=S, start=512 * 320, pcm=bytes(640)))
        freed.set()
        await peer.session.command(TurnTyped(client_id="a", text="Still there?"))
        await peer.wait_for(TurnText)
        assert [error.code for error in peer.heard(ErrorRaised)].count("asr.overrun") == 1


async def test_two_sessions_at_once_hear_their_own_words(ears, beckett, two_cities):
    def sound(recording, start, end):
        return np.concatenate([np.zeros(S // 2), recording[int(start * S) : int(end * S)], np.zeros(2 * S)])

    async def one(session, words):
        own = Claim(session=session, kind="asr", epoch=1)
        async with serving("asr", lambda s: Listener(s, ears, AsrSettings()), own) as (_, peer):
            await speak(peer, words, pace=2.0)
            return (await peer.wait_for(TurnText)).text

    first, second = await asyncio.gather(
        one("session01", sound(beckett, 0, 1.3)), one("session02", sound(two_cities, 4.85, 6.4))
    )
    assert "tried" in first.lower()
    assert "wisdom" in second.lower()


async def test_a_closed_session_leaves_no_thread(ears, line):
    before = {thread.name for thread in threading.enumerate()}
    async with listening(ears) as (_, peer):
        await speak(peer, line[: 2 * S])
    for _ in range(50):
        left = {t.name for t in threading.enumerate() if t.name.startswith("asr-")} - before
        if not left:
            break
        await asyncio.sleep(0.02)
    assert not left


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--silence_cap_s", "0.2", "--min_silence_s", "0.5"], "must not fall"),
        (["--end_threshold", "2"], "end_threshold"),
        (["--silence-capp-s", "1"], "unknown flag"),
    ],
)
def test_wrong_settings_are_refused(flags, message):
    with pytest.raises(SettingsError, match=message):
        load("asr", AsrSettings, argv=flags, environ={}, path=None)
