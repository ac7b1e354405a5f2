from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from avatar_contracts import TtsChunk, Viseme
from avatar_face.controls import REST
from avatar_face.idle import Idle
from avatar_face.timeline import Timeline

RATE = 16_000


class Script:
    """Runs a timeline on a clock that jumps in 5 ms steps; keeps (time, shot)."""

    def __init__(self, seed: int = 3) -> None:
        self.timeline = Timeline(Idle(seed), 25, 0.0)
        self.now = 0.0
        self.shots = []

    def run(self, seconds: float, each=lambda _now: None) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            each(self.now)
            while (shot := self.timeline.shot(self.now)) is not None:
                self.shots.append((self.now, shot))
            assert self.timeline.due(self.now) >= self.now
            self.now = round(self.now + 0.005, 6)

    def say(self, reply: int, seconds: float, *, start: float = 0.0, turn: int = 1, done: bool = True) -> None:
        t = np.arange(int(seconds * RATE)) / RATE
        pcm = (8000 * np.sign(np.sin(2 * np.pi * 130 * t))).astype("<i2").tobytes()
        at = int(start * RATE)
        visemes = (Viseme(at, "aa"),)
        self.timeline.chunk(
            TtsChunk(turn=turn, reply=reply, sentence=0, rate=RATE, start=at, pcm=pcm, visemes=visemes), self.now
        )
        if done:
            self.timeline.done(reply, at + len(t))

    def play(self, reply: int, seconds: float, *, total: float | None = None, start: float = 0.0) -> None:
        """Play from `start`, with progress every 100 ms; with `total`, report the end there."""
        began, reported = self.now - start, -1.0

        def each(now: float) -> None:
            nonlocal reported
            played = now - began
            if total is not None and played >= total:
                if reported < total:
                    reported = total
                    self.timeline.progress(reply, "finished", total, now)
            elif played - reported >= 0.1:
                reported = played
                self.timeline.progress(reply, "playing" if reported >= 0 else "started", played, now)

        self.run(seconds, each)

    def of(self, reply: int):
        return [(now, shot) for now, shot in self.shots if shot.reply == reply]


def open_(shot) -> bool:
    return shot.mouth.jaw > 0.02


def test_idle_frames_come_every_40_ms_on_their_own_clock():
    script = Script()
    script.run(2.0)
    assert len(script.shots) == 50
    assert [shot.pts for _, shot in script.shots] == [k * 640 for k in range(50)]
    assert all(shot.mouth == REST for _, shot in script.shots)


def test_the_first_frames_are_drawn_at_once_and_no_more_until_it_plays():
    script = Script()
    script.run(1.0)
    script.say(1, 2.0)
    script.run(1.0)
    spoken = script.of(1)
    assert [now for now, _ in spoken] == [1.0] * 4
    assert [shot.pts for _, shot in spoken] == [0, 640, 1280, 1920]
    assert len([1 for now, _ in script.of(0) if now >= 1.0]) == 25


def test_a_playing_reply_is_drawn_a_little_ahead_of_the_playhead():
    script = Script()
    script.say(1, 3.0)
    script.run(0.05)
    began = script.now
    script.play(1, 3.4, total=3.0)
    ahead = [shot.pts / RATE - (now - began) for now, shot in script.of(1)[4:]]
    assert min(ahead) >= 0.10
    assert max(ahead) <= 0.165
    assert [shot.pts for _, shot in script.of(1)] == [k * 640 for k in range(len(script.of(1)))]
    assert script.timeline.dropped == 0


def test_the_last_frame_is_marked_and_shut_and_idle_goes_on_from_its_pose():
    script = Script()
    script.say(1, 1.0)
    script.run(0.1)
    script.play(1, 1.1)  # the end is not reported: the picture alone must close
    script.run(0.6)
    spoken = [shot for _, shot in script.of(1)]
    assert len(spoken) == 25 + 3
    assert [shot.last for shot in spoken] == [False] * 27 + [True]
    assert spoken[-1].mouth == REST
    assert spoken[-1].pts / RATE <= 1.0 + 0.16
    assert open_(spoken[22])
    after = next(shot for now, shot in script.of(0) if now > 1.1)
    assert abs(after.pose.yaw - spoken[-1].pose.yaw) < 0.004
    assert abs(after.pose.breath - spoken[-1].pose.breath) < 0.05


def test_no_pose_jumps_over_a_whole_conversation():
    script = Script()
    script.run(1.0)
    for reply in (1, 2, 3):
        script.say(reply, 1.4, turn=reply)
        script.run(0.06)
        script.play(reply, 1.6, total=1.4)
        script.run(0.8)
    shown = [(now, shot) for now, shot in script.shots if not shot.reply]
    began = {reply: script.of(reply)[0][0] + 0.06 for reply in (1, 2, 3)}
    shown += [(began[shot.reply] + shot.pts / RATE, shot) for now, shot in script.shots if shot.reply]
    shown.sort(key=lambda pair: pair[0])
    track = np.array([[s.pose.yaw, s.pose.pitch, s.pose.roll, s.pose.shift_x, s.pose.breath / 5] for _, s in shown])
    assert np.abs(np.diff(track, axis=0)).max() < 0.02
    jaw = np.array([s.mouth.jaw for _, s in shown])
    assert np.abs(np.diff(jaw)).max() < 0.3


@pytest.mark.parametrize("how", ["reply", "turn", "stopped"])
def test_the_mouth_is_shut_within_160_ms_of_a_cancel(how):
    script = Script()
    script.say(1, 3.0, turn=4)
    script.play(1, 1.0)
    cut = script.now
    if how == "reply":
        script.timeline.cancel_reply(1, cut)
    elif how == "turn":
        script.timeline.cancel_turn(4, cut)
    else:
        script.timeline.progress(1, "stopped", 1.0, cut)
    script.say(1, 0.4, start=3.0, turn=4)  # late sound
    script.run(1.0)
    after = [(now, shot) for now, shot in script.shots if now >= cut]
    assert all(shot.reply == 0 for _, shot in after)
    assert open_(after[0][1])  # it shuts smoothly, not at once
    assert all(shot.mouth == REST for now, shot in after if now >= cut + 0.16)


def test_a_cancelled_reply_that_never_played_leaves_no_trace():
    script = Script()
    script.run(0.2)
    script.say(1, 1.0)
    script.run(0.2)
    script.timeline.cancel_reply(1, script.now)
    script.run(0.5)
    assert all(shot.mouth == REST for _, shot in script.of(0))


def test_a_newer_reply_takes_over_when_the_old_one_ends():
    script = Script()
    script.say(1, 1.0)
    script.play(1, 0.5)
    script.say(2, 1.0, turn=2)
    script.play(1, 0.1)
    assert not script.of(2)
    script.timeline.cancel_reply(1, script.now)
    script.run(0.05)
    assert len(script.of(2)) == 4
    script.play(2, 1.3, total=1.0)
    assert [shot.pts for _, shot in script.of(2)] == [k * 640 for k in range(len(script.of(2)))]


def test_late_sound_of_a_replaced_reply_changes_nothing():
    script = Script()
    script.say(1, 0.4, done=False)
    script.say(2, 1.0, turn=2)
    script.run(0.1)
    script.say(1, 0.4, start=0.4)
    script.play(2, 1.3, total=1.0)
    assert not script.of(1)
    assert script.of(2)[-1][1].last


def test_a_cancelled_reply_does_not_come_back_and_takes_no_other_with_it():
    script = Script()
    script.say(5, 1.0)
    script.timeline.cancel_reply(5, 0.0)
    script.say(5, 1.0)
    script.run(0.5)
    assert {shot.reply for _, shot in script.shots} == {0}
    script.say(4, 1.0)
    script.timeline.cancel_reply(6, script.now)
    script.timeline.cancel_turn(2, script.now)
    script.play(4, 1.3, total=1.0)
    assert [shot.pts for _, shot in script.of(4)] == [k * 640 for k in range(25 + 3)]


def test_a_draft_that_is_cancelled_leaves_the_reply_that_plays_alone_and_the_other_way_round():
    script = Script()
    script.say(1, 2.0)
    script.play(1, 0.5)
    script.say(2, 1.0, turn=2)
    script.play(1, 0.3, start=0.5)
    script.timeline.cancel_reply(2, script.now)
    script.say(3, 1.0, turn=2)
    script.play(1, 0.3, start=0.8)
    assert [shot.pts for _, shot in script.of(1)] == [k * 640 for k in range(len(script.of(1)))]
    assert not script.of(2) + script.of(3)
    script.timeline.cancel_turn(1, script.now)
    script.run(0.1)
    assert len(script.of(3)) == 4
    script.play(3, 1.3, total=1.0)
    assert script.of(3)[-1][1].last


def test_a_newer_draft_is_prepared_instead_of_an_older_one_which_may_still_be_the_one_that_plays():
    script = Script()
    script.say(1, 1.0)
    script.run(0.2)
    script.say(2, 1.0, turn=1)
    script.run(0.2)
    assert [len(script.of(reply)) for reply in (1, 2)] == [4, 4]
    script.play(1, 1.3, total=1.0)
    assert [shot.pts for _, shot in script.of(1)] == [k * 640 for k in range(25 + 3)]


def seen(script: Script, *, starts: dict[int, float]):
    """What a viewer sees: idle frames when they are drawn, frames of speech, the newest of each, with their sound."""
    shown = [(now, shot) for now, shot in script.shots if not shot.reply]
    spoken = {(shot.reply, shot.pts): (now, shot) for now, shot in script.shots if shot.reply in starts}
    shown += [(max(now, starts[shot.reply] + shot.pts / RATE), shot) for now, shot in spoken.values()]
    return [shot for _, shot in sorted(shown, key=lambda pair: pair[0])]


def jumps(shots) -> float:
    """The largest step of the head from one frame to the next."""
    track = np.array([[s.pose.yaw, s.pose.pitch, s.pose.roll, s.pose.shift_x, s.pose.breath / 5] for s in shots])
    return float(np.abs(np.diff(track, axis=0)).max())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("wait_s", [0.05, 0.4, 2.0, 3.7, 17.0])
def test_a_draft_may_wait_and_begins_without_a_jump_and_with_open_eyes(seed, wait_s):
    script = Script(seed)
    script.run(1.0 + 0.137 * seed)
    script.say(1, 1.4)
    waiting_from = len(script.shots)
    script.run(wait_s)
    waited = [shot for _, shot in script.shots[waiting_from:] if not shot.reply]
    assert all(shot.mouth == REST for shot in waited)
    assert len({shot.pose for shot in waited}) == len(waited) == pytest.approx(wait_s * 25, abs=1)
    began = script.now
    script.play(1, 1.7, total=1.4)
    script.run(0.5)
    shown = seen(script, starts={1: began})
    assert [shot.pts for shot in shown if shot.reply] == [k * 640 for k in range(35 + 3)]
    assert jumps(shown) < 0.02
    assert all(shot.pose.blink == 0 for shot in shown if shot.reply and shot.pts < 4 * 640)
    lids = [shot.pose.blink for shot in shown if shot.reply]
    assert max(b - a for a, b in itertools.pairwise(lids)) < 0.6  # no blink is cut into


def test_blinks_and_glances_go_on_while_a_draft_waits():
    script = Script()
    script.run(1.0)
    script.say(1, 1.4)
    script.run(20.0)
    waited = [shot.pose for now, shot in script.of(0) if now > 1.0]
    assert 2 <= sum(b.blink > 0 and a.blink == 0 for a, b in itertools.pairwise(waited)) <= 12
    assert len({pose.gaze_x for pose in waited}) > 5
    assert np.ptp([pose.yaw for pose in waited]) > 0.01  # and now and then the head moves
    assert [shot.pts for _, shot in script.of(1)] == [0, 640, 1280, 1920] * 5  # its first frames stay up to date


def test_a_cancelled_draft_leaves_no_trace_in_the_picture():
    script = Script()
    plain = Script()
    for each in (script, plain):
        each.run(1.0)
    script.say(1, 1.4)
    script.run(1.5)
    script.timeline.cancel_reply(1, script.now)
    script.run(5.0)
    plain.run(6.5)
    assert [shot.pts for _, shot in script.of(0)] == [shot.pts for _, shot in plain.of(0)]
    assert jumps([shot for _, shot in script.of(0)]) < 0.02
    assert all(shot.mouth == REST for _, shot in script.of(0))
    last, same = script.of(0)[-1][1].pose, plain.of(0)[-1][1].pose
    assert abs(last.yaw - same.yaw) < 1e-3
    assert (last.blink, last.gaze_x) == (same.blink, same.gaze_x)


@pytest.mark.parametrize("hold_s", [0.12, 0.7, 2.5])
@pytest.mark.parametrize("rewind_s", [0.0, 0.3, 1.5])
def test_a_held_reply_shuts_its_mouth_and_goes_on_from_where_the_edge_says(hold_s, rewind_s):
    script = Script()
    script.say(1, 4.0)
    script.play(1, 2.0)
    held = script.now
    script.timeline.progress(1, "held", 2.0, held)
    script.run(hold_s)
    silent = [(now, shot) for now, shot in script.shots if now >= held]
    assert all(shot.reply == 0 for _, shot in silent)
    assert len(silent) == pytest.approx(hold_s * 25, abs=1)
    assert open_(silent[0][1])  # it shuts smoothly
    assert all(shot.mouth == REST for now, shot in silent if now >= held + 0.12)
    resumed = script.now
    before = len(script.shots)
    script.play(1, 2.4 + rewind_s, start=2.0 - rewind_s, total=4.0)
    again = [(now, shot) for now, shot in script.shots[before:] if shot.reply]
    assert again[0][0] == resumed
    assert [shot.pts for _, shot in again] == [k * 640 for k in range(math.ceil((2.0 - rewind_s) * 25), 100 + 3)]
    ahead = [shot.pts / RATE - (now - resumed) - (2.0 - rewind_s) for now, shot in again]
    assert min(ahead) >= 0.0
    assert max(ahead) <= 0.165
    assert min(ahead[4:]) >= 0.10
    assert again[-1][1].last
    straight = Script()
    straight.say(1, 4.0)
    straight.play(1, 4.3, total=4.0)
    mouths = {shot.pts: shot.mouth for _, shot in straight.of(1)}
    assert all(shot.mouth == mouths[shot.pts] for _, shot in again[3:])  # in step with its sound
    shown = [s for now, s in script.shots if not s.reply or s.pts / RATE <= 2.0 or now >= resumed]
    assert jumps(shown) < 0.02


@pytest.mark.parametrize("how", ["reply", "turn", "stopped", "silence"])
def test_a_held_reply_may_still_end(how):
    script = Script()
    script.say(1, 4.0, turn=4)
    script.play(1, 1.0)
    script.timeline.progress(1, "held", 1.0, script.now)
    script.run(0.5)
    script.say(2, 1.0, turn=5)
    script.run(0.2)
    assert not script.of(2)  # the held one is still expected
    if how == "reply":
        script.timeline.cancel_reply(1, script.now)
    elif how == "turn":
        script.timeline.cancel_turn(4, script.now)
    elif how == "stopped":
        script.timeline.progress(1, "stopped", 1.0, script.now)
    else:
        script.run(10.0)
    cut = script.now
    script.run(0.1)
    assert len(script.of(2)) == 4
    assert all(shot.mouth == REST for now, shot in script.of(0) if now >= cut)


def test_a_held_reply_is_waited_for_as_long_as_the_edge_tells_of_it():
    script = Script()
    script.say(1, 4.0)
    script.play(1, 1.0)
    for _ in range(150):
        script.timeline.progress(1, "held", 1.0, script.now)
        script.run(0.1)
    script.play(1, 0.5, start=0.8)
    assert open_(script.shots[-1][1])


def test_a_playhead_that_went_back_unannounced_is_followed():
    script = Script()
    script.say(1, 4.0)
    script.play(1, 2.5)
    before = len(script.shots)
    script.play(1, 0.5, start=1.2)
    again = [shot.pts for _, shot in script.shots[before:] if shot.reply]
    assert again == [k * 640 for k in range(30, 30 + len(again))]
    assert len(again) == pytest.approx((0.5 + 0.16) * 25, abs=1)


def test_a_draft_that_is_held_back_before_it_was_heard_is_only_a_draft_that_waits():
    script = Script()
    script.say(1, 1.0)
    script.timeline.progress(1, "held", 0.0, script.now)
    script.run(1.0)
    assert len(script.of(1)) == 4
    script.play(1, 1.3, total=1.0)
    assert [shot.pts for _, shot in script.of(1)] == [k * 640 for k in range(25 + 3)]


def test_an_edge_that_is_heard_again_after_a_silence_finds_the_mouth_moving_again():
    script = Script()
    script.say(1, 10.0)
    script.play(1, 1.0)
    script.run(3.0)
    assert script.shots[-1][1].mouth == REST
    script.play(1, 1.0, start=4.0)
    assert open_(script.shots[-1][1])
    assert script.shots[-1][1].pts / RATE == pytest.approx(5.1, abs=0.06)


def test_the_end_of_the_sound_may_come_after_the_news_of_its_length():
    script = Script()
    script.say(1, 0.4, done=False)
    script.timeline.done(1, int(0.8 * RATE))
    script.run(0.1)
    script.say(1, 0.4, start=0.4, done=False)
    script.play(1, 1.2, total=0.8)
    assert open_(script.of(1)[15][1])
    assert script.of(1)[-1][1].last
    assert script.of(1)[-1][1].pts / RATE == pytest.approx(0.88)


def test_replies_that_nobody_ends_do_not_pile_up():
    script = Script()
    for reply in range(1, 60):
        script.say(reply, 0.1, turn=reply)
        script.run(0.05)
    assert len(script.timeline._speeches) <= 8
    script.play(59, 0.4, total=0.1)
    assert script.of(59)[-1][1].last


def test_frames_that_would_come_too_late_are_dropped_not_queued():
    script = Script()
    script.say(1, 3.0)
    script.run(0.02)
    script.timeline.progress(1, "started", 0.0, script.now)
    script.now += 0.4  # no credit meanwhile
    script.timeline.progress(1, "playing", 0.4, script.now)
    script.run(0.02)
    indices = [shot.pts // 640 for _, shot in script.of(1)]
    assert indices[:4] == [0, 1, 2, 3]
    assert indices[4] >= 9
    assert script.timeline.dropped >= 5


def test_while_the_sound_is_late_the_face_lives_with_its_mouth_shut():
    script = Script()
    script.say(1, 0.6, done=False)
    script.play(1, 1.2)  # the edge runs dry at 0.6 s, and says so by standing still
    idle = [shot for now, shot in script.of(0) if now > 0.9]
    assert idle
    assert idle[-1].mouth == REST
    script.say(1, 1.0, start=0.6)
    script.play(1, 0.3, start=0.6)
    assert script.of(1)[-1][1].pts > 0.9 * RATE
    assert open_(script.of(1)[-1][1])


def test_an_edge_that_falls_silent_does_not_leave_the_mouth_open():
    script = Script()
    script.say(1, 10.0)
    script.play(1, 1.0)
    script.run(4.0)
    assert script.shots[-1][1].reply == 0
    assert script.shots[-1][1].mouth == REST


def test_a_lost_chunk_leaves_a_silence_and_later_sound_stays_in_place():
    whole, holed = Script(), Script()
    for script, skipped in ((whole, ()), (holed, (2,))):
        for i in range(5):
            if i not in skipped:
                script.say(1, 0.4, start=i * 0.4, done=i == 4)
        script.play(1, 2.3, total=2.0)
    a, b = ({shot.pts: shot.mouth for _, shot in script.of(1)} for script in (whole, holed))
    assert a.keys() == b.keys()
    assert a[int(1.6 * RATE)].jaw == pytest.approx(b[int(1.6 * RATE)].jaw, abs=0.02)


def test_a_chunk_heard_twice_counts_once():
    script = Script()
    for start in (0.0, 0.0, 0.4):
        script.say(1, 0.4, start=start, done=start > 0)
    script.play(1, 1.2, total=0.8)
    assert script.of(1)[-1][1].last
    assert script.of(1)[-1][1].pts / RATE == pytest.approx(0.88)


@pytest.mark.parametrize("start", [3_601.0, 2**53 / RATE - 1])
def test_sound_that_cannot_belong_to_a_reply_is_refused_and_its_reply_is_shown_all_the_same(start):
    script = Script()
    script.say(1, 0.2, start=start, done=False)
    script.say(1, 0.4, done=False)
    script.say(1, 0.4, start=60.0)
    assert script.timeline.refused == 2
    script.play(1, 0.6, total=0.4)
    assert [shot.pts for _, shot in script.shots if shot.reply == 1][:3] == [0, 640, 1280]


def test_a_face_that_takes_over_in_the_middle_of_a_reply_goes_on_there():
    script = Script()
    script.run(0.5)
    script.say(3, 2.0, start=7.0)
    script.play(3, 2.3, start=7.0, total=9.0)
    spoken = [shot for _, shot in script.of(3)]
    assert spoken[0].pts == 7.0 * RATE
    assert spoken[-1].last
    assert max(abs(a.pose.yaw - b.pose.yaw) for a, b in itertools.pairwise(spoken)) < 0.01


def test_a_face_that_takes_over_ahead_of_the_playhead_does_not_stand_still_until_then():
    script = Script()
    script.run(0.5)
    script.say(3, 2.0, start=3.0)
    script.run(0.1)
    assert not script.of(3)  # nobody knows yet where it plays
    began = script.now
    script.play(3, 2.5, start=2.0)
    spoken = script.of(3)
    assert [shot.pts for _, shot in spoken] == [k * 640 for k in range(50, 50 + len(spoken))]
    assert [now for now, _ in spoken][5:] == sorted({now for now, _ in spoken[5:]})
    assert all(shot.mouth == REST for _, shot in spoken if shot.pts < 3.0 * RATE)
    assert open_(spoken[-1][1])
    assert spoken[-1][1].pts / RATE == pytest.approx(2.0 + script.now - began + 0.14, abs=0.05)


def test_fewer_frames_a_second_are_evenly_spread_and_a_reply_still_has_its_last_one():
    script = Script()
    script.run(0.5)
    script.timeline.thinning.want(15)
    script.run(2.0)
    idle = [shot.pts for at, shot in script.shots if at >= 0.6]
    assert len(idle) == pytest.approx(1.9 * 15, abs=1)
    assert {b - a for a, b in itertools.pairwise(idle)} == {640, 1280}
    script.say(1, 1.0)
    script.play(1, 1.3, total=1.0)
    spoken = [shot for _, shot in script.shots if shot.reply == 1]
    assert len(spoken) == pytest.approx(1.1 * 15, abs=2)
    assert spoken[-1].last
    assert [shot.last for shot in spoken].count(True) == 1
    script.timeline.thinning.want(25)
    before = len(script.shots)
    script.run(1.0)
    assert len(script.shots) - before == pytest.approx(25, abs=1)


def test_on_a_long_link_frames_are_drawn_earlier():
    def lead(trip_s):
        script = Script()
        script.timeline.far(trip_s)
        script.run(0.2)
        script.say(1, 2.0)
        script.run(0.2)
        prepared = sum(shot.reply == 1 for _, shot in script.shots)
        began = script.now
        script.play(1, 1.0)
        leads = [shot.pts / RATE - (at - began) for at, shot in script.shots if shot.reply == 1 and at > began + 0.3]
        return prepared, min(leads)

    near, far = lead(0.005), lead(0.25)
    assert near[0] == 4
    assert far[0] == 8
    assert near[1] == pytest.approx(0.14, abs=0.03)
    assert far[1] == pytest.approx(0.29, abs=0.03)


def test_a_supply_that_stalls_on_a_long_link_is_not_taken_for_a_rewind():
    script = Script()
    script.timeline.far(0.6)
    script.run(0.2)
    script.say(1, 3.0)
    script.play(1, 1.0)
    stood = script.now
    script.run(0.6, lambda now: script.timeline.progress(1, "playing", 1.0, now))
    script.play(1, 3.0, start=1.0)
    pts = [shot.pts for at, shot in script.shots if shot.reply == 1 and at >= stood]
    assert pts == sorted(pts)
