from __future__ import annotations

import itertools

import numpy as np
import pytest

from avatar_contracts import TtsChunk, Viseme
from avatar_face.controls import REST
from avatar_face.idle import Idle
from avatar_face.timeline import Timeline

RATE = 16_000


class Script:
    """Runs a timeline on a clock that jumps in 5 ms steps; keeps (time, shot)."""

    def __init__(self) -> None:
        self.timeline = Timeline(Idle(3), 25, 0.0)
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
            self.timeline.done(reply)

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


def test_old_replies_do_not_come_back():
    script = Script()
    script.say(5, 1.0)
    script.timeline.cancel_reply(5, 0.0)
    script.say(4, 1.0)
    script.run(0.5)
    assert {shot.reply for _, shot in script.shots} == {0}


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
