"""Drafts, holds, rewinds and cancels in any order: what must be true of the picture all the while."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from avatar_contracts import TtsChunk, Viseme
from avatar_face.controls import REST
from avatar_face.idle import Idle
from avatar_face.timeline import AHEAD_S, MOST_REPLIES, PREROLL, Timeline

RATE = 16_000
STEP_S = 0.01
REPORT_S = 0.08
FRAME_S = 0.04
_VOWEL = (8000 * np.sign(np.sin(2 * np.pi * 130 * np.arange(2 * RATE) / RATE))).astype("<i2").tobytes()

pieces = st.floats(0.1, 0.9)
choice = st.integers(0, 10_000)


@dataclass
class Said:
    """A reply as the rest of the session knows it."""

    reply: int
    turn: int
    chunks: list[TtsChunk] = field(default_factory=list)
    state: str = "draft"  # draft, playing, held, over
    done: bool = False
    at: float = 0.0
    moving_since: float = 0.0
    waiting: list[int] = field(default_factory=list)  # pts of frames the edge has not shown
    newest_pts: int = -1

    @property
    def length_s(self) -> float:
        return sum(len(chunk.pcm) // 2 for chunk in self.chunks) / RATE


class Conversation(RuleBasedStateMachine):
    """An edge that plays truthfully, and everything that may happen around it."""

    @initialize(seed=st.integers(0, 50))
    def begin(self, seed: int) -> None:
        self.now = 0.0
        self.timeline = Timeline(Idle(seed), 25, 0.0)
        self.said: dict[int, Said] = {}
        self.turn = 1
        self.silent_since = 0.0
        self.fresh_at = 0.0
        self.reported_at = 0.0
        self.newest_pts = -1

    # --- the world ---------------------------------------------------------------------------------------------

    @property
    def sounding(self) -> Said | None:
        return next((said for said in self.said.values() if said.state == "playing"), None)

    def alive(self, *states: str) -> list[Said]:
        return [said for said in self.said.values() if said.state in states]

    def report(self, said: Said, state: str) -> None:
        self.timeline.progress(said.reply, state, said.at, self.now)
        self.reported_at = self.now

    def end(self, said: Said) -> None:
        if said is self.sounding:
            self.silent_since = self.now
        said.state = "over"

    def speak(self, said: Said, seconds: float) -> None:
        start = round(said.length_s * RATE)
        pcm = _VOWEL[: 2 * int(seconds * RATE)]
        chunk = TtsChunk(
            turn=said.turn,
            reply=said.reply,
            sentence=0,
            rate=RATE,
            start=start,
            pcm=pcm,
            visemes=(Viseme(start, "aa"),),
        )
        said.chunks.append(chunk)
        self.timeline.chunk(chunk, self.now)

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.now += STEP_S
            said = self.sounding
            if said is not None:
                self.play(said)
            while (shot := self.timeline.shot(self.now)) is not None:
                self.take(shot)
            assert self.timeline.due(self.now) >= self.now
            self.show(self.sounding)
            assert self.now - self.fresh_at <= 0.13, "the picture stands still"

    def play(self, said: Said) -> None:
        before = said.at
        said.at = min(said.at + STEP_S, said.length_s)
        if said.at == before:
            said.moving_since = self.now
        if said.done and said.at >= said.length_s:
            self.report(said, "finished")
            self.silent_since = self.now
            said.state = "closing"
        elif self.now - self.reported_at >= REPORT_S:
            self.report(said, "playing")

    def take(self, shot) -> None:
        """The edge gets a frame."""
        if shot.reply == 0:
            assert shot.pts > self.newest_pts
            self.newest_pts = shot.pts
            self.fresh_at = self.now
            if self.sounding is None and self.now - self.silent_since > 0.12 + STEP_S:
                assert shot.mouth == REST, "the mouth is open and nothing sounds"
            return
        said = self.said[shot.reply]
        assert said.state not in ("over", "held"), "a frame of what is not to be seen"
        if said.state == "draft":
            assert shot.pts < PREROLL * FRAME_S * RATE
            if shot.pts == 0:  # drawn anew
                said.waiting, said.newest_pts = [], -1
        else:
            assert shot.pts / RATE <= said.at + AHEAD_S + REPORT_S + FRAME_S + STEP_S
        assert shot.pts > said.newest_pts, "a frame came twice"
        said.newest_pts = shot.pts
        said.waiting.append(shot.pts)

    def show(self, said: Said | None) -> None:
        """What is due at the playhead is seen."""
        for closing in self.alive("closing"):  # the edge's clock runs on for the frames in which the mouth shuts
            closing.at += STEP_S
            if closing.at > closing.length_s + 0.3:
                closing.state = "over"
        for shown in self.alive("closing", "playing"):
            while shown.waiting and shown.waiting[0] / RATE <= shown.at + FRAME_S / 2:
                newest = shown.waiting.pop(0)
                self.fresh_at = self.now
                if shown is said and self.now - said.moving_since > 0.3:
                    assert abs(newest / RATE - said.at) <= FRAME_S + STEP_S, "the lips are not in step"

    # --- what happens ------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.alive("draft", "playing", "held", "closing")) < MOST_REPLIES)
    @rule(new_turn=st.booleans(), seconds=pieces)
    def draft(self, new_turn: bool, seconds: float) -> None:
        self.turn += new_turn
        said = Said(max(self.said, default=0) + 1, self.turn)
        self.said[said.reply] = said
        self.speak(said, seconds)
        self.advance(0.02)

    @precondition(lambda self: any(not said.done for said in self.alive("draft", "playing", "held")))
    @rule(which=choice, seconds=pieces, last=st.booleans())
    def more(self, which: int, seconds: float, last: bool) -> None:
        live = [said for said in self.alive("draft", "playing", "held") if not said.done]
        said = live[which % len(live)]
        self.speak(said, seconds)
        if last:
            said.done = True
            self.timeline.done(said.reply, round(said.length_s * RATE))

    @precondition(lambda self: self.said)
    @rule(which=choice, late=choice)
    def chunk_again(self, which: int, late: int) -> None:
        """A duplicate, or one that was under way when its reply ended."""
        said = list(self.said.values())[which % len(self.said)]
        if said.state != "closing":
            self.timeline.chunk(said.chunks[late % len(said.chunks)], self.now)

    @precondition(lambda self: self.alive("draft") and not self.alive("playing", "held", "closing"))
    @rule(which=choice)
    def start(self, which: int) -> None:
        drafts = self.alive("draft")
        said = drafts[which % len(drafts)]
        said.state, said.moving_since = "playing", self.now
        self.report(said, "started")
        self.advance(0.1)

    @rule(seconds=st.floats(0.02, 0.8))
    def wait(self, seconds: float) -> None:
        self.advance(seconds)

    @precondition(lambda self: self.sounding)
    @rule()
    def hold(self) -> None:
        said = self.sounding
        assert said is not None
        said.state, said.waiting = "held", []
        self.silent_since = self.now
        self.report(said, "held")

    @precondition(lambda self: self.alive("held"))
    @rule(rewind_s=st.floats(0.0, 1.5))
    def resume(self, rewind_s: float) -> None:
        (said,) = self.alive("held")
        said.at = max(0.0, said.at - rewind_s)
        said.state, said.moving_since, said.newest_pts = "playing", self.now, -1
        self.report(said, "playing")
        self.advance(0.1)

    @precondition(lambda self: self.alive("playing", "held"))
    @rule()
    def stop(self) -> None:
        (said,) = self.alive("playing", "held")
        self.end(said)
        self.report(said, "stopped")

    @precondition(lambda self: self.alive("draft", "playing", "held"))
    @rule(which=choice)
    def cancel(self, which: int) -> None:
        live = self.alive("draft", "playing", "held")
        said = live[which % len(live)]
        self.end(said)
        self.timeline.cancel_reply(said.reply, self.now)

    @rule(back=st.integers(0, 2))
    def cancel_turn(self, back: int) -> None:
        turn = self.turn - back
        for said in self.alive("draft", "playing", "held", "closing"):
            if said.turn == turn:
                self.end(said)
        self.turn = max(self.turn, turn + 1)
        self.timeline.cancel_turn(turn, self.now)

    def teardown(self) -> None:
        """Whatever happened: a reply that comes now is shown whole."""
        if not hasattr(self, "timeline"):
            return
        for said in self.alive("draft", "playing", "held", "closing"):
            self.end(said)
            self.timeline.cancel_reply(said.reply, self.now)
        self.advance(0.5)
        self.turn += 1
        self.draft(new_turn=True, seconds=0.9)
        said = self.said[max(self.said)]
        self.more(0, 0.5, last=True)
        self.start(0)
        self.advance(2.0)
        assert said.state == "over"
        assert said.newest_pts == round((np.ceil(said.length_s * 25) + 2) * FRAME_S * RATE)


Conversation.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestConversation = Conversation.TestCase
