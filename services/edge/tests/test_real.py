import asyncio
import time

import msgspec
import numpy as np
import pytest

from avatar_contracts import ErrorRaised, MicFrame, SessionReal, SessionWorkers, TurnStop, encode, ids
from avatar_edge import Call, FileMic, MemoryCamera, MemoryOut, NullCamera, Picture, RealMissing, takeover
from avatar_edge.console import Console
from avatar_edge.outside import ask_real
from avatar_edge.picture import blank
from avatar_edge.real import RealMe
from avatar_runtime.bus import CommandFailed
from avatar_runtime.testing.sessions import Peer

LONG = ("One two three four five six.", "Seven eight nine ten eleven twelve.")
OWN = 120
"""Brightness of the person's own picture: the idle face has 60, the speaking one 200."""


def flat(level, size=64):
    i420 = np.full((size * 3 // 2, size), 128, np.uint8)
    i420[:size] = level
    return Picture(i420)


class Steady:
    """A voice that says one number; counts what is asked of it."""

    def __init__(self, level):
        self.level, self.reads = level, 0

    def read(self, count, rate):
        self.reads += 1
        return np.full(count, self.level, np.int16)


class StillCamera:
    """The person's own camera: gives its picture so long after being woken."""

    def __init__(self, after_s=0.0, picture=None):
        self.after_s, self.picture = after_s, picture or flat(OWN)
        self.awake_at = None
        self.error = ""
        self.opened = self.closed = 0

    def open(self):
        self.opened += 1

    def wake(self, *, on):
        self.awake_at = time.perf_counter() if on else None

    def newest(self):
        ready = self.awake_at is not None and time.perf_counter() - self.awake_at >= self.after_s
        return self.picture if ready else None

    def close(self):
        self.closed += 1


def level(picture):
    """Brightness of the lower half, where no face has a moving bar."""
    return int(np.median(picture.planes()[0][picture.height // 2 :]))


async def until(condition, timeout_s=5.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the outcome of several threads
            await asyncio.sleep(0.005)


class Person:
    """A call of somebody who hums at 300 Hz all the time, and has a camera."""

    def __init__(self, stack, settings, camera=None, **changes):
        self.bus = stack.bus
        self.mic, self.out, self.screen = FileMic(), MemoryOut(), MemoryCamera(keep=2_000)
        self.camera = camera if camera is not None else StillCamera()
        settings = msgspec.structs.replace(settings, **changes)
        self.call = Call(stack.bus, settings, self.mic, self.out, self.screen, webcam=self.camera)
        self.peer = Peer(stack.bus, self.call.session_id)

    async def __aenter__(self):
        await self.peer.session.start()
        await self.call.__aenter__()
        await self.call.ready(5)
        return self

    async def __aexit__(self, *error):
        await self.call.__aexit__(*error)
        await self.peer.session.close()

    def hum(self, seconds, level=6_000):
        self.mic.cue((level * np.sin(np.arange(int(16_000 * seconds)) * 2 * np.pi * 300 / 16_000)).astype(np.int16))

    def heard(self, begin, end):
        """What went to the virtual microphone between two moments of the edge clock."""
        samples = self.out.samples()
        low, high = (round((at - self.out.began_at) * self.out.rate) for at in (begin, end))
        return samples[low:high]

    def loud_from(self, at):
        """When the virtual microphone was first loud after `at`."""
        loud = np.flatnonzero(np.abs(self.heard(at, at + 2).astype(int)) > 2_000)
        return at + loud[0] / self.out.rate

    def levels(self, since, until_=float("inf")):
        return [(at, level(picture)) for at, picture in list(self.screen.pushes) if since <= at < until_]


@pytest.fixture
def person(stack, settings):
    return lambda camera=None, **changes: Person(stack, settings, camera, **changes)


# --- the exchange itself -----------------------------------------------------------------------------------------


def test_one_voice_fades_into_the_other_within_10_ms_and_back():
    own = Steady(-4_000)
    real = RealMe(own, None)
    clone = np.full(480, 4_000, np.int16)
    assert real.voice(clone, 48_000) is clone
    assert own.reads == 0
    real.switch(on=True)
    fading = real.voice(clone, 48_000)
    assert np.array_equal(fading, np.rint(4_000 - 8_000 * np.arange(1, 481) / 480))
    assert (real.voice(clone, 48_000) == -4_000).all()
    real.switch(on=False)
    back = np.concatenate([real.voice(clone[:100], 48_000) for _ in range(5)])
    assert np.array_equal(back[:480], -fading)
    assert (back[480:] == 4_000).all()
    assert real.voice(clone, 48_000) is clone


def test_one_face_fades_into_the_other_over_three_pictures_and_back():
    camera = StillCamera()
    real = RealMe(None, camera)
    clone = flat(60)
    assert real.picture(clone) is clone
    real.switch(on=True)
    assert [level(real.picture(clone)) for _ in range(4)] == [80, 100, 120, 120]
    real.switch(on=False)
    assert camera.awake_at is not None
    assert [level(real.picture(clone)) for _ in range(3)] == [100, 80, 60]
    assert camera.awake_at is None
    assert real.picture(clone) is clone


def test_the_clone_stays_until_the_camera_has_a_picture_but_not_for_long():
    clone, now = flat(60), [0.0]
    real = RealMe(None, StillCamera(after_s=1e9), clock=lambda: now[0])
    real.switch(on=True)
    assert real.picture(clone) is clone
    now[0] = 0.11
    shown = [real.picture(clone) for _ in range(3)][-1]
    assert np.array_equal(shown.i420, blank(64, 64).i420)


def test_without_a_camera_a_card_is_shown_and_without_a_microphone_there_is_silence():
    real = RealMe(None, None)
    assert not real.available
    real = RealMe(Steady(5), None)
    assert real.available
    real.switch(on=True)
    assert np.array_equal([real.picture(flat(60)) for _ in range(3)][-1].i420, blank(64, 64).i420)
    silent = RealMe(None, StillCamera())
    silent.switch(on=True)
    silent.voice(np.full(960, 9, np.int16), 48_000)
    assert not silent.voice(np.full(960, 9, np.int16), 48_000).any()


def test_a_camera_of_another_shape_is_letterboxed():
    real = RealMe(None, StillCamera(picture=Picture(np.full((48, 64), 120, np.uint8))))
    real.switch(on=True)
    shown = [real.picture(flat(60)) for _ in range(3)][-1]
    assert (shown.width, shown.height) == (64, 64)
    assert (shown.planes()[0][:16] == 16).all()
    assert (shown.planes()[0][16:48] == 120).all()


def test_switched_off_before_the_first_picture_the_camera_sleeps_again():
    camera = StillCamera(after_s=1e9)
    real = RealMe(None, camera)
    real.switch(on=True)
    real.switch(on=False)
    clone = flat(60)
    assert real.picture(clone) is clone
    assert camera.awake_at is None


async def test_the_file_microphone_gives_its_voice_at_any_rate_without_gaps():
    mic = FileMic()
    mic.cue((8_000 * np.sin(np.arange(16_000) * 2 * np.pi * 300 / 16_000)).astype(np.int16))
    mic.open(lambda _: None)
    await asyncio.sleep(0.3)  # what nobody read is forgotten
    began, parts = time.perf_counter(), []
    while len(parts) < 40:
        parts.append(mic.live.read(480, 48_000))
        await asyncio.sleep(max(0, began + 0.01 * len(parts) - time.perf_counter()))
    mic.close()
    heard = np.concatenate(parts)[4_800:].astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 48_000 / len(heard) == pytest.approx(300, abs=10)
    assert np.max(np.abs(np.diff(heard))) < 1_000


# --- a call ------------------------------------------------------------------------------------------------------


async def test_within_200_ms_the_person_is_seen_and_heard_and_within_200_ms_the_clone_is_back(person):
    async with person(StillCamera(after_s=0.04)) as p:
        p.hum(3)
        await asyncio.sleep(0.4)
        on_at = time.perf_counter()
        await p.call.real(True)
        assert (p.call.real_on, p.call.state) == (True, "real")
        await asyncio.sleep(0.6)
        off_at = time.perf_counter()
        await p.call.real(False)
        await asyncio.sleep(0.4)
        assert not p.call.real_on
        assert p.call.errors == []
    heard_ms = (p.loud_from(on_at) - on_at) * 1000
    seen_ms = (next(at for at, shown in p.levels(on_at) if abs(shown - OWN) <= 2) - on_at) * 1000
    assert heard_ms < 200
    assert seen_ms < 200
    assert not p.heard(off_at + 0.2, off_at + 0.35).any()
    gone_ms = (next(at for at, shown in p.levels(off_at) if shown <= 75) - off_at) * 1000
    assert gone_ms < 200
    assert all(abs(shown - OWN) <= 2 for _, shown in p.levels(on_at + 0.2, off_at))
    assert (p.camera.opened, p.camera.closed) == (1, 1)


async def test_the_ears_hear_silence_and_their_clock_goes_on(person):
    async with person() as p:
        p.hum(1.5)
        await asyncio.sleep(0.2)
        await p.call.real(True)
        on = p.mic.position
        await asyncio.sleep(0.5)
        off = p.mic.position
        await p.call.real(False)
        await asyncio.sleep(0.3)
    frames = p.peer.heard(MicFrame)
    loud = {frame.start: bool(np.frombuffer(frame.pcm, np.int16).any()) for frame in frames}
    assert list(loud) == list(range(0, 320 * len(loud), 320))
    assert any(loud[start] for start in loud if start < on)
    assert not any(loud[start] for start in loud if on < start < off)
    assert any(loud[start] for start in loud if start > off + 640)


async def test_the_answer_that_sounds_stops_at_once_and_the_history_ends_there(person, stack):
    stack.makers["llm"] = type("Talkative", (stack.makers["llm"],), {"sentences": LONG})
    async with person() as p:
        await p.call.type("hi")
        await until(lambda: p.call.state == "speaking")
        await asyncio.sleep(0.5)
        at = time.perf_counter()
        await p.call.real(True)
        report = await p.call.turn_done(1, timeout_s=3)
        assert report.interrupted
        assert 0 < report.played_ms < 1_000
        assert report.errors == ()
        assert p.peer.heard(TurnStop)
        await asyncio.sleep(0.5)
        assert np.abs(p.heard(at + 0.1, time.perf_counter() - 0.1)).max() < 4  # dither
        assert stack.made["llm"][0].progress[-1].state == "stopped"


async def test_what_was_being_said_before_and_what_is_typed_meanwhile_is_not_answered(person, said):
    async with person() as p:
        p.mic.cue(said)
        await asyncio.sleep(0.3)
        await p.call.real(True)
        await asyncio.sleep(0.2)
        await p.call.type("and this?")
        await asyncio.sleep(0.8)
        assert p.call.state == "real"
        assert not p.call._playout.busy
        await p.call.real(False)
        await asyncio.sleep(0.3)
        assert not p.call._playout.busy
        await p.call.type("hello again")
        await until(lambda: p.call.state == "speaking")


async def test_a_program_of_the_person_s_switches_again_and_again_and_disturbs_nothing(person):
    async with person() as p:
        for on in (True, False, True):
            await ask_real(p.bus, p.call.session_id, on=on)
            await until(lambda on=on: p.call.real_on is on)
            await asyncio.sleep(0.01)
        await ask_real(p.bus, p.call.session_id, on=False)
        await until(lambda: not p.call.real_on)
        # The edge's own events are heard as before, by itself too.
        before = len(p.peer.heard(SessionWorkers))
        await p.call._seat.workers_changed(tuple(p.call.workers.values()))
        await until(lambda: len(p.peer.heard(SessionWorkers)) == before + 1)
        await p.call.type("hi")
        assert (await p.call.turn_done(1, timeout_s=5)).reply


async def test_a_repeated_command_switches_once_and_a_stale_or_broken_one_not_at_all(person):
    async with person() as p:
        subject = ids.event_subject(p.call.session_id, "session.real")
        await ask_real(p.bus, p.call.session_id, on=True)
        await until(lambda: p.call.real_on)
        for data in (encode(SessionReal(on=False, epoch=1, seq=1)), b"\xc1", encode(SessionReal(on=False))):
            await p.bus.publish(subject, data)
        await asyncio.sleep(0.1)
        assert p.call.real_on
        assert p.call.errors == []


async def test_without_an_edge_the_program_is_told(stack):
    with pytest.raises(CommandFailed, match=r"session\.real was not taken"):
        await ask_real(stack.bus, ids.new_session_id(), on=True)


async def test_without_camera_and_microphone_it_is_refused_in_words_and_on_the_bus(stack, settings):
    class Deaf:
        """A microphone that offers no live voice, as that of a page does not."""

        acoustic = False

        def open(self, deliver):
            pass

        def close(self):
            pass

        def voiced_end(self, heard, margin):
            return None

    async with Call(stack.bus, settings, Deaf(), MemoryOut(), NullCamera()) as call:
        await call.ready(5)
        assert not call.real_available
        with pytest.raises(RealMissing, match="--webcam 0"):
            await call.real(True)
        await ask_real(stack.bus, call.session_id, on=True)
        await until(lambda: call.errors)
        assert call.errors[-1].code == "real.missing"
        assert not call.real_on


async def test_a_loudspeaker_is_never_given_the_person_s_own_voice(stack, settings):
    out = type("Loud", (MemoryOut,), {"acoustic": True})()
    async with Call(stack.bus, settings, FileMic(), out, NullCamera(), webcam=StillCamera()) as call:
        assert call._real._voice is None
        assert call.real_available


async def test_the_terminal_switches_and_toggles(person):
    async with person() as p:
        console = Console(p.call)
        assert await console.obey("/real on") == "you yourself are seen and heard"
        assert p.call.real_on
        assert await console.obey("/real") == "the clone is seen and heard"
        assert await console.obey("/real") == "you yourself are seen and heard"
        assert await console.obey("/real off") == "the clone is seen and heard"
        assert await console.obey("/real maybe") == "'maybe' is neither on nor off"
        assert not p.call.real_on


# --- by itself ---------------------------------------------------------------------------------------------------


@pytest.fixture
def _hasty(monkeypatch):
    monkeypatch.setattr(takeover, "STABLE_S", 0.4)
    monkeypatch.setattr(takeover, "PAUSE_S", 0.2)


def codes(call):
    return [error.code for error in call.errors if error.code.startswith("real")]


@pytest.mark.usefixtures("_hasty")
async def test_once_the_bus_is_lost_the_person_takes_over_and_the_clone_comes_back_announced_in_a_pause(person):
    async with person(real_after_s=0.3) as p:
        lost_at = time.perf_counter()
        p.bus.set_connected(False)
        await until(lambda: p.call.real_on)
        assert 0.3 <= time.perf_counter() - lost_at < 0.6
        assert p.call.state == "real"
        assert codes(p.call) == ["real.on"]
        p.hum(1.2)  # they speak on while the bus comes back
        p.bus.set_connected(True)
        await until(lambda: "real.ending" in codes(p.call))
        back_at = time.perf_counter()
        await asyncio.sleep(0.7)
        assert p.call.real_on
        await until(lambda: not p.call.real_on)
        assert time.perf_counter() - back_at > 0.9
        assert codes(p.call) == ["real.on", "real.ending", "real.off"]
        await p.call.type("hi")
        assert (await p.call.turn_done(1, timeout_s=5)).reply


@pytest.mark.usefixtures("_hasty")
async def test_a_bus_that_comes_and_goes_brings_the_clone_back_only_when_it_stays(person):
    async with person(real_after_s=0.2) as p:
        p.bus.set_connected(False)
        await until(lambda: p.call.real_on)
        for _ in range(3):
            p.bus.set_connected(True)
            await asyncio.sleep(0.25)
            p.bus.set_connected(False)
            await asyncio.sleep(0.15)
        assert p.call.real_on
        p.bus.set_connected(True)
        await until(lambda: not p.call.real_on)


@pytest.mark.usefixtures("_hasty")
async def test_the_person_s_word_goes_before_what_happens_by_itself(person):
    async with person(real_after_s=0.2) as p:
        p.bus.set_connected(False)
        await until(lambda: p.call.real_on)
        await p.call.real(False)
        await asyncio.sleep(0.5)
        assert not p.call.real_on  # not again in this outage
        p.bus.set_connected(True)
        await asyncio.sleep(0.3)
        p.bus.set_connected(False)
        await until(lambda: p.call.real_on)
        await p.call.real(True)  # they want to stay
        p.bus.set_connected(True)
        await asyncio.sleep(1.0)
        assert p.call.real_on


async def test_where_it_was_not_chosen_nothing_happens_by_itself(person):
    async with person() as p:
        p.bus.set_connected(False)
        await asyncio.sleep(0.6)
        assert not p.call.real_on
        assert p.call.state == "offline"
        p.bus.set_connected(True)


async def test_a_webcam_that_fails_is_told_once_and_again_when_it_fails_again(person):
    async with person() as p:
        for _ in range(2):
            p.camera.error = "the webcam 0 gives no pictures any more; plug it in again"
            await asyncio.sleep(0.35)
            p.camera.error = ""
            await asyncio.sleep(0.25)
        lost = [error for error in p.call.errors if error.code == "webcam.lost"]
        assert len(lost) == 2
        assert isinstance(lost[0], ErrorRaised)
        assert lost[0].hint == "it is tried again every second"
