"""Whatever happens in whatever order: no dead word, a true history, growing numbers, short queues, and listening."""

import asyncio
import random

import pytest
from conversation.checks import queues_are_short
from conversation.minds import spelt
from conversation.talk import Talk
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from avatar_contracts import (
    LlmSentence,
    ReplyCancelled,
    ReplyCommitted,
    SpeechOverlap,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnDraft,
    TurnText,
)
from avatar_runtime.testing.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.timeout(120)

LINES = ("what is the weather", "tell me about the old", "wait stop please", "yes", "in London tomorrow")
WORDS = ("wait", "stop", "tell me", "how old", "but what about")
DOUBLED = (TtsChunk, TtsDone, TurnText, TurnCancel, TurnDraft, LlmSentence, ReplyCommitted, ReplyCancelled)


class AnyConversation(RuleBasedStateMachine):
    """Everybody may do anything at any time."""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.talk = None
        self.late_s = 0.0

    def do(self, work):
        async def step():
            await work
            queues_are_short(self.talk, most=50)

        self.runner.run(step())

    @initialize(speculate=st.booleans(), patience=st.sampled_from(["eager", "balanced", "patient"]))
    def begin(self, speculate, patience):
        self.talk = Talk(speculate=speculate, patience=patience)
        self.talk.expected_errors = ["asr.lost", "llm.lost", "tts.", "llm."]
        self.runner.run(self.talk.begin())

    @rule(line=st.sampled_from(LINES), over=st.sampled_from([0.1, 0.55, 0.95]))
    def speak(self, line, over):
        self.do(self.talk.says(line, over=over))

    @rule(seconds=st.sampled_from([0.05, 0.15, 0.3, 0.7, 1.5, 4.0]))
    def pause(self, seconds):
        self.do(self.talk.wait(seconds))

    @rule()
    def hum(self):
        self.do(self.talk.hums())

    @rule(length_s=st.sampled_from([0.1, 0.3, 0.6, 1.2]))
    def make_noise(self, length_s):
        self.do(self.talk.clatters(length_s))

    @rule()
    def press_stop(self):
        self.do(self.talk.presses_stop())

    @rule()
    def type_a_line(self):
        self.do(self.talk.types("how old are you"))

    @rule(reason=st.sampled_from(["continued", "barge_in", "stop"]))
    def cancel(self, reason):
        """The ears take the newest turn back, for no reason anybody can see."""
        turns = self.talk.texts()
        if turns:
            self.do(self.talk.stage.session_of("asr").publish(TurnCancel(turn=turns[-1].turn, reason=reason)))

    @rule(state=st.sampled_from(["hold", "resume"]))
    def overlap(self, state):
        """The ears hold or resume, out of the blue."""
        turns = self.talk.texts()
        if turns:
            self.do(self.talk.stage.session_of("asr").publish(SpeechOverlap(turn=turns[-1].turn, state=state)))

    @rule(by=st.sampled_from([0.1, 0.6]))
    def delay_chunks(self, by):
        """From now on sound comes later. Never sooner again: that would lose some, of which the mind knows nothing."""
        self.late_s = max(self.late_s, by)
        self.talk.wire.heal()
        self.talk.wire.delay(TtsChunk, by=self.late_s)

    @rule(mode=st.sampled_from(["converse", "repeat", "typed", "draft"]))
    def switch(self, mode):
        self.do(self.talk.switches(mode=mode))

    @rule(interruptible=st.booleans())
    def have_spoken(self, interruptible):
        self.do(self.talk.has_spoken("Good evening to you all and welcome.", interruptible=interruptible))

    @rule(action=st.sampled_from(["speak", "drop"]), text=st.sampled_from(["", "It will rain."]))
    def decide(self, action, text):
        if self.talk.stage.proposal is not None:
            self.do(self.talk.decides(action, text))

    @rule(kind=st.sampled_from(DOUBLED))
    def send_again(self, kind):
        """All that was ever sent of a kind comes once more."""

        async def again():
            self.talk.wire.replay(kind)
            await self.talk.wait(0.05)

        self.do(again())

    @rule(kind=st.sampled_from(["asr", "llm", "tts"]))
    def die(self, kind):
        self.talk.forgetful = True
        self.do(self.talk.stage.kill(kind))

    def teardown(self):
        try:
            if self.talk is not None:
                self.do(self.talk.drops_what_waits())
                self.runner.run(self.talk.end())
        finally:
            self.runner.close()


TestAnyConversation = AnyConversation.TestCase
TestAnyConversation.settings = settings(
    max_examples=30,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("hundred", range(5))
async def test_in_500_interruptions_no_chunk_of_a_dead_reply_is_heard(begin, hundred):
    """At any moment of an answer, with any words; the checks at the end look at every sample that was played."""
    dice = random.Random(hundred)
    talk = await begin(patience=("eager", "balanced")[hundred % 2])
    talk.stage.out.block_s = 0.02
    talk.mind.numbered = True
    await talk.says(talk.say.question)
    for count in range(100):
        await talk.until("an answer sounds", lambda: talk.stage.playout.busy)
        await talk.wait(dice.uniform(0.02, 1.8))
        turns = len(talk.texts())
        await talk.says(f"{dice.choice(WORDS)} {spelt(count)} please", word_s=0.16)
        await talk.until("the turn ends", lambda turns=turns: len(talk.texts()) > turns)
    await talk.settles()
    assert len(talk.texts()) > 100
    assert len(talk.committed()) > 100
