"""Any order of what can happen to replies: nothing is heard that must not be, and what was heard is told exactly."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from avatar_contracts import LlmSentence, Word

FRAME = 32
WORD = 10 * FRAME
LEVEL = 8_000
GRACE_S = 0.0101
"""The fade; what is asked takes effect with the next block."""


def coded(reply, start, frames):
    """Sound whose signs tell its reply and place at any level: a plus, 12 bits of each, 7 that repeat the place."""
    numbers = start // FRAME + np.arange(frames)
    bits = [np.ones(frames, int)]
    bits += [np.full(frames, reply >> bit & 1) for bit in range(12)]
    bits += [numbers >> bit & 1 for bit in range(12)]
    bits += [numbers >> bit & 1 for bit in range(7)]
    return (np.stack(bits, axis=1).reshape(-1) * 2 - 1) * LEVEL


def decoded(sound):
    """Reply and place of every frame, None where it is silent."""
    heard = []
    for frame in sound.reshape(-1, FRAME):
        if not frame.any():
            heard.append(None)
            continue
        bits = (frame > 0).astype(int)
        reply, place = (int(bits[first : first + 12] @ (1 << np.arange(12))) for first in (1, 13))
        assert place % 128 == int(bits[25:] @ (1 << np.arange(7))), "two sounds at once, or one cut within a frame"
        heard.append((reply, place))
    return heard


class Replies(RuleBasedStateMachine):
    """A device that pulls while replies are drafted, committed, held, cancelled and lost; one turn for two replies."""

    def __init__(self, device):
        super().__init__()
        self.device = device(frame_wait_s=0.0, starve_s=0.3)
        self.made = {}
        self.closed = set()
        self.committed = {}
        self.dead = {}
        self.held = {}
        self.place = {}
        self.told = {}
        self.paused = set()
        self.over = set()
        self.next = 1

    @staticmethod
    def turn(reply):
        return (reply + 1) // 2

    def some_reply(self, data):
        """One of the last ones, mostly one that is not over yet."""
        alive = [reply for reply in self.made if reply not in self.dead and reply not in self.over]
        last = sorted(self.made)[-4:]
        return data.draw(st.sampled_from(sorted(set(last) | set(alive[-4:]))), label="reply")

    def bury(self, replies):
        for reply in replies:  # what is silent already has nothing to fade
            self.dead.setdefault(reply, self.device.now - (GRACE_S if reply in self.paused else 0.0))

    # --- what happens ------------------------------------------------------------------------------------------

    @rule(frames=st.integers(10, 600), interruptible=st.sampled_from([None, True, True, False]))
    def a_reply_begins(self, frames, interruptible):
        reply, self.next = self.next, self.next + 1
        self.made[reply] = 0
        self.a_chunk(reply, frames)
        if interruptible is not None:
            self.commit(reply, interruptible=interruptible)

    def commit(self, reply, *, interruptible):
        self.device.commit(reply, turn=self.turn(reply), interruptible=interruptible)
        self.committed.setdefault(reply, interruptible)

    def a_chunk(self, reply, frames):
        start = self.made[reply]
        count = frames * FRAME // WORD
        timed = tuple(Word(start + i * WORD, start + (i + 1) * WORD, 3 * i + 2) for i in range(count))
        text = " ".join(["ab"] * max(1, count))
        number = start // FRAME
        sentence = LlmSentence(turn=self.turn(reply), reply=reply, sentence=number, text=text, language="en")
        self.device.playout.sentence(sentence)
        self.device.chunk(
            reply,
            start,
            coded(reply, start, frames),
            turn=self.turn(reply),
            sentence=number,
            words=timed,
            last=True,
        )
        self.made[reply] = start + frames * FRAME

    @precondition(lambda self: self.made)
    @rule(data=st.data(), frames=st.integers(1, 600), lost=st.sampled_from([0, 0, 0, 20]))
    def a_chunk_comes(self, data, frames, lost):
        reply = self.some_reply(data)
        if reply not in self.closed and self.made[reply] < 3_000 * FRAME:
            self.made[reply] += lost * FRAME
            self.a_chunk(reply, frames)

    @precondition(lambda self: self.made)
    @rule(data=st.data(), interruptible=st.sampled_from([True, True, True, False]))
    def a_reply_is_committed(self, data, interruptible):
        reply = self.some_reply(data)
        self.commit(reply, interruptible=interruptible)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def everything_of_an_old_reply_comes_again(self, data):
        reply = data.draw(st.sampled_from(sorted(self.made)), label="reply")
        self.device.chunk(reply, 0, coded(reply, 0, 10), turn=self.turn(reply))
        self.commit(reply, interruptible=True)
        self.time_passes(2)

    @rule(
        before=st.integers(1, 100),
        interruptible=st.sampled_from([True, True, False]),
        blocks=st.integers(0, 20),
        then=st.sampled_from(["resume", "cancel", "cancel reply"]),
        after=st.integers(0, 20),
    )
    def the_person_speaks_over_it(self, before, interruptible, blocks, then, after):
        if not self.device.playout.busy:
            self.a_reply_begins(300, interruptible=interruptible)
        self.time_passes(before)
        turn, _ = self.device.playout.heard_now(self.device.now)
        if not turn:
            return
        self.hold(turn)
        self.time_passes(blocks)
        if then == "resume":
            self.resume(turn)
        elif then == "cancel":
            self.cancel_turn(turn)
        else:
            for reply in (2 * turn - 1, 2 * turn):
                self.device.playout.cancel(reply, "barge_in", self.device.now)
                self.bury([reply])
            self.resume(turn)
        self.time_passes(after)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def a_reply_is_done(self, data):
        reply = self.some_reply(data)
        self.closed.add(reply)
        self.device.done(reply, self.made[reply], turn=self.turn(reply))

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def a_reply_is_cancelled(self, data):
        reply = self.some_reply(data)
        self.device.playout.cancel(reply, "draft", self.device.now)
        self.bury([reply])

    @rule(blocks=st.integers(0, 10))
    def a_turn_is_taken_back_and_its_answer_comes_late(self, blocks):
        self.cancel_turn(self.turn(self.next))
        self.time_passes(blocks)
        self.a_reply_begins(20, interruptible=True)
        self.time_passes(2)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def a_turn_is_cancelled(self, data):
        self.cancel_turn(self.turn(self.some_reply(data)))

    def cancel_turn(self, turn):
        self.device.playout.cancel_turn(turn, "continued", self.device.now)
        self.bury([2 * turn - 1, 2 * turn])
        self.held.pop(turn, None)

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def a_turn_is_held(self, data):
        self.hold(self.turn(self.some_reply(data)))

    def hold(self, turn):
        self.device.playout.hold(turn, self.device.now)
        self.held.setdefault(turn, self.device.now)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_turn_goes_on(self, data):
        self.resume(data.draw(st.sampled_from(sorted(self.held)), label="turn"))

    def resume(self, turn):
        self.device.playout.resume(turn, self.device.now)
        self.held.pop(turn, None)

    @rule(action=st.sampled_from(["duck", "unduck"]))
    def the_level_changes(self, action):
        getattr(self.device.playout, action)(self.device.now)

    @rule(voiceless=st.booleans(), sure=st.booleans())
    def a_worker_dies(self, voiceless, sure):
        if not sure:
            return
        spare = () if voiceless else self.closed
        self.device.playout.break_off("it died", self.device.now, spare=spare)
        left = {reply for reply in self.closed if voiceless or reply in self.committed}
        if not voiceless:
            self.bury(set(self.made) - left)

    @rule(blocks=st.integers(1, 100))
    def time_passes(self, blocks):
        for _ in range(blocks):
            at = self.device.now
            self.device.run(0.01)
            for frame in decoded(self.device.heard[-1]):
                if frame is not None:
                    self.may_sound(frame[0], at)
                    self.place[frame[0]] = frame[1]
            self.follow()

    # --- what must hold ----------------------------------------------------------------------------------------

    def may_sound(self, reply, at):
        assert reply in self.committed
        assert at < self.dead.get(reply, np.inf) + GRACE_S
        if self.committed[reply]:
            assert at < self.held.get(self.turn(reply), np.inf) + GRACE_S

    def follow(self):
        """Every change and every progress goes with the sound."""
        for change in self.device.playout.changes(self.device.now):
            progress, reply = change.progress, change.progress.reply
            assert reply in self.committed
            assert reply not in self.over, "something happens to a reply that is over"
            if change.state == "held":
                self.paused.add(reply)
            elif change.state == "playing":
                assert reply in self.paused, "it goes on without having been held"
                self.paused.remove(reply)
                before = self.told[reply]
                assert before.played - 3 * 16_000 <= progress.played <= before.played
                assert (progress.sentence, progress.chars) >= (before.sentence, before.chars)
                self.told[reply] = progress
                continue
            self.tell(progress)
            if change.state in ("finished", "stopped"):
                self.over.add(reply)
                self.paused.discard(reply)
                if reply in self.place:  # what sounded last was the frame before `played`, or a hole
                    assert progress.played >= (self.place[reply] + 1) * FRAME
                else:
                    assert progress.played in (0, self.made[reply]) or progress.played < 21 * FRAME
        progress = self.device.playout.progress(self.device.now)
        if progress is not None:
            self.tell(progress)

    def tell(self, progress):
        before = self.told.get(progress.reply)
        if before is not None:
            assert progress.played >= before.played
            assert (progress.sentence, progress.chars) >= (before.sentence, before.chars)
        self.told[progress.reply] = progress

    @invariant()
    def it_is_bounded(self):
        playout = self.device.playout
        assert len(playout._replies) <= 8
        for track in playout._replies.in_order():
            assert track._tape.position - track._tape.oldest <= 3 * 16_000 + 600 * FRAME

    @invariant()
    def a_fixed_line_is_never_held(self):
        assert all(self.committed[reply] for reply in self.paused)

    def teardown(self):
        """Whatever happened, it ends in silence, ready for the next reply."""
        for turn in list(self.held):
            self.resume(turn)
        self.time_passes(round(sum(self.made.values()) / 160) + 35 * (len(self.made) + 1))
        assert not self.device.heard[-1].any()
        assert not self.device.playout.busy
        reply = self.next + 2
        self.made[reply] = 0
        self.a_chunk(reply, 10)
        self.commit(reply, interruptible=True)
        self.time_passes(5)
        assert self.place[reply] == 9


def test_no_sound_of_a_cancelled_or_uncommitted_reply_and_progress_is_what_was_heard(device):
    run_state_machine_as_test(
        lambda: Replies(device), settings=settings(max_examples=80, stateful_step_count=30, deadline=None)
    )
