"""Whatever comes, in whatever order: what the mind promises holds."""

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_contracts import (
    ErrorRaised,
    LlmDone,
    LlmSentence,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDecision,
    ReplyProposed,
)
from avatar_runtime.testing import virtual_time

TEXTS = ("Tell me", "Tell me a story.", "Alex, tell me a story.", "Why?", "Yes.")
REPLIES = st.integers(0, 3)
TURNS = st.integers(-1, 2)
"""Relative to the newest: late ones, the present one, and some nobody has heard of yet."""

PLAYS = st.tuples(
    st.just("play"),
    st.sampled_from([0, 0, 1, 2]),
    st.sampled_from(["started", "playing", "playing", "held", "finished", "stopped"]),
    st.integers(0, 4),
    st.integers(0, 40),
    st.sampled_from([0.0, 0.2, 2.0]),
)
STEPS = st.one_of(
    st.tuples(st.just("draft"), TURNS, st.sampled_from(TEXTS), st.integers(1, 3)),
    st.tuples(st.just("say"), TURNS, st.sampled_from(TEXTS), st.sampled_from(["", "", "", "typed", "line", "fixed"])),
    st.tuples(st.just("continue"), st.sampled_from(TEXTS)),
    st.tuples(st.just("cancel"), TURNS, st.sampled_from(["continued", "barge_in", "stop"])),
    PLAYS,
    PLAYS,
    st.tuples(st.just("choose"), st.sampled_from(["converse", "converse", "repeat", "draft"])),
    st.tuples(st.just("respond"), st.sampled_from(["always", "always", "addressed", "never"])),
    st.tuples(st.just("decide"), REPLIES, st.sampled_from(["speak", "drop"]), st.sampled_from(["", "Edited. Twice."])),
    st.tuples(st.just("wait"), st.sampled_from([0.01, 0.1, 0.5, 3.0, 12.0])),
    st.tuples(st.just("again")),
)


class Walk:
    """Takes random steps and remembers what must follow from them."""

    def __init__(self, talk):
        self.talk = talk
        self.newest = 0
        self.taken_back = set()
        self.typed = set()
        self.places = {}  # reply → how far it was heard at most, and whether it was finished
        self.last = None

    async def step(self, step):
        if step[0] == "again":
            step = self.last
        if step is None:
            return
        self.last = step
        await getattr(self, f"_{step[0]}")(*step[1:])

    async def _draft(self, ahead, text, revision):
        await self.talk.draft(max(self.newest + ahead, 1), text, revision)

    async def _say(self, ahead, text, kind):
        turn = max(self.newest + ahead, 1)
        self.newest = max(self.newest, turn)
        more = {"": {}, "typed": {"end_reason": "typed"}, "line": {"verbatim": True}}
        if kind == "typed":
            self.typed.add(turn)
        more["fixed"] = {"verbatim": True, "interruptible": False}
        await self.talk.say(turn, text, **more[kind])

    async def _continue(self, text):
        if self.newest:
            self.taken_back.add(self.newest)
            await self.talk.cancel(self.newest, "continued")
            self.newest += 1
            await self.talk.say(self.newest, text, continues=self.newest - 1)

    async def _cancel(self, ahead, reason):
        turn = max(self.newest + ahead, 1)
        if reason == "continued":
            self.taken_back.add(turn)
        await self.talk.cancel(turn, reason)

    async def _play(self, ago, state, sentence, chars, played_s):
        committed = [event.reply for event in self.talk.heard(ReplyCommitted)]
        if len(committed) > ago:
            reply = committed[-1 - ago]
            spoken = self.talk.heard(LlmSentence, reply)
            sentence = min(sentence, len(spoken))
            chars = min(chars, len(spoken[sentence].text)) if sentence < len(spoken) else 0
            place, whole, longest_s = self.places.get(reply, ((0, 0), False, 0.0))
            self.places[reply] = (
                max(place, (sentence, chars)),
                whole or (state == "finished" and played_s > 0),
                max(longest_s, played_s),
            )
            await self.talk.play(state, reply, sentence, chars, played_s)

    async def _choose(self, mode):
        await self.talk.choose(mode=mode)

    async def _respond(self, respond):
        await self.talk.choose(respond=respond)

    async def _decide(self, ago, action, text):
        proposed = [event.reply for event in self.talk.heard(ReplyProposed)]
        if len(proposed) > ago:
            await self.talk.peer.publish(ReplyDecision(reply=proposed[-1 - ago], action=action, text=text))
            await asyncio.sleep(0.001)

    async def _wait(self, seconds):
        await asyncio.sleep(seconds)

    # --- what must hold ------------------------------------------------------------------------------------------

    def check(self):
        talk = self.talk
        committed = [event.reply for event in talk.heard(ReplyCommitted)]
        turns = [event.turn for event in talk.heard(ReplyCommitted)]
        assert all(one < other for one, other in pairwise(committed)), committed
        assert all(one < other for one, other in pairwise(turns)), turns
        assert talk.late_words() == []
        assert talk.engine.most_running <= 1
        assert [error.code for error in talk.heard(ErrorRaised) if not error.code.startswith("llm.")] == []
        self._one_at_a_time()
        for entry in talk.mind.history.entries:
            assert entry.turn not in self.taken_back - self.typed or not entry.said
            if entry.reply:
                assert entry.heard == self._heard(entry), entry

    def _one_at_a_time(self):
        """Nothing is committed after it was cancelled, and little is made of what is not committed."""
        committed, cancelled, ahead = set(), set(), {}
        for event in self.talk.peer.events:
            if isinstance(event, ReplyCommitted):
                assert event.reply not in cancelled
                committed.add(event.reply)
            elif isinstance(event, ReplyCancelled):
                assert event.reply not in cancelled
                cancelled.add(event.reply)
            elif isinstance(event, LlmDone):
                assert event.reply in committed - cancelled
            elif isinstance(event, LlmSentence) and event.reply not in committed:
                ahead[event.reply] = ahead.get(event.reply, 0) + 1
                assert ahead[event.reply] <= 2

    def _heard(self, entry):
        """The words up to the furthest place that was played, counted word by word."""
        (sentence, chars), whole, longest_s = self.places.get(entry.reply, ((0, 0), False, 0.0))
        if entry.taken_back and longest_s < 0.3:
            return ""
        sentences = [piece.text for piece in self.talk.heard(LlmSentence, entry.reply)]
        if whole:
            return " ".join(sentences)
        words = [word for piece in sentences[:sentence] for word in piece.split()]
        at = 0
        for word in sentences[sentence].split() if sentence < len(sentences) else ():
            bare = word.rstrip(".,!?")
            if chars < at + len(bare):
                break
            words.append(word[: chars - at])
            at += len(word) + 1
        return " ".join(words)


@settings(max_examples=100)
@given(st.lists(STEPS, max_size=30))
def test_no_order_of_events_breaks_a_promise(talking, steps):
    async def walk():
        async with talking() as talk:
            walk = Walk(talk)
            await walk.step(("say", 1, "Tell me a story.", ""))
            await walk.step(("wait", 1.0))
            for step in steps:
                await walk.step(step)
                walk.check()
            await asyncio.sleep(60)
            walk.check()
            assert talk.engine.running == 0
            assert not talk.mind._waiting
            assert talk.mind._speculation.guess is None

    virtual_time.run(walk())
