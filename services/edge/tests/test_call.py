import asyncio
import itertools
import threading
import time

import av
import msgspec
import numpy as np
import pytest

from avatar_contracts import (
    LlmDone,
    ReplyCommitted,
    SessionConfigured,
    SpeechOverlap,
    SpeechStarted,
    TurnCancel,
    TurnText,
)
from avatar_edge import BadChoice, Call, CallNotReady, EdgeSettings, NullCamera, NullMic, NullOut, Recorder, commands
from avatar_runtime.bus import CommandFailed
from avatar_runtime.settings import SettingsError, load
from avatar_runtime.testing.sessions import Peer

LONG = ("One two three four five six.", "Seven eight nine ten eleven twelve.")


def talkative(stack):
    """The mind answers with 2.4 s of words."""
    stack.makers["llm"] = type("Talkative", (stack.makers["llm"],), {"sentences": LONG})


def silent_after(out, at, seconds):
    """Whether nothing was handed to the output from edge clock `at` on for `seconds`."""
    samples = out.samples()
    start = int((at - out.began_at) * out.rate)
    return not samples[start : start + int(seconds * out.rate)].any()


async def until(condition, timeout_s=5.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the outcome of several threads
            await asyncio.sleep(0.01)


async def playing(rig, seconds=0.5):
    """Until a reply has been playing for so long."""
    await until(lambda: rig.call.state == "speaking")
    await asyncio.sleep(seconds)


async def test_a_spoken_turn_is_answered_with_voice_and_face_and_told_to_the_mind(rig, said, stack):
    async with rig() as r:
        utterance = await r.mic.say(said)
        report = await r.call.turn_done(1, timeout_s=8)
        (mind,) = stack.made["llm"]
        progress = list(mind.progress)
        stats = r.call.video_stats()
        skew = r.call.av_skew_ms()
    assert report.heard == "hello there"
    assert report.reply == "One two three. Four five six seven."
    assert (report.errors, report.interrupted, report.typed, report.underruns) == ((), False, False, 0)
    assert report.played_ms == pytest.approx(1_400, abs=1)
    assert report.frames >= 33
    assert 180 < report.first_audio_ms < 600
    assert abs(report.first_frame_ms - report.first_audio_ms) < 150
    stages = report.stages_ms
    parts = ("asr", "llm_first_token", "llm_first_sentence", "tts", "playout")
    assert sum(stages[part] for part in parts) == pytest.approx(stages["total"], abs=1)
    assert stages["total"] == pytest.approx(report.first_audio_ms, abs=0.1)
    # What was heard begins when the report says, measured in the very samples of both devices.
    first = np.flatnonzero(np.abs(r.out.samples()) >= 100)[0] / r.out.rate + r.out.began_at
    assert (first - r.mic.time_of(utterance.voiced_end)) * 1000 == pytest.approx(report.first_audio_ms, abs=15)
    states = [each.state for each in progress]
    assert states[0] == "started"
    assert states[-1] == "finished"
    assert states.count("playing") >= 10
    assert [each.played for each in progress] == sorted(each.played for each in progress)
    assert (progress[-1].played, progress[-1].sentence, progress[-1].chars) == (30_870, 1, 20)
    assert stats.longest_gap_ms <= 250
    assert skew["frames"] >= 33
    assert skew["p95"] <= 40


async def test_a_typed_line_is_a_turn(rig):
    async with rig() as r:
        await r.call.type("What time is it?")
        report = await r.call.turn_done(1, timeout_s=5)
        assert (report.heard, report.typed, report.end_reason) == ("What time is it?", True, "typed")
        assert report.first_audio_ms < 300
        assert r.call.turns == [report]


async def test_a_typed_line_that_gave_no_turn_does_not_age_the_next_one(rig, stack, monkeypatch):
    monkeypatch.setattr(commands, "_TYPED_S", 0.2)

    class Picky(stack.makers["asr"]):
        async def on_typed(self, event):
            if event.text != "\N{ZERO WIDTH SPACE}":
                await super().on_typed(event)

    stack.makers["asr"] = Picky
    async with rig() as r:
        await r.call.type("\N{ZERO WIDTH SPACE}")
        await asyncio.sleep(0.5)
        await r.call.type("What time is it?")
        report = await r.call.turn_done(1, timeout_s=5)
        assert report.first_audio_ms < 300


async def test_what_the_person_was_saying_is_not_shown_for_ever_when_the_ears_die(rig, stack, said):
    async with rig() as r:
        r.mic.cue(said)
        await until(lambda: r.call.captions)
        await stack.kill("asr")
        await until(lambda: "asr" not in r.call.workers)
        await until(lambda: not r.call.captions, timeout_s=0.5)


async def test_while_an_answer_is_awaited_a_leaving_worker_is_still_needed(rig, stack):
    stack.makers["llm"] = type("Mute", (stack.makers["llm"],), {"sentences": ()})
    async with rig() as r:
        assert not r.call._seat.answering()
        stack.made["llm"][0].session._inlets["turn.text"].handlers.clear()
        await r.call.type("hello")
        await until(r.call._seat.answering, timeout_s=1)


async def test_a_typed_line_nobody_takes_is_an_error(stack, settings):
    await stack.kill("asr")
    async with Call(stack.bus, settings, NullMic(), NullOut(), NullCamera()) as call:
        with pytest.raises(CommandFailed):
            await call.type("hello")
        with pytest.raises(CallNotReady, match=r"a worker for asr \(ears\)"):
            await call.ready(0.1)
        assert call.state == "waiting"


async def test_an_interruption_is_silent_within_60_ms_and_the_history_holds_what_was_heard(rig, said, stack):
    talkative(stack)
    async with rig() as r:
        await r.mic.say(said)
        await playing(r, 0.9)
        (ears,) = stack.made["asr"]
        await ears.session.publish(TurnCancel(turn=1, reason="barge_in"))
        at = time.perf_counter()
        report = await r.call.turn_done(1, timeout_s=2)
        await asyncio.sleep(0.4)
        assert silent_after(r.out, at + 0.06, 0.25)
        assert report.interrupted
        assert report.errors == ()
        assert LONG[0].startswith(report.reply)
        assert report.reply
        (mind,) = stack.made["llm"]
        last = mind.progress[-1]
        assert last.state == "stopped"
        assert report.reply == LONG[0][: last.chars]
        await r.call.type("go on")
        await playing(r, 0)


async def test_a_turn_that_is_taken_back_is_not_reported(rig, stack, said):
    async with rig() as r:
        await r.mic.say(said)
        await playing(r, 0.1)
        await stack.made["asr"][0].session.publish(TurnCancel(turn=1, reason="continued"))
        await asyncio.sleep(0.2)
        assert r.call.turns == []
        assert r.call.state == "listening"


async def test_an_answer_that_is_held_is_silent_and_goes_on_with_voice_and_face(rig, stack):
    talkative(stack)
    async with rig() as r:
        await r.call.type("hi")
        await playing(r, 0.9)
        (ears,) = stack.made["asr"]
        at = time.perf_counter()
        await ears.session.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
        await asyncio.sleep(0.4)
        assert silent_after(r.out, at + 0.06, 0.3)
        assert r.call.saying == LONG[0]
        assert stack.made["llm"][0].progress[-1].state == "held"
        await ears.session.publish(SpeechOverlap(turn=1, state="resume", why="backchannel"))
        report = await r.call.turn_done(1, timeout_s=5)
        assert (report.resumes, report.interrupted, report.errors) == (1, False, ())
        assert report.played_ms == pytest.approx(2_400, abs=1)
        assert (np.abs(r.out.samples()) >= 100).sum() / r.out.rate > 2.4 + 0.3  # the phrase was said again


async def test_a_turn_left_by_a_mind_that_died_is_answered_by_the_next(rig, stack):
    talking = stack.makers["llm"]

    class Mute(talking):
        async def answer(self, event):
            """Thinks for ever."""

    stack.makers["llm"] = Mute
    async with rig() as r:
        await r.call.type("first")
        await until(lambda: r.call.state == "thinking")
        stack.makers["llm"] = talking
        await stack.kill("llm")
        await stack.start("llm")
        report = await r.call.turn_done(1, timeout_s=5)
        assert stack.claims[-1].pending.text == "first"
        assert stack.claims[-1].transcript == ()
        assert (report.heard, report.reply, report.errors) == ("first", "One two three. Four five six seven.", ())


async def test_what_is_chosen_during_the_call_holds_at_once_and_for_workers_that_come_later(rig, stack):
    async with rig(patience="patient") as r:
        heard = Peer(stack.bus, r.call.session_id, "asr")
        await heard.session.start()
        await r.call.configure(mode="repeat", speculate=False)
        told = await heard.wait_for(SessionConfigured)
        assert (told.config.mode, told.config.patience, told.config.speculate) == ("repeat", "patient", False)
        assert r.call.config == told.config
        with pytest.raises(BadChoice, match="respond cannot be 'often'; it is always, addressed or never"):
            await r.call.configure(respond="often")
        await stack.kill("tts")
        await stack.start("tts")
        await until(lambda: stack.claims[-1].kind == "tts" and stack.claims[-1].config == told.config)
        await heard.wait_for(SessionConfigured, count=2)
        await heard.session.close()
        assert stack.claims[0].config.mode == "converse"


async def test_a_line_can_be_spoken_as_it_is_and_silence_asked_for(rig):
    async with rig() as r:
        await r.call.say("Exactly these four words, and then a good deal more of them.")
        await playing(r, 0.7)
        at = time.perf_counter()
        await r.call.stop()
        report = await r.call.turn_done(1, timeout_s=2)
        await asyncio.sleep(0.2)
        assert silent_after(r.out, at + 0.06, 0.15)
        assert (report.verbatim, report.cancelled, report.errors) == (True, "stop", ())
        assert report.text.startswith(report.reply)
        assert report.reply.startswith("Exactly these")


async def test_the_disclosure_is_said_first_and_cannot_be_interrupted(rig, stack):
    async with rig(disclosure="You are talking to a clone.") as r:
        await playing(r, 0.3)
        (ears,) = stack.made["asr"]
        await ears.session.publish(SpeechStarted(turn=2, at=0))
        await ears.session.publish(SpeechOverlap(turn=1, state="hold", why="voice"))
        report = await r.call.turn_done(1, timeout_s=5)
        assert (report.reply, report.resumes, report.played_ms) == ("You are talking to a clone.", 0, 1_200.0)
        loud = np.abs(r.out.samples()) > 5_000
        assert loud.sum() / r.out.rate > 0.5 * 1.2


async def test_when_the_face_dies_the_voice_goes_on_and_the_picture_moves(rig, stack):
    talkative(stack)
    async with rig() as r:
        await asyncio.sleep(1.2)
        await r.call.type("hi")
        await playing(r, 0.4)
        await stack.kill("face")
        await asyncio.sleep(1.2)
        pushes = list(r.camera.pushes)[-20:]
        assert all(a[1] is not b[1] for a, b in itertools.pairwise(pushes))
        await stack.start("face")
        report = await r.call.turn_done(1, timeout_s=6)
        assert report.played_ms == pytest.approx(2_400, abs=1)
        assert not report.interrupted
        live = r.call.video_stats().frames
        await asyncio.sleep(0.4)
        assert r.call.video_stats().frames > live + 5
        assert r.call.video_stats().looped >= 20
        assert r.call.video_stats().longest_gap_ms <= 320
        assert any(error.code == "face.lost" for error in r.call.errors)


async def test_when_the_voice_dies_the_reply_ends_with_what_was_heard_and_the_next_turn_works(rig, stack):
    talkative(stack)
    stack.makers["tts"] = type("Slow", (stack.makers["tts"],), {"pause_s": 0.18})
    async with rig() as r:
        await r.call.type("hi")
        await playing(r, 0.6)
        await stack.kill("tts")
        report = await r.call.turn_done(1, timeout_s=3)
        assert report.interrupted
        assert LONG[0].startswith(report.reply)
        assert "the tts worker (voice) died" in report.errors[0]
        assert stack.made["llm"][0].progress[-1].state == "stopped"
        await stack.start("tts")
        await until(lambda: "tts" in r.call.workers)
        await r.call.type("again")
        await playing(r, 0)


async def test_when_the_mind_dies_the_next_one_knows_the_talk_and_numbers_above_it(rig, stack):
    async with rig() as r:
        await r.call.type("first")
        await r.call.turn_done(1, timeout_s=5)
        talkative(stack)
        await stack.kill("llm")
        await stack.start("llm")
        await until(lambda: len(stack.made["llm"]) == 2)
        claim = stack.claims[-1]
        assert [(each.said, each.heard) for each in claim.transcript] == [
            ("first", "One two three. Four five six seven.")
        ]
        assert (claim.turn, claim.reply) == (1, 17)
        await r.call.type("second")
        await playing(r, 0)


async def test_a_new_mind_does_not_talk_after_the_old_one_but_instead_of_it(rig, stack):
    talkative(stack)
    async with rig() as r:
        await r.call.type("first")
        await playing(r, 0.5)  # all of its sound is here
        await stack.kill("llm")
        await until(lambda: "llm" not in r.call.workers)
        await stack.start("llm")
        await until(lambda: len(stack.made["llm"]) == 2)
        assert r.call.state == "speaking"
        (exchange,) = stack.claims[-1].transcript
        assert exchange.said == "first"
        assert LONG[0].startswith(exchange.heard)
        assert exchange.heard
        await r.call.type("second")
        first = await r.call.turn_done(1, timeout_s=2)
        assert (first.heard, first.interrupted, first.errors) == ("first", True, ())
        await playing(r, 0)


async def test_an_outage_of_the_bus_shows_the_idle_face_and_the_next_turn_works(rig, stack):
    talkative(stack)
    stack.makers["tts"] = type("Slow", (stack.makers["tts"],), {"pause_s": 0.18})
    async with rig(starve_s=0.3) as r:
        await asyncio.sleep(1.2)
        await r.call.type("hi")
        await playing(r, 0.6)
        stack.bus.set_connected(False)
        await asyncio.sleep(1.2)
        assert r.call.state == "offline"
        assert r.call.video_stats().looped >= 15
        assert any(error.code == "bus.away" for error in r.call.errors)
        stack.bus.set_connected(True)
        report = await r.call.turn_done(1, timeout_s=3)
        assert report.interrupted
        await asyncio.sleep(0.2)
        assert stack.made["llm"][0].progress[-1].state == "stopped"
        await r.call.type("again")
        await playing(r, 0)


async def test_a_turn_without_an_answer_is_reported_after_the_set_time(rig, stack):
    async with rig(answer_timeout_s=0.4) as r:
        ears = Peer(stack.bus, r.call.session_id, "asr").session
        ears.epoch = r.call.workers["asr"].epoch
        await stack.kill("tts")
        await asyncio.sleep(0.1)
        await ears.publish(TurnText(turn=5, text="hello?", language="en", end_reason="silence", speech_end=320))
        report = await r.call.turn_done(1, timeout_s=3)
        assert report.heard == "hello?"
        assert report.reply == ""
        assert report.first_audio_ms is None
        assert report.errors


async def test_a_reply_without_words_is_a_failed_turn_not_a_silence(rig, stack):
    class Mute(stack.makers["llm"]):
        async def on_turn(self, event):
            await self.session.publish(ReplyCommitted(turn=event.turn, reply=1))
            await self.session.publish(LlmDone(turn=event.turn, reply=1, sentences=0, finish="error"))

    stack.makers["llm"] = Mute
    async with rig() as r:
        await r.call.type("hello")
        report = await r.call.turn_done(1, timeout_s=2)
        assert report.errors == ("the mind gave no answer",)
        assert r.call.state == "listening"


async def test_reports_come_as_a_stream_until_the_call_ends(rig):
    seen = []

    async def follow(call):
        seen.extend([report.heard async for report in call.finished()])

    async with rig() as r:
        following = asyncio.create_task(follow(r.call))
        await asyncio.sleep(0)
        await r.call.type("one")
        await r.call.turn_done(1, timeout_s=5)
    await asyncio.wait_for(following, 1)
    assert seen == ["one"]
    with pytest.raises(TimeoutError):
        await r.call.turn_done(2, timeout_s=0.05)


async def test_the_recording_has_the_voices_and_the_face_in_step(rig, said, tmp_path):
    recorder = Recorder(tmp_path / "call.mp4", 64, 64)
    async with rig(recorder) as r:
        await r.mic.say(said)
        await r.call.turn_done(1, timeout_s=8)
        await asyncio.sleep(0.3)
    with av.open(str(tmp_path / "call.mp4")) as container:
        bright = [float(f.time) for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 120]
    with av.open(str(tmp_path / "call.mp4")) as container:
        frames = list(container.decode(audio=0))
    sound = np.abs(np.concatenate([frame.to_ndarray()[0] for frame in frames]))
    loud = np.flatnonzero(sound[: len(sound) // 480 * 480].reshape(-1, 480).max(axis=1) > 0.1) / 100
    edges = [loud[0], *loud[1:][np.diff(loud) > 0.1]]
    assert len(edges) == 2  # the person, then the clone
    assert 0.5 < edges[1] - edges[0] < 1.0
    assert bright[0] - edges[1] == pytest.approx(0.02, abs=0.05)
    assert bright[-1] - loud[-1] == pytest.approx(0.06, abs=0.1)
    assert recorder.stats.dropped_frames <= 1


async def test_a_device_that_cannot_be_closed_does_not_cost_the_recording(stack, settings, tmp_path):
    class Stuck(NullOut):
        def close(self):
            super().close()
            raise OSError("the device is gone")

    recorder = Recorder(tmp_path / "call.mp4", 64, 64)
    async with Call(stack.bus, settings, NullMic(), Stuck(), NullCamera(), recorder=recorder) as call:
        await call.ready(5)
    assert (tmp_path / "call.mp4").exists()
    assert not call._screen._thread._thread.is_alive()


async def test_after_the_call_no_thread_and_no_lease_is_left(rig, stack):
    before = {thread.name for thread in threading.enumerate()}
    async with rig() as r:
        assert len(r.call.workers) == 4
    await asyncio.sleep(0.05)
    left = {thread.name for thread in threading.enumerate()} - before
    assert not {name for name in left if not name.startswith("asyncio")}
    assert all(not leases._held for leases in stack.leases.values())


async def test_the_picture_may_travel_on_a_connection_of_its_own(stack, settings):
    """Both connections are of one bus here; what matters is that credit and frames use the second session."""
    async with Call(stack.bus, settings, NullMic(), NullOut(), NullCamera(), video_bus=stack.bus) as call:
        await call.ready(5)
        await asyncio.sleep(0.3)
        (face,) = stack.made["face"]
        assert face.acked >= face.sent - 3
        assert call.video_stats().frames > 3


async def test_a_recording_that_cannot_begin_leaves_nothing_running(stack, settings, tmp_path):
    before = set(threading.enumerate())
    recorder = Recorder(tmp_path / "no" / "x.mp4")
    with pytest.raises(Exception, match="cannot be written"):
        async with Call(stack.bus, settings, NullMic(), NullOut(), NullCamera(), recorder=recorder):
            pass
    assert {thread.name.split("_")[0] for thread in set(threading.enumerate()) - before} <= {"asyncio"}


async def test_events_of_a_worker_that_was_replaced_are_not_heard(rig, stack):
    async with rig() as r:
        await asyncio.sleep(0.1)
        zombie = stack.made["llm"][0].session
        await stack.kill("llm")
        await stack.start("llm")
        await until(lambda: "llm" in r.call.workers and r.call.workers["llm"].epoch > zombie.epoch)
        await zombie.publish(ReplyCommitted(turn=1, reply=99))
        await asyncio.sleep(0.1)
        assert r.call._playout._replies.get(99) is None


@pytest.mark.parametrize("flag", ["--language=English", "--height=3840", "--codec=vp9", f"--persona={'x' * 121}"])
def test_a_setting_no_worker_would_take_is_refused_at_the_start(flag):
    with pytest.raises(SettingsError, match="cannot be used"):
        load("edge", EdgeSettings, [flag], {})


def test_settings_become_what_the_workers_are_told(settings):
    config = msgspec.structs.replace(settings, voice="ann", language="uk", bitrate_bps=900_000).session_config()
    assert (config.voice, config.language, config.video.width, config.video.bitrate_bps) == ("ann", "uk", 64, 900_000)
