"""The talk on virtual time: events of ears, mind and voice in; sound, progress and reports out."""

import asyncio

import numpy as np
import pytest

from avatar_contracts import (
    Ack,
    AsrPartial,
    LlmDelta,
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDeclined,
    ReplyProposed,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnStop,
    TurnText,
    TurnTyped,
    Word,
    codec,
    encode_control,
)
from avatar_edge import NothingProposed
from avatar_edge.dialogue import Dialogue
from avatar_edge.pairing import Pairing
from avatar_edge.player import Player
from avatar_edge.playout import Playout
from avatar_runtime.bus import CommandFailed
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session
from avatar_runtime.testing.sessions import Peer

pytestmark = pytest.mark.virtual_time

RATE = 16_000
LEVEL = 8_000
WORD = 6_400
ANSWER = "One two three, four five six seven eight nine ten."


class Speaker:
    """A loudspeaker on the loop's clock, in blocks of 10 ms."""

    rate = RATE

    def __init__(self):
        self.blocks = []

    def open(self, source):
        self.began_at = asyncio.get_running_loop().time()
        self.task = asyncio.create_task(self.play(source))

    async def play(self, source):
        while True:
            self.blocks.append(source(160, self.began_at + len(self.blocks) * 0.01))
            await asyncio.sleep(self.began_at + len(self.blocks) * 0.01 - asyncio.get_running_loop().time())

    def close(self):
        self.task.cancel()

    def level(self, at):
        """The loudest sample of the 10 ms after `at`."""
        return int(np.abs(self.blocks[round((at - self.began_at) * 100)]).max())


class Microphone:
    guard = False

    def voiced_end(self, heard, margin):
        return heard / RATE

    def guarded(self, sample):
        return self.guard


class Talk:
    def __init__(self):
        self.bus = MemoryBus()
        self.clock = asyncio.get_running_loop().time
        self.session = Session(self.bus, "abcdefgh12", "edge", epoch=1)
        self.peers = {kind: Peer(self.bus, "abcdefgh12", kind) for kind in ("asr", "llm", "tts")}
        self.asr, self.llm, self.tts = self.peers.values()
        self.pairing = Pairing(0.04)
        self.playout = Playout(RATE, frame_wait_s=0)
        self.mic, self.out = Microphone(), Speaker()
        self.missing = []
        self.dialogue = Dialogue(
            self.session,
            self.mic,
            self.playout,
            self.pairing,
            missing=lambda: self.missing,
            guarded=self.mic.guarded,
            clock=self.clock,
        )
        self.player = Player(self.session, self.bus, self.out, self.playout, self.dialogue.on_change, clock=self.clock)
        self.dialogue.player = self.player

    async def open(self):
        await self.session.start()
        for peer in self.peers.values():
            await peer.session.start()
        await self.player.start()
        self.session.spawn(self.keep_house(), "housekeeping")

    async def keep_house(self):
        while True:
            await asyncio.sleep(0.1)
            self.dialogue.give_up(15.0)

    async def close(self):
        self.player.close()
        await self.session.close()
        for peer in self.peers.values():
            await peer.session.close()

    async def wait(self, seconds):
        await asyncio.sleep(seconds)

    async def turn(self, turn=1, text="What time is it?", *, ended_s_ago=0.4, reason="smart_turn", **more):
        end = round((self.clock() - ended_s_ago) * RATE)
        await self.asr.publish(
            TurnText(turn=turn, text=text, language="en", end_reason=reason, speech_end=max(0, end), **more)
        )
        await asyncio.sleep(0)

    async def words(self, turn=1, reply=1, text=ANSWER, *, done=True):
        await self.llm.publish(LlmDelta(turn=turn, reply=reply, text=text))
        await self.llm.publish(LlmSentence(turn=turn, reply=reply, sentence=0, text=text, language="en"))
        if done:
            await self.llm.publish(LlmDone(turn=turn, reply=reply, sentences=1))

    async def sound(self, turn=1, reply=1, text=ANSWER, *, done=True):
        ends = [offset for offset, char in enumerate(text) if char in " ."]
        timed = tuple(Word(index * WORD, (index + 1) * WORD, end) for index, end in enumerate(ends))
        samples = len(ends) * WORD
        for start in range(0, samples, WORD):
            await self.tts.publish(
                TtsChunk(
                    turn=turn,
                    reply=reply,
                    sentence=0,
                    rate=RATE,
                    start=start,
                    pcm=np.full(WORD, LEVEL, np.int16).tobytes(),
                    words=tuple(word for word in timed if word.start == start),
                    last=start + WORD == samples,
                )
            )
        if done:
            await self.tts.publish(TtsDone(turn=turn, reply=reply, samples=samples))

    async def commit(self, turn=1, reply=1, **more):
        await self.llm.publish(ReplyCommitted(turn=turn, reply=reply, **more))

    async def answer(self, turn=1, reply=1, *, seconds=2.0, **more):
        """A turn and its answer, which has sounded for `seconds`."""
        await self.turn(turn)
        await self.commit(turn, reply, **more)
        await self.words(turn, reply)
        await self.sound(turn, reply)
        await asyncio.sleep(seconds)

    def hear(self, kind, peer=None):
        return [event for event in (peer or self.llm).events if isinstance(event, kind)]

    @property
    def reports(self):
        return list(self.dialogue.ledger.reports)


@pytest.fixture
async def talk():
    talk = Talk()
    await talk.open()
    yield talk
    await talk.close()


# --- ducking and holding ---------------------------------------------------------------------------------------


async def test_the_answer_grows_faint_at_a_voice_and_comes_back_when_it_was_nothing(talk):
    await talk.answer()
    at = talk.clock()
    await talk.asr.publish(SpeechStarted(turn=2, at=round(at * RATE)))
    await talk.wait(0.5)
    await talk.asr.publish(SpeechStopped(turn=2, at=round(at * RATE), discarded=True))
    await talk.wait(0.5)
    assert talk.out.level(at + 0.06) == round(LEVEL * 10 ** (-18 / 20))
    assert talk.out.level(at + 0.6) == LEVEL


@pytest.mark.parametrize("why", ["guarded", "repeat", "fixed"])
async def test_it_does_not_where_the_voice_proves_nothing_or_may_not_interrupt(talk, why):
    talk.mic.guard = why == "guarded"
    talk.dialogue.floor.ducks = why != "repeat"
    await talk.answer(interruptible=why != "fixed")
    at = talk.clock()
    await talk.asr.publish(SpeechStarted(turn=2, at=round(at * RATE)))
    await talk.wait(0.2)
    assert talk.out.level(at + 0.1) == LEVEL


async def test_a_held_answer_is_silent_at_once_told_every_100_ms_and_not_reported_as_interrupted(talk):
    await talk.answer()
    at = talk.clock()
    await talk.asr.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
    await talk.wait(0.5)
    assert talk.out.level(at + 0.02) == 0
    assert talk.out.level(at + 0.45) == 0
    await talk.asr.publish(SpeechOverlap(turn=1, state="resume", why="backchannel"))
    await talk.wait(4)
    (report,) = talk.reports
    assert (report.interrupted, report.resumes, report.reply, report.errors) == (False, 1, ANSWER, ())
    states = [event.state for event in talk.hear(PlaybackProgress)]
    held = states.count("held")
    first = states.index("held")
    assert 5 <= held <= 8
    assert states[first : first + held] == ["held"] * held
    assert states[0], states[-1] == ("started", "finished")
    told = talk.hear(PlaybackProgress)
    again = told[first + held]
    assert (again.state, again.played) == ("playing", 3 * WORD)  # the phrase began 0.8 s before
    assert again.chars == told[first].chars == len("One two three, four five")


async def test_what_is_held_before_it_began_begins_when_it_may(talk):
    await talk.turn()
    await talk.asr.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
    await talk.commit()
    await talk.words()
    await talk.sound()
    await talk.wait(0.5)
    assert talk.hear(PlaybackProgress) == []
    at = talk.clock()
    await talk.asr.publish(SpeechOverlap(turn=1, state="resume", why="noise"))
    await talk.wait(0.1)
    assert talk.out.level(at + 0.03) == LEVEL


@pytest.mark.parametrize("event", ["duck", "hold"])
async def test_when_the_ears_fall_silent_the_answer_comes_back_by_itself(talk, event):
    await talk.answer(seconds=0.5)
    at = talk.clock()
    if event == "duck":
        await talk.asr.publish(SpeechStarted(turn=2, at=0))
    else:
        await talk.asr.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
    await talk.wait(3)
    assert talk.out.level(at + 2.4) < LEVEL / 5
    assert talk.out.level(at + 2.6) == LEVEL


async def test_when_the_ears_are_lost_it_comes_back_at_once(talk):
    await talk.answer()
    at = talk.clock()
    await talk.asr.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
    await talk.wait(0.2)
    talk.dialogue.ears_lost()
    await talk.wait(0.2)
    assert talk.out.level(at + 0.25) == LEVEL


async def test_an_interruption_of_a_held_answer_ends_it_where_it_was_heard(talk):
    await talk.answer()
    await talk.asr.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
    await talk.wait(0.3)
    await talk.asr.publish(TurnCancel(turn=1, reason="barge_in"))
    await talk.wait(0.1)
    (report,) = talk.reports
    assert (report.interrupted, report.cancelled, report.resumes) == (True, "barge_in", 0)
    assert report.reply == "One two three, four five"
    (exchange,) = talk.dialogue.transcript()
    assert (exchange.heard, exchange.cut) == (report.reply, True)
    last = talk.hear(PlaybackProgress)[-1]
    assert (last.state, last.chars) == ("stopped", len(report.reply))
    assert not talk.playout.busy


# --- turns that are taken back, merged, declined ----------------------------------------------------------------


@pytest.mark.parametrize("reason", ["barge_in", "stop"])
async def test_a_turn_cancelled_before_there_is_an_answer_is_over_at_once(talk, reason):
    await talk.turn()
    await talk.asr.publish(TurnCancel(turn=1, reason=reason))
    await talk.wait(0.05)
    (report,) = talk.reports
    assert (report.cancelled, report.reply, report.interrupted, report.errors) == (reason, "", False, ())
    await talk.commit()
    await talk.sound()
    await talk.wait(0.5)
    assert talk.hear(PlaybackProgress) == []
    assert not talk.dialogue.ledger.thinking


async def test_a_turn_that_goes_on_is_one_turn_with_the_latency_of_its_own_end(talk):
    await talk.wait(1)
    await talk.turn(1, "I would like")
    await talk.commit(1, 1)
    await talk.words(1, 1)
    await talk.sound(1, 1)
    await talk.wait(0.1)
    await talk.asr.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
    await talk.wait(0.3)
    await talk.asr.publish(TurnCancel(turn=1, reason="continued"))
    await talk.wait(1)
    assert talk.reports == []
    assert not talk.dialogue.ledger.thinking
    await talk.turn(2, "I would like a coffee.", ended_s_ago=0.3, continues=1)
    await talk.commit(2, 2)
    await talk.words(2, 2)
    await talk.sound(2, 2)
    await talk.wait(6)
    (report,) = talk.reports
    assert (report.turn, report.heard, report.continues, report.interrupted) == (2, "I would like a coffee.", 1, False)
    assert report.first_audio_ms == pytest.approx(300, abs=25)
    assert [each.said for each in talk.dialogue.transcript()] == ["I would like a coffee."]


@pytest.mark.parametrize(("seconds", "remembered"), [(1.0, [("", "One two", True)]), (0.2, [])])
async def test_what_was_heard_in_answer_to_words_that_come_again_is_remembered(talk, seconds, remembered):
    await talk.answer(seconds=seconds)
    await talk.asr.publish(TurnCancel(turn=1, reason="continued"))
    await talk.wait(0.1)
    assert [(each.said, each.heard, each.cut) for each in talk.dialogue.transcript()] == remembered
    assert talk.reports == []


async def test_a_turn_whose_text_comes_after_it_was_taken_back_stays_taken_back(talk):
    await talk.asr.publish(TurnCancel(turn=1, reason="continued"))
    await talk.asr.publish(TurnCancel(turn=2, reason="stop"))
    await talk.turn(1)
    await talk.turn(2)
    await talk.wait(0.05)
    assert [(report.turn, report.cancelled) for report in talk.reports] == [(2, "stop")]


async def test_a_declined_turn_is_remembered_and_not_answered(talk):
    await talk.turn(1, "Anna, your turn.")
    await talk.llm.publish(ReplyDeclined(turn=1, reason="not_addressed"))
    await talk.wait(20)
    (report,) = talk.reports
    assert (report.declined, report.reply, report.errors) == ("not_addressed", "", ())
    assert [(each.said, each.heard) for each in talk.dialogue.transcript()] == [("Anna, your turn.", "")]


async def test_silence_asked_for_ends_what_waits_too(talk):
    await talk.answer(1, 1, interruptible=False)
    await talk.turn(2, "And then?")
    await talk.wait(0.1)
    await talk.asr.publish(TurnCancel(turn=2, reason="stop"))
    await talk.wait(0.1)
    assert [(report.turn, report.cancelled) for report in talk.reports] == [(2, "stop"), (1, "stop")]
    assert not talk.playout.busy


# --- thinking before the turn is over ---------------------------------------------------------------------------


async def test_a_draft_that_was_right_plays_at_the_commit_and_its_stages_stay_true(talk):
    await talk.wait(1)
    ended_at = talk.clock()
    await talk.wait(0.1)
    await talk.words(1, 1)
    await talk.sound(1, 1)
    await talk.wait(0.2)
    assert not any(block.any() for block in talk.out.blocks)
    await talk.asr.publish(
        TurnText(turn=1, text="Hi", language="en", end_reason="smart_turn", speech_end=round(ended_at * RATE))
    )
    await talk.wait(0.01)
    await talk.commit()
    await talk.wait(6)
    (report,) = talk.reports
    assert report.speculated
    assert report.first_audio_ms == pytest.approx(310, abs=21)
    stages = report.stages_ms
    assert stages["asr"] == pytest.approx(300, abs=1)
    assert (stages["llm_first_token"], stages["llm_first_sentence"], stages["tts"]) == (0, 0, 0)
    assert sum(stages[name] for name in ("asr", "playout")) == pytest.approx(stages["total"], abs=0.2)


async def test_of_a_draft_that_was_wrong_nothing_is_heard_and_the_turn_stays_open(talk):
    await talk.words(1, 1)
    await talk.sound(1, 1)
    await talk.turn()
    await talk.llm.publish(ReplyCancelled(turn=1, reply=1, reason="draft"))
    await talk.wait(0.1)
    await talk.commit(1, 1)  # late, or doubled
    await talk.wait(0.5)
    assert not any(block.any() for block in talk.out.blocks)
    assert talk.reports == []
    await talk.words(1, 2)
    await talk.commit(1, 2)
    await talk.sound(1, 2)
    await talk.wait(6)
    assert [(report.reply, report.speculated, report.errors) for report in talk.reports] == [(ANSWER, False, ())]


async def test_cancelling_a_draft_leaves_the_answer_that_plays_alone(talk):
    await talk.answer(1, 1, seconds=1)
    await talk.words(2, 2)
    await talk.sound(2, 2)
    await talk.llm.publish(ReplyCancelled(turn=2, reply=2, reason="draft"))
    await talk.wait(4)
    (report,) = talk.reports
    assert (report.reply, report.interrupted, report.speculated) == (ANSWER, False, False)


# --- proposals --------------------------------------------------------------------------------------------------


async def proposed(talk):
    await talk.turn()
    await talk.words()
    await talk.sound()
    await talk.llm.publish(ReplyProposed(turn=1, reply=1, text=ANSWER, language="en"))
    await talk.wait(40)


async def deciding(talk):
    """Somebody takes decisions; returns those taken."""
    decided, tasks = [], []

    def take(message):
        decided.append(codec.decode("reply.decision", message.data))
        tasks.append(asyncio.ensure_future(talk.bus.publish(message.reply, encode_control(Ack()))))

    await talk.bus.subscribe("av.abcdefgh12.reply.decision", take)
    return decided


async def test_a_proposed_answer_waits_as_long_as_the_person_does_and_is_then_spoken(talk):
    decided = await deciding(talk)
    await proposed(talk)
    assert talk.dialogue.commands.proposal.text == ANSWER
    assert not talk.dialogue.ledger.thinking
    assert talk.reports == []
    await talk.dialogue.commands.decide("speak", "")
    await talk.commit()
    await talk.wait(6)
    (report,) = talk.reports
    assert (report.reply, report.errors, report.cancelled) == (ANSWER, (), "")
    assert [(each.reply, each.action) for each in decided] == [(1, "speak")]
    with pytest.raises(NothingProposed, match="no answer waits"):
        await talk.dialogue.commands.decide("drop", "")


async def test_a_dropped_answer_ends_its_turn_and_an_edited_one_does_not(talk):
    await deciding(talk)
    await proposed(talk)
    await talk.dialogue.commands.decide("speak", "Two words.")
    await talk.llm.publish(ReplyCancelled(turn=1, reply=1, reason="dropped"))
    await talk.words(1, 2, "Two words.")
    await talk.commit(1, 2)
    await talk.sound(1, 2, "Two words.")
    await talk.wait(3)
    assert [report.reply for report in talk.reports] == ["Two words."]
    await talk.turn(2)
    await talk.llm.publish(ReplyProposed(turn=2, reply=3, text="No.", language="en"))
    await talk.wait(0.1)
    await talk.dialogue.commands.decide("drop", "")
    await talk.llm.publish(ReplyCancelled(turn=2, reply=3, reason="dropped"))
    await talk.wait(0.1)
    assert (talk.reports[-1].cancelled, talk.reports[-1].errors) == ("dropped", ())
    assert talk.dialogue.commands.proposal is None


async def test_a_proposal_a_newer_turn_supersedes_ends_with_its_turn(talk):
    await proposed(talk)
    await talk.llm.publish(ReplyCancelled(turn=1, reply=1, reason="superseded"))
    await talk.wait(0.05)
    assert [report.cancelled for report in talk.reports] == ["superseded"]
    assert talk.dialogue.commands.proposal is None


async def test_a_decision_nobody_takes_leaves_the_proposal(talk):
    await proposed(talk)
    with pytest.raises(CommandFailed):
        await talk.dialogue.commands.decide("speak", "")
    await talk.wait(20)
    assert talk.dialogue.commands.proposal is not None
    assert talk.reports == []


# --- workers that are gone --------------------------------------------------------------------------------------


async def test_a_turn_whose_mind_is_lost_is_handed_to_the_next_one_and_answered(talk):
    await talk.turn(1, "First?")
    await talk.turn(2, "Second?")
    await talk.commit(2, 1)
    await talk.words(2, 1, done=False)
    await talk.sound(2, 1, done=False)
    talk.playout.hold(2, talk.clock())  # all but audible
    talk.missing = ["llm"]
    await talk.dialogue.break_off("the mind died")
    pending = talk.dialogue.pending()
    assert (pending.turn, pending.text, pending.language) == (2, "Second?", "en")
    assert talk.dialogue.ledger.floors("llm") == (2, 17)
    await talk.wait(3)
    talk.missing = []
    talk.playout.resume(2, talk.clock())
    talk.llm.session.epoch = 2
    await talk.commit(2, 18)
    await talk.words(2, 18)
    await talk.sound(2, 18)
    await talk.wait(6)
    assert [(report.turn, report.reply, report.errors) for report in talk.reports] == [(1, "", ()), (2, ANSWER, ())]
    assert talk.dialogue.pending() is None


async def test_what_the_lost_mind_had_written_in_full_is_still_spoken(talk):
    await talk.turn()
    await talk.commit()
    await talk.words()
    await talk.wait(0.01)
    talk.missing = ["llm"]
    await talk.dialogue.break_off("the mind died")
    assert talk.dialogue.pending() is None
    await talk.sound()
    await talk.wait(6)
    assert [(report.reply, report.errors) for report in talk.reports] == [(ANSWER, ())]


async def test_an_answer_cut_by_the_loss_of_its_mind_ends_with_what_was_heard(talk):
    await talk.turn()
    await talk.commit()
    await talk.words(done=False)
    await talk.sound(done=False)
    await talk.wait(1.0)
    talk.missing = ["llm"]
    await talk.dialogue.break_off("the mind died")
    (report,) = talk.reports
    assert (report.reply, report.interrupted) == ("One two", True)
    assert "the mind died" in report.errors[0]
    assert talk.dialogue.pending() is None


async def test_without_any_mind_a_turn_fails_a_second_after_the_answer_is_due(talk):
    talk.missing = ["llm"]
    await talk.turn()
    await talk.wait(5.5)
    assert talk.reports == []
    await talk.wait(0.7)
    (report,) = talk.reports
    assert report.errors == ("there is no llm worker (mind) to answer with",)


async def test_a_proposal_is_lost_with_its_mind_and_its_turn_answered_by_the_next(talk):
    await proposed(talk)
    talk.missing = ["llm"]
    await talk.dialogue.break_off("the mind died")
    assert talk.dialogue.commands.proposal is None
    assert talk.dialogue.pending().turn == 1
    await talk.wait(5)
    assert talk.reports == []


async def test_without_a_voice_the_answer_is_shown(talk):
    talk.missing = ["tts"]
    await talk.turn()
    await talk.commit()
    await talk.words()
    await talk.wait(0.1)
    (report,) = talk.reports
    assert (report.reply, report.text) == ("", ANSWER)
    assert report.errors == ("there is no tts worker (voice) to speak the answer",)


async def test_a_draft_whose_voice_is_lost_fails_when_it_is_committed(talk):
    await talk.words(done=False)
    await talk.sound(done=False)
    talk.missing = ["tts"]
    await talk.dialogue.break_off("the voice died")
    talk.missing = []
    await talk.turn()
    await talk.commit()
    await talk.wait(0.1)
    (report,) = talk.reports
    assert report.errors == ("its answer was lost before it could be spoken",)
    assert report.text == ANSWER


async def test_a_turn_may_wait_while_something_else_is_played(talk):
    await talk.turn(1)
    await talk.commit(1, 1, interruptible=False)
    text = " ".join(["word"] * 60) + "."
    await talk.words(1, 1, text)
    await talk.sound(1, 1, text)  # 24 s
    await talk.turn(2, "And then?")
    await talk.wait(30)
    assert [report.errors for report in talk.reports] == [()]
    await talk.commit(2, 2)
    await talk.words(2, 2)
    await talk.sound(2, 2)
    await talk.wait(6)
    assert [report.errors for report in talk.reports] == [(), ()]


async def test_turns_a_mind_passed_over_end_when_it_answers_a_newer_one(talk):
    await talk.turn(1)
    await talk.turn(2)
    await talk.commit(2, 1)
    await talk.wait(0.05)
    assert [(report.turn, report.cancelled, report.errors) for report in talk.reports] == [(1, "superseded", ())]


# --- what is asked by key ---------------------------------------------------------------------------------------


async def test_silence_is_kept_also_without_ears_to_pass_it_on(talk):
    await talk.answer()
    with pytest.raises(CommandFailed):
        await talk.dialogue.commands.stop()
    await talk.wait(0.1)
    (report,) = talk.reports
    assert (report.cancelled, report.interrupted) == ("stop", True)
    assert [type(event) for event in talk.asr.events if isinstance(event, TurnStop)][:1] == [TurnStop]


async def test_a_line_to_be_spoken_is_sent_as_it_is(talk):
    with pytest.raises(CommandFailed):
        await talk.dialogue.commands.type("I am a clone.", verbatim=True, interruptible=False)
    line = talk.hear(TurnTyped, talk.asr)[0]
    assert (line.text, line.verbatim, line.interruptible) == ("I am a clone.", True, False)
    await talk.turn(1, "I am a clone.", reason="typed", verbatim=True, interruptible=False)
    await talk.commit(interruptible=False)
    await talk.sound()
    await talk.wait(6)
    assert talk.reports[0].verbatim
    assert [(each.said, each.cut) for each in talk.dialogue.transcript()] == [("", False)]


async def test_captions_show_both_sides(talk):
    await talk.asr.publish(SpeechStarted(turn=1, at=0))
    await talk.asr.publish(AsrPartial(turn=1, text="what ti"))
    await talk.wait(0.01)
    assert (talk.dialogue.captions, talk.dialogue.saying) == ("what ti", "")
    await talk.answer(seconds=0.5)
    assert (talk.dialogue.captions, talk.dialogue.saying) == ("", ANSWER)
    await talk.wait(6)
    assert talk.dialogue.saying == ""


async def test_the_pictures_of_a_held_answer_are_dropped_and_shown_again(talk):
    await talk.answer()
    await talk.asr.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
    await talk.wait(0.1)
    assert talk.pairing._held == 1
    await talk.asr.publish(SpeechOverlap(turn=1, state="resume", why="noise"))
    await talk.wait(0.1)
    assert talk.pairing._held == 0
