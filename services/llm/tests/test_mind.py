"""The mind on a bus: turns in, replies out, whatever the engine and the person do."""

import asyncio
import contextlib

import pytest

from avatar_contracts import (
    Claim,
    ErrorRaised,
    Exchange,
    LlmDelta,
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    SessionConfig,
    TurnCancel,
    TurnText,
)
from avatar_llm.engines import scripted
from avatar_llm.mind import MAX_TURN_CHARS, Mind
from avatar_llm.settings import LlmSettings
from avatar_runtime import metrics
from avatar_runtime.engines import EngineInfo
from avatar_runtime.testing.sessions import serving

ONE_LINE = "I would say so, because it is true. Is it not?"
SLOW = {"scripted_reply": "word " * 50, "first_token_ms": 0, "tokens_per_s": 20}


def said(turn, text="Hello", language="en"):
    return TurnText(turn=turn, text=text, language=language, end_reason="silence")


def played(state, reply, sentence=0, chars=0):
    return PlaybackProgress(turn=1, reply=reply, state=state, played=1, rate=22_050, sentence=sentence, chars=chars)


def claim(**changes):
    return Claim(session="k3v9d2m7", kind="llm", epoch=1, **changes)


@contextlib.asynccontextmanager
async def mind_with(engine=None, claimed=None, **changes):
    settings = LlmSettings(**{"first_token_ms": 0, "tokens_per_s": 5_000, **changes})
    if engine is None:
        engine = scripted.create(settings)
        if not settings.scripted_reply:
            engine.load()
    async with serving("llm", lambda session: Mind(session, engine, settings), claimed or claim()) as (mind, peer):
        yield mind, peer


class Engine:
    """A mind whose stream is written in the test."""

    info = EngineInfo(name="faulty", device="cpu", licence="Apache-2.0")

    def __init__(self, stream):
        self._stream = stream
        self.asked = []
        self.running = 0
        self.most_running = 0
        self.closed = False

    def open(self, persona, user):
        return self

    async def stream(self, messages):
        self.asked.append(list(messages))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            async for text in self._stream():
                yield text
        finally:
            self.running -= 1

    def cancel(self):
        pass

    def close(self):
        self.closed = True


async def test_a_turn_is_committed_streamed_cut_and_done():
    async with mind_with(scripted_reply=ONE_LINE) as (_, peer):
        await peer.publish(said(1))
        done = await peer.wait_for(LlmDone)
        assert [piece.text for piece in peer.heard(LlmSentence)] == [
            "I would say so,",
            "because it is true.",
            "Is it not?",
        ]
        assert [piece.sentence for piece in peer.heard(LlmSentence)] == [0, 1, 2]
        assert "".join(delta.text for delta in peer.heard(LlmDelta)) == ONE_LINE
        assert (done.sentences, done.finish, done.turn, done.reply) == (3, "stop", 1, 1)
        kinds = [type(event) for event in peer.events]
        assert kinds.index(ReplyCommitted) < kinds.index(LlmSentence)


async def test_the_first_clause_leaves_long_before_the_reply_is_complete():
    async with mind_with(scripted_reply=ONE_LINE, tokens_per_s=20) as (_, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmSentence)
        assert len(peer.heard(LlmDelta)) <= 6


async def test_the_reply_is_in_the_language_of_the_turn():
    async with mind_with() as (_, peer):
        await peer.publish(said(1, "Як тебе звати?", "uk"))
        await peer.wait_for(LlmDone)
        assert "Алекс" in " ".join(piece.text for piece in peer.heard(LlmSentence))
        assert {piece.language for piece in peer.heard(LlmSentence)} == {"uk"}


async def test_numbers_go_on_above_those_of_the_worker_before():
    async with mind_with(claimed=claim(turn=7, reply=20), scripted_reply="Yes.") as (_, peer):
        await peer.publish(said(8))
        assert (await peer.wait_for(ReplyCommitted)).reply == 21
        await peer.publish(said(9))
        assert (await peer.wait_for(ReplyCommitted, count=2)).reply == 22


async def test_a_new_mind_answers_ears_that_count_on_below_the_floor_of_its_claim():
    async with mind_with(claimed=claim(turn=17, reply=20), scripted_reply="Yes.") as (_, peer):
        await peer.publish(said(2))
        assert (await peer.wait_for(ReplyCommitted)).turn == 2


async def test_a_new_turn_supersedes_the_reply_under_way():
    async with mind_with(**SLOW) as (_, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmDelta)
        await peer.publish(said(2))
        cancelled = await peer.wait_for(ReplyCancelled)
        assert (cancelled.turn, cancelled.reply, cancelled.reason) == (1, 1, "superseded")
        await peer.wait_for(LlmDelta, where=lambda delta: delta.reply == 2)
        after = peer.events[peer.events.index(cancelled) :]
        assert not [event for event in after if isinstance(event, LlmDelta | LlmSentence) and event.reply == 1]


async def test_a_cancelled_reply_is_silent_and_never_done():
    async with mind_with(**SLOW) as (_, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmDelta)
        await peer.publish(TurnCancel(turn=1, reason="barge_in"))
        cancelled = await peer.wait_for(ReplyCancelled)
        await asyncio.sleep(0.15)
        assert cancelled.reason == "cancelled"
        assert peer.events[-1] is cancelled


async def test_a_reply_that_is_complete_but_still_playing_can_be_cancelled():
    async with mind_with(scripted_reply="Yes.") as (_, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmDone)
        await peer.publish(TurnCancel(turn=1, reason="stop"))
        assert (await peer.wait_for(ReplyCancelled)).reply == 1


async def test_a_reply_that_was_played_to_its_end_is_left_alone():
    async with mind_with(scripted_reply="Yes.") as (mind, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmDone)
        await peer.publish(played("finished", 1))
        await peer.wait_for(PlaybackProgress)
        await peer.publish(said(2))
        await peer.wait_for(LlmDone, count=2)
        assert peer.heard(ReplyCancelled) == []
        assert mind.history.entries[0].heard == "Yes."


async def test_cancelling_another_turn_changes_nothing():
    async with mind_with(scripted_reply="Yes, of course.") as (_, peer):
        await peer.publish(said(2))
        await peer.publish(TurnCancel(turn=1, reason="stop"))
        await peer.wait_for(LlmDone)
        assert peer.heard(ReplyCancelled) == []


async def test_a_turn_that_was_cancelled_before_it_came_is_not_answered():
    async with mind_with(scripted_reply="Yes.") as (mind, peer):
        await peer.publish(TurnCancel(turn=2, reason="continued"))
        await peer.wait_for(TurnCancel)
        await peer.publish(said(2, "I would like"))
        await peer.publish(said(3, "I would like some tea."))
        await peer.wait_for(LlmDone)
        assert [event.turn for event in peer.heard(ReplyCommitted)] == [3]
        assert [entry.said for entry in mind.history.entries] == ["I would like some tea."]


async def test_a_turn_in_a_language_the_engine_lacks_is_spoken_in_the_one_it_answers_in():
    async with mind_with() as (mind, peer):
        await peer.publish(said(1, "Wie geht es dir?", "de"))
        await peer.wait_for(LlmDone)
        assert {piece.language for piece in peer.heard(LlmSentence)} == {"en"}
        assert mind.history.entries[0].language == "de"


async def test_the_next_prompt_holds_exactly_what_was_heard():
    async def stream():
        yield "One two three. Four five six."

    engine = Engine(stream)
    async with mind_with(engine) as (_, peer):
        await peer.publish(said(1, "Count."))
        await peer.wait_for(LlmDone)
        await peer.publish(played("playing", 1, 0, 14))
        await peer.publish(played("stopped", 1, 1, 9))
        await peer.publish(TurnCancel(turn=1, reason="barge_in"))
        await peer.wait_for(TurnCancel)
        await peer.publish(said(2, "Stop."))
        await peer.wait_for(LlmDone, count=2)
        roles = [(message.role, message.content) for message in engine.asked[1][1:]]
        assert roles == [("user", "Count."), ("assistant", "One two three. Four five [interrupted]"), ("user", "Stop.")]


async def test_words_that_will_come_again_are_not_remembered_twice():
    async with mind_with(**SLOW) as (mind, peer):
        await peer.publish(said(1, "I would like"))
        await peer.wait_for(LlmDelta)
        await peer.publish(TurnCancel(turn=1, reason="continued"))
        await peer.wait_for(ReplyCancelled)
        await peer.publish(said(2, "I would like some tea."))
        await peer.wait_for(ReplyCommitted, count=2)
        assert [entry.said for entry in mind.history.entries] == ["I would like some tea."]


async def test_a_new_worker_knows_what_was_said():
    transcript = (Exchange(said="My dog is called Rex.", heard="A fine name.", language="en"),)
    async with mind_with(claimed=claim(transcript=transcript), scripted_reply="Yes.") as (mind, _):
        assert [(entry.said, entry.heard) for entry in mind.history.entries] == [
            ("My dog is called Rex.", "A fine name.")
        ]


async def test_an_engine_that_fails_is_apologised_for_and_reported():
    async def stream():
        raise RuntimeError("out of memory")
        yield ""

    async with mind_with(Engine(stream)) as (_, peer):
        await peer.publish(said(1, "Привіт", "uk"))
        done = await peer.wait_for(LlmDone)
        error = await peer.wait_for(ErrorRaised)
        spoken = peer.heard(LlmSentence)
        assert (done.finish, done.sentences) == ("error", 1)
        assert "Перепрошую" in spoken[0].text
        assert spoken[0].language == "uk"
        assert (error.code, error.turn, error.reply) == ("llm.engine", 1, 1)
        assert "out of memory" in error.message


async def test_an_engine_that_never_answers_is_given_up_at_the_deadline():
    async def stream():
        await asyncio.sleep(60)
        yield ""

    async with mind_with(Engine(stream), deadline_s=0.05) as (_, peer):
        await peer.publish(said(1))
        assert (await peer.wait_for(LlmDone)).finish == "error"
        assert "too long" in peer.heard(LlmSentence)[0].text
        assert (await peer.wait_for(ErrorRaised)).code == "llm.deadline"


async def test_a_slow_engine_is_left_to_the_deadline_not_to_the_watchdog_of_the_edge():
    async def stream():
        await asyncio.sleep(60)
        yield ""

    async with mind_with(Engine(stream), deadline_s=0.3) as (mind, peer):
        await peer.publish(said(1))
        await peer.wait_for(ReplyCommitted)
        await asyncio.sleep(0.1)
        assert mind._session.stalled_s == 0
        assert "too long" in (await peer.wait_for(LlmSentence)).text


async def test_an_engine_that_stops_in_the_middle_keeps_what_it_said():
    async def stream():
        yield "I was just about to"
        await asyncio.sleep(60)

    async with mind_with(Engine(stream), deadline_s=0.05) as (_, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmDone)
        assert [piece.text for piece in peer.heard(LlmSentence)] == [
            "I was just about to",
            "I am sorry, I have lost my thread there.",
        ]


@pytest.mark.parametrize("given", ["", "   ", "😀", "…"])
async def test_an_engine_with_nothing_to_say_is_not_met_with_silence(given):
    async def stream():
        yield given

    async with mind_with(Engine(stream)) as (_, peer):
        await peer.publish(said(1))
        assert (await peer.wait_for(LlmDone)).sentences == 1
        assert "sorry" in peer.heard(LlmSentence)[0].text


async def test_empty_pieces_do_not_end_a_reply():
    async def stream():
        for text in ("", "Yes, ", "", "", "I think so."):
            yield text

    async with mind_with(Engine(stream)) as (_, peer):
        await peer.publish(said(1))
        assert (await peer.wait_for(LlmDone)).finish == "stop"
        assert [piece.text for piece in peer.heard(LlmSentence)] == ["Yes, I think so."]


async def test_a_turn_cancelled_while_it_is_being_committed_ends_at_once():
    async with mind_with(**SLOW) as (mind, peer):
        await asyncio.gather(mind.on_turn(said(1)), mind.on_cancel(TurnCancel(turn=1, reason="barge_in")))
        await mind.on_turn(said(2))
        await peer.wait_for(LlmDelta, where=lambda delta: delta.reply == 2)
        after = peer.events[peer.events.index(peer.heard(ReplyCancelled)[0]) :]
        assert not [event for event in after if isinstance(event, LlmDelta | LlmSentence) and event.reply == 1]


async def test_the_mind_answers_the_turn_after_a_failure():
    fail = True

    async def stream():
        nonlocal fail
        if fail:
            fail = False
            raise RuntimeError("once")
        yield "Here I am again."

    async with mind_with(Engine(stream)) as (_, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmDone)
        await peer.publish(said(2))
        assert (await peer.wait_for(LlmDone, count=2)).finish == "stop"


async def test_an_endless_reply_ends_at_its_limit():
    async def stream():
        while True:
            yield "and so on "

    async with mind_with(Engine(stream), max_reply_chars=1_000) as (_, peer):
        await peer.publish(said(1))
        assert (await peer.wait_for(LlmDone)).finish == "length"
        assert len("".join(delta.text for delta in peer.heard(LlmDelta))) == 1_000


async def test_a_whole_reply_at_once_fits_into_events():
    async def stream():
        yield "слово " * 15_000

    async with mind_with(Engine(stream), max_reply_chars=100_000) as (_, peer):
        await peer.publish(said(1))
        assert (await peer.wait_for(LlmDone)).finish == "stop"
        assert sum(len(piece.text.split()) for piece in peer.heard(LlmSentence)) == 15_000
        assert max(len(piece.text) for piece in peer.heard(LlmSentence)) <= 300


async def test_one_thinker_never_runs_two_streams():
    async def stream():
        for _ in range(100):
            yield "word "
            await asyncio.sleep(0.001)

    engine = Engine(stream)
    async with mind_with(engine) as (_, peer):
        for turn in range(1, 21):
            await peer.publish(said(turn))
            await asyncio.sleep(0.002)
        await peer.wait_for(LlmDone)
        assert engine.most_running == 1
        assert [event.reply for event in peer.heard(ReplyCommitted)] == list(range(1, 21))
        assert [event.reply for event in peer.heard(ReplyCancelled)] == list(range(1, 20))
    assert engine.running == 0
    assert engine.closed


@pytest.mark.parametrize("text", ["😀😀😀", "مرحبا، كيف حالك؟", "שלום", "\u202e\u202eevil", "?!…", "слово " * 900])
async def test_a_strange_turn_gets_an_answer(text):
    async with mind_with() as (_, peer):
        await peer.publish(said(1, text))
        assert (await peer.wait_for(LlmDone)).finish == "stop"
        assert peer.heard(LlmSentence)


@pytest.mark.parametrize("text", ["", "   ", "\u200f\u200b"])
async def test_an_empty_turn_is_ignored_and_the_next_is_answered(text):
    async with mind_with(scripted_reply="Yes.") as (_, peer):
        await peer.publish(said(1, text))
        await peer.publish(said(2, "Hello"))
        assert (await peer.wait_for(LlmDone)).turn == 2
        assert len(peer.heard(ReplyCommitted)) == 1


async def test_a_turn_of_100_kilobytes_that_gets_past_the_codec_is_cut_for_the_engine():
    async def stream():
        yield "That was long."

    engine = Engine(stream)
    async with mind_with(engine) as (mind, peer):
        await mind.on_turn(said(1, "word " * 20_000))
        await peer.wait_for(LlmDone)
        assert len(engine.asked[0][-1].content) <= MAX_TURN_CHARS


def counted(name, **labels):
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_every_outcome_is_counted():
    async def stream():
        raise RuntimeError("broken")
        yield ""

    before = counted("avatar_llm_turns_ignored_total", outcome="empty")
    failed = counted("avatar_llm_replies_total", engine="faulty", outcome="error")
    async with mind_with(Engine(stream)) as (_, peer):
        await peer.publish(said(1, " "))
        await peer.publish(said(2))
        await peer.wait_for(LlmDone)
    assert counted("avatar_llm_turns_ignored_total", outcome="empty") == before + 1
    assert counted("avatar_llm_replies_total", engine="faulty", outcome="error") == failed + 1


async def test_the_time_to_the_first_words_is_measured():
    name = "avatar_llm_first_token_seconds"
    before = counted(f"{name}_count", engine="scripted"), counted(f"{name}_sum", engine="scripted")
    async with mind_with(scripted_reply="Yes.", first_token_ms=60) as (_, peer):
        await peer.publish(said(1))
        await peer.wait_for(LlmDone)
    assert counted(f"{name}_count", engine="scripted") == before[0] + 1
    assert counted(f"{name}_sum", engine="scripted") - before[1] >= 0.059


async def test_a_late_turn_is_ignored():
    async with mind_with(scripted_reply="Yes.") as (_, peer):
        await peer.publish(said(5))
        await peer.wait_for(LlmDone)
        await peer.publish(said(4))
        await peer.publish(said(6))
        await peer.wait_for(LlmDone, count=2)
        assert [event.turn for event in peer.heard(ReplyCommitted)] == [5, 6]


async def test_a_persona_of_the_session_plays(tmp_path):
    (tmp_path / "iryna.toml").write_text('name = "Iryna"\nsystem_prompt = "You are {name}."')
    claimed = claim(config=SessionConfig(persona="iryna"))
    async with mind_with(claimed=claimed, persona_dir=str(tmp_path)) as (_, peer):
        await peer.publish(said(1, "What is your name?"))
        await peer.wait_for(LlmDone)
        assert "Iryna" in " ".join(piece.text for piece in peer.heard(LlmSentence))


async def test_an_unknown_persona_is_reported_and_the_usual_one_answers(tmp_path):
    claimed = claim(config=SessionConfig(persona="nobody"))
    async with mind_with(claimed=claimed, persona_dir=str(tmp_path)) as (_, peer):
        await peer.publish(said(1, "What is your name?"))
        await peer.wait_for(LlmDone)
        await peer.publish(said(2, "What is your name?"))
        await peer.wait_for(LlmDone, count=2)
        (error,) = peer.heard(ErrorRaised)
        assert error.code == "llm.persona"
        assert "nobody.toml" in error.message
        assert "Alex" in " ".join(piece.text for piece in peer.heard(LlmSentence))
