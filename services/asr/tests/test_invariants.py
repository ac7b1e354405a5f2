"""Whatever is heard, said, typed, played and chosen, in any order: what must always hold."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_asr.actions import Cancel, Draft, Final, Overlap, Started, Stopped

pytestmark = pytest.mark.timeout(180)

S = 16_000
FRAME = 512
LIMIT_FRAMES = 2 * S // FRAME + 2

sounds = st.tuples(st.just("frames"), st.integers(1, 50), st.sampled_from([0.02, 0.02, 0.55, 0.75, 0.97, 0.97]))
quiet_voice = st.tuples(st.just("hang"), st.integers(1, 12))
plays = st.tuples(st.just("plays"), st.integers(-3, -1), st.sampled_from(["started", "playing", "held", "finished"]))
commits = st.tuples(st.just("committed"), st.integers(-3, -1), st.booleans())
others = st.one_of(
    st.tuples(st.just("text"), st.sampled_from([None, None, None, "", "mhm", "stop", "more and", "you"])),
    st.tuples(st.just("alike"), st.sampled_from([0.0, 0.9, None])),
    st.tuples(st.just("complete"), st.sampled_from([0.1, 0.9, None])),
    st.tuples(st.just("decode_s"), st.sampled_from([0.0, 0.08, 0.5, 2.5])),
    st.tuples(st.just("guard"), st.booleans()),
    st.tuples(st.just("unanswered"), st.integers(-3, -1)),
    st.tuples(st.just("typed")),
    st.tuples(st.just("stop")),
    st.tuples(st.just("mode"), st.sampled_from(["converse", "repeat", "typed", "draft"])),
    st.tuples(st.just("restart"), st.integers(-5 * S, 5 * S)),
)
# A turn and the beginning of its answer, so that voices often meet one.
lengths = (st.integers(10, 40), st.integers(10, 35), st.integers(0, 60))
exchanges = st.tuples(*lengths, st.booleans()).map(
    lambda given: [
        ("frames", given[0], 0.97),
        ("frames", given[1], 0.02),
        *([("plays", -1, "started")] if given[3] else []),
        ("frames", given[2], 0.02),
    ]
)
single = st.one_of(sounds, sounds, quiet_voice, plays, commits, others).map(lambda step: [step])
stories = st.lists(st.one_of(exchanges, single), min_size=8, max_size=30).map(
    lambda parts: [step for part in parts for step in part]
)


class Told:
    """Plays a story to a script and keeps what came out, with the number of frames heard by then."""

    def __init__(self, scene):
        self.scene = scene
        self.mode = "converse"
        self.typed = []
        self.log = []  # (frames, mode, action or number of a typed line)
        self.frames = 0

    def keep(self, seen):
        self.log += [(self.frames, self.mode, action) for action in self.scene.actions[seen:]]

    def tell(self, story):
        for name, *args in story:
            if name in ("frames", "hang"):
                count, probability = args if name == "frames" else (args[0], 0.9)
                for _ in range(count):
                    seen = len(self.scene.actions)
                    self.scene.frames(1, probability, loud=False if name == "hang" else None)
                    self.frames += 1
                    self.keep(seen)
                continue
            seen = len(self.scene.actions)
            getattr(self, f"do_{name}", lambda value, name=name: setattr(self.scene, name, value))(*args)
            self.keep(seen)

    def turn(self, back):
        numbers = [a.turn for _, _, a in self.log if isinstance(a, Final)] + self.typed
        return sorted(numbers)[back] if len(numbers) >= -back else None

    def do_plays(self, back, state):
        if turn := self.turn(back):
            self.scene.take(self.scene.turns.played(turn, turn, state))

    def do_committed(self, back, interruptible):
        if turn := self.turn(back):
            self.scene.take(self.scene.turns.committed(turn, turn, interruptible=interruptible))

    def do_unanswered(self, back):
        if turn := self.turn(back):
            self.scene.take(self.scene.turns.unanswered(turn))

    def do_typed(self):
        number, actions = self.scene.turns.typed()
        self.typed.append(number)
        self.log.append((self.frames, self.mode, number))
        self.scene.take(actions)

    def do_stop(self):
        self.scene.take(self.scene.turns.stop())

    def do_mode(self, mode):
        self.scene.take(self.scene.turns.configure(self.scene.rules, mode, speculate=True))
        seen, self.mode = len(self.scene.actions), mode
        return seen

    def do_restart(self, by):
        at = max(0, self.scene.at + by)
        self.scene.take(self.scene.turns.restart(at))
        self.scene.at = self.scene.loud = at
        self.scene.owed = [(0, request) for _, request in self.scene.owed]


def told(script, ruled, story):
    tale = Told(script(rules=ruled(segment=4 * S, turn_cap=6 * S), answers=True))
    tale.tell([*story, ("decode_s", 0.08), ("mode", "converse"), ("frames", 400, 0.02)])
    return tale


@settings(max_examples=200)
@given(story=stories)
def test_whatever_happens_every_turn_ends_once_and_every_hold_is_released(script, ruled, story):
    tale = told(script, ruled, story)
    actions = [action for _, _, action in tale.log]
    assert tale.scene.turns.idle

    # Numbers of turns grow, in the order in which they are told.
    said = [a if isinstance(a, int) else a.turn for a in actions if isinstance(a, int | Final)]
    assert all(before < after for before, after in itertools.pairwise(said))
    started = [a.turn for a in actions if isinstance(a, Started)]
    assert started == sorted(set(started))

    # Each open turn ends once; a typed line gives it another number. A final follows each end that is not discarded.
    ends = []
    for index, action in enumerate(actions):
        if isinstance(action, Stopped):
            ends.append(action.turn)
            follows = actions[index + 1] if index + 1 < len(actions) else None
            final = isinstance(follows, Final) and follows.turn == action.turn
            assert final is not action.discarded
    assert len(ends) == len(set(ends))
    assert set(ends) <= set(started)
    assert len(started) - len(ends) <= len(tale.typed) * 3  # renumbered, so never ended under the old number

    # Drafts: three at most, of the turn that is open, before its end.
    for turn in started:
        of_turn = [a for a in actions if isinstance(a, Draft | Stopped) and a.turn == turn]
        drafts = [a for a in of_turn if isinstance(a, Draft)]
        assert [draft.revision for draft in drafts] == [1, 2, 3][: len(drafts)]
        assert of_turn[: len(drafts)] == drafts

    # Holds are released in time, and nothing is said about an answer that was cancelled.
    held: dict[int, int] = {}
    cancelled: set[int] = set()
    for frames, _, action in tale.log:
        assert all(frames - since <= LIMIT_FRAMES for since in held.values())
        if isinstance(action, Overlap | Cancel):
            assert action.turn not in cancelled
        if isinstance(action, Cancel):
            cancelled.add(action.turn)
            held.pop(action.turn, None)
        elif isinstance(action, Overlap) and action.state == "hold":
            assert not held
            held[action.turn] = frames
        elif isinstance(action, Overlap):
            held.pop(action.turn, None)
    assert not held

    # Words that were taken back come again, in front of the new ones, each once.
    finals = [a for a in actions if isinstance(a, Final)]
    texts = {final.turn: final for final in finals}
    for index, action in enumerate(actions):
        if isinstance(action, Cancel) and action.reason == "continued":
            before = texts[action.turn]
            later = [a for a in actions[index:] if isinstance(a, Final) and a.continues]
            assert later[0].continues == (before.continues or before.turn)
            assert later[0].text.startswith(before.text)
            assert later[0].start <= before.start  # earlier where the count of samples has jumped back
    for final in finals:
        ranges = [tuple(map(int, pair)) for pair in re.findall(r"<(\d+)-(\d+)>", final.text)]
        if "restart" not in [name for name, *_ in story]:
            assert all(before[1] <= after[0] for before, after in itertools.pairwise(ranges))


@settings(max_examples=60)
@given(story=stories)
def test_nothing_is_heard_while_the_mode_is_typed(script, ruled, story):
    tale = Told(script(rules=ruled(segment=4 * S, turn_cap=6 * S), answers=True))
    tale.tell([*story, ("mode", "typed")])
    seen = len(tale.log)
    tale.tell([step for step in story if step[0] != "mode"])
    heard = [action for _, _, action in tale.log[seen:] if not isinstance(action, int | Cancel)]
    assert heard == []
    assert tale.scene.turns.idle
