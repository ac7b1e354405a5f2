import asyncio
import gc
import itertools
import re
import threading

import av
import numpy as np
import psutil
import pytest
from av.video.codeccontext import VideoCodecContext
from visitors import nals, until, visitor

from avatar_contracts import MicFrame, TurnCancel, VideoFrame
from avatar_edge.web import server, visit
from avatar_edge.web.protocol import (
    Answer,
    Bye,
    Caption,
    Configure,
    Decide,
    Hello,
    Mute,
    Offer,
    Problem,
    Real,
    Say,
    State,
    Stop,
    Turn,
    Type,
)
from avatar_edge.web.settings import WebSettings
from avatar_runtime.testing.sessions import Peer

LONG = ("One two three four five six.", "Seven eight nine ten eleven twelve.")


def talkative(stack):
    """The mind answers with 2.4 s of words."""
    stack.makers["llm"] = type("Talkative", (stack.makers["llm"],), {"sentences": LONG})


def voice(seconds=0.5):
    return 0.3 * np.sin(np.arange(int(48_000 * seconds)) * 2 * np.pi * 200 / 48_000)


async def listening(stack, visit, kind="llm"):
    """Another end of the visit's session, which hears everything."""
    hello = await visit.wait_for(Hello)
    peer = Peer(stack.bus, hello.session, kind)
    await peer.session.start()
    return peer


def decoded(units):
    """Mean luma of each picture the units decode to; every one of them does."""
    decoder = VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.options = {"flags": "low_delay", "err_detect": "explode"}
    means = []
    for number, (_, data) in enumerate(units):
        pictures = decoder.decode(av.Packet(data))
        kinds = [unit[0] & 0x1F for unit in nals(data)]
        assert len(pictures) == 1, f"unit {number} of {len(units)} (NAL units {kinds}) gave {len(pictures)} pictures"
        means.append(float(pictures[0].to_ndarray()[pictures[0].height // 2 : pictures[0].height].mean()))
    return means


def loud(sound):
    """RTP time stamp of the first loud sample, and of the one after the last."""
    at = [pts + int(index) for pts, wave in sound for index in np.flatnonzero(np.abs(wave) > 1_500)]
    return at[0], at[-1]


async def test_one_talks_with_the_clone_by_voice_and_sees_and_hears_it_answer(site, stack):
    async with site() as here, visitor(here.url) as v:
        hello = await v.wait_for(Hello)
        assert (hello.media, hello.real, hello.width, hello.height, hello.ice) == (True, False, 64, 64, ())
        await v.connect()
        await asyncio.sleep(0.3)
        v.mic.say(voice())
        report = (await v.wait_for(Turn)).turn
        assert (report.heard, report.reply) == ("hello there", "One two three. Four five six seven.")
        assert (report.errors, report.underruns) == ((), 0)
        await until(lambda: v.heard(State)[-1].state == "listening")
        assert [each.state for each in v.heard(State) if each.state == "speaking"]
        captions = [(each.who, each.text) for each in v.heard(Caption)]
        assert ("person", "hel") in captions
        assert captions[-1] == ("clone", "")
        assert ("clone", "One two three.") in captions
        sounding = np.abs(v.wave) > 1_500
        assert 0.6 < sounding.sum() / 48_000 < 1.4
        spectrum = np.abs(np.fft.rfft(v.wave.astype(float)))
        assert np.argmax(spectrum) * 48_000 / len(v.wave) == pytest.approx(440, abs=2)
        assert v.heard(Problem) == []


async def test_the_units_of_the_face_reach_the_browser_bit_by_bit(site, stack):
    async with site() as here, visitor(here.url) as v:
        face = await listening(stack, v)
        await v.connect()
        await v.send(Type(text="hello"))
        await v.wait_for(Turn)
        passed = in_order(v.units, face.heard(VideoFrame))
        assert len(v.units) - len(passed) <= 20  # until the face's next keyframe
        assert passed[0].keyframe
        assert [frame.seq for frame in passed] == list(range(passed[0].seq, passed[-1].seq + 1))
        assert any(frame.reply for frame in passed)
        assert len(decoded(v.units)) == len(v.units)
        stamps = [stamp for stamp, _ in v.units]
        assert all(0 < (b - a) % 2**32 < 90_000 for a, b in itertools.pairwise(stamps))
        await face.session.close()


async def test_the_answer_is_opus_and_h264_of_one_stream_and_nothing_else(site):
    async with site() as here, visitor(here.url) as v:
        await v.send(Offer(sdp=await v.offer(codecs=("video/VP8", "video/rtx", "video/H264"))))
        sdp = (await v.wait_for(Answer)).sdp
        assert sorted(re.findall(r"a=rtpmap:\d+ (\S+)", sdp)) == ["H264/90000", "opus/48000/2", "rtx/90000"]
        assert "packetization-mode=1;profile-level-id=42e01f" in sdp
        assert len(set(re.findall(r"a=msid:(\S+)", sdp))) == 1
        assert re.findall(r"a=(sendrecv|sendonly)", sdp) == ["sendrecv", "sendonly"]
        assert not re.search(r"typ (srflx|relay)", sdp)


async def test_an_outage_of_the_bus_is_shown_and_the_visit_outlives_it(site, stack):
    async with site() as here, visitor(here.url) as v:
        await v.connect()
        await v.wait_for(State, lambda state: not state.missing)
        await asyncio.sleep(0.5)
        stack.bus.set_connected(False)
        await v.wait_for(State, lambda state: state.state == "offline" and not state.link.connected)
        await v.wait_for(Problem, lambda problem: "the bus is away" in problem.message)
        units = len(v.units)
        await until(lambda: len(v.units) >= units + 10)  # the idle loop
        stack.bus.set_connected(True)
        await v.send(Type(text="hello"))
        await v.wait_for(Turn, lambda turn: not turn.turn.errors)


async def test_by_the_clock_that_the_browser_is_told_the_face_speaks_with_the_voice(site, stack):
    async with site() as here, visitor(here.url) as v:
        await v.connect()
        await until(lambda: all(len(kept) >= 2 for kept in v.clocks))
        await v.send(Type(text="hello"))
        await v.wait_for(Turn)
        await asyncio.sleep(0.3)
        bright = [stamp for (stamp, _), mean in zip(v.units, decoded(v.units), strict=True) if mean > 110]
        origin = v.peer.getTransceivers()[0].receiver._RTCRtpReceiver__timestamp_mapper._origin
        begins, ends = (v.ntp("audio", origin + stamp) for stamp in loud(v.sound))
        assert v.ntp("video", bright[0]) - begins == pytest.approx(0.0, abs=0.05)
        assert -0.05 < v.ntp("video", bright[-1]) - ends < 0.3  # in which the mouth closes


async def test_what_a_browser_gets_can_be_decoded_through_an_interruption(site, stack):
    talkative(stack)
    async with site() as here, visitor(here.url) as v:
        face = await listening(stack, v)
        await v.connect()
        await v.send(Type(text="hello"))
        await v.wait_for(State, lambda state: state.state == "speaking")
        await asyncio.sleep(0.6)
        ears = stack.made["asr"][0].session
        await ears.publish(TurnCancel(turn=1, reason="barge_in"))
        await v.wait_for(Turn)
        await asyncio.sleep(0.6)
        passed = in_order(v.units, face.heard(VideoFrame))
        assert len(passed) >= 20
        assert all(b.seq == a.seq + 1 or b.keyframe for a, b in itertools.pairwise(passed))
        assert len(decoded(v.units)) == len(v.units)
        await face.session.close()


def in_order(units, frames):
    """The frames among the units; pictures that do not change can have the same bytes, so each is looked for once."""
    passed, left = [], iter(frames)
    for _, data in units:
        left, ahead = itertools.tee(left)
        found = next((frame for frame in ahead if nals(frame.data) == nals(data)), None)
        if found is not None:
            passed.append(found)
            left = ahead
    return passed


async def test_when_the_face_stalls_the_picture_moves_on_and_its_own_units_follow_from_a_keyframe(site, stack):
    async with site(face_gap_s=10) as here, visitor(here.url) as v:
        face = await listening(stack, v)
        await v.connect()
        await asyncio.sleep(1.0)
        (scripted,) = stack.made["face"]
        scripted.stalled = True
        await asyncio.sleep(0.7)
        before = len(v.units)
        await until(lambda: len(v.units) >= before + 10, 2.0)
        own = {nals(frame.data) for frame in face.heard(VideoFrame)}
        assert not any(nals(data) in own for _, data in v.units[before:])
        asked = scripted.keyframes
        scripted.stalled = False
        await until(lambda: nals(v.units[-1][1]) in {nals(frame.data) for frame in face.heard(VideoFrame)})
        assert scripted.keyframes == asked + 1
        assert len(decoded(v.units)) == len(v.units)
        stamps = [stamp for stamp, _ in v.units]
        assert max((b - a) % 2**32 for a, b in itertools.pairwise(stamps)) < 0.3 * 90_000
        await face.session.close()


async def test_a_browser_that_lost_the_picture_has_it_back_at_once(site, stack):
    async with site() as here, visitor(here.url) as v:
        await v.connect()
        await asyncio.sleep(1.0)
        (scripted,) = stack.made["face"]
        asked = scripted.keyframes
        receiver = v.peer.getTransceivers()[1].receiver
        ssrc = next(iter(receiver._RTCRtpReceiver__remote_streams))
        before = len(v.units)
        await receiver._send_rtcp_pli(ssrc)
        await until(lambda: any(unit[0] & 0x1F == 5 for _, data in v.units[before:] for unit in nals(data)), 0.3)
        await until(lambda: scripted.keyframes == asked + 1)
        assert len(decoded(v.units)) == len(v.units)


async def test_a_new_offer_replaces_the_connection_and_the_talk_goes_on(site, stack):
    async with site() as here, visitor(here.url) as v:
        await v.connect()
        first = v.peer
        v.mic = type(v.mic)()
        await v.connect()
        assert first.connectionState in ("closed", "failed") or first.iceConnectionState != "new"
        v.mic.say(voice())
        assert (await v.wait_for(Turn)).turn.heard == "hello there"
        assert len(stack.made["llm"]) == 1
        await first.close()


async def test_what_is_asked_by_button_and_by_key_is_done(site, stack):
    talkative(stack)
    async with site() as here, visitor(here.url) as v:
        state = await v.wait_for(State, lambda state: not state.missing)
        assert (state.mode, state.respond, state.patience, state.muted, state.real) == (
            "converse",
            "always",
            "balanced",
            False,
            False,
        )
        assert state.link.connected
        await v.send(Configure(mode="draft", patience="eager"))
        await v.wait_for(State, lambda state: (state.mode, state.patience) == ("draft", "eager"))
        await v.send(Decide(action="speak"))
        assert "no answer waits" in (await v.wait_for(Problem)).message
        await v.send(Real(on=True))
        await v.wait_for(Problem, lambda problem: "own" in problem.message or "webcam" in problem.message)
        await v.send(Configure(mode="converse"))
        await v.send(Say(text="Exactly these words, and a good deal more of them."))
        await v.wait_for(State, lambda state: state.state == "speaking")
        await v.send(Stop())
        report = (await v.wait_for(Turn)).turn
        assert (report.verbatim, report.cancelled) == (True, "stop")


async def test_while_muted_the_clone_hears_digital_silence(site, stack):
    async with site() as here, visitor(here.url) as v:
        ears = await listening(stack, v)
        await v.connect()
        await v.send(Mute(on=True))
        await v.wait_for(State, lambda state: state.muted)
        muted_from = len(ears.heard(MicFrame))
        v.mic.say(voice(0.6))
        await asyncio.sleep(0.9)
        frames = ears.heard(MicFrame)[muted_from:]
        assert not any(any(frame.pcm) for frame in frames)
        await v.send(Mute(on=False))
        await v.wait_for(State, lambda state: not state.muted)
        v.mic.say(voice())
        await v.wait_for(Turn)
        frames = ears.heard(MicFrame)
        assert [frame.start for frame in frames] == [320 * index for index in range(len(frames))]
        await ears.session.close()


async def test_the_disclosure_is_said_once_somebody_can_hear_it(site, stack):
    async with site(disclosure="You are talking to a clone.") as here, visitor(here.url) as v:
        hello = await v.wait_for(Hello)
        assert hello.disclosure == "You are talking to a clone."
        await v.wait_for(State, lambda state: not state.missing)
        await asyncio.sleep(0.5)
        assert not any(state.state == "speaking" for state in v.heard(State))
        await v.connect()
        report = (await v.wait_for(Turn)).turn
        assert (report.reply, report.verbatim) == ("You are talking to a clone.", True)
        assert (np.abs(v.wave) > 1_500).sum() / 48_000 > 0.6


async def test_the_next_visitor_is_told_when_as_many_as_may_are_talking(site, stack):
    async with site(WebSettings(port=0, sessions=1)) as here:
        async with visitor(here.url) as first:
            await first.wait_for(Hello)
            async with visitor(here.url) as second:
                bye = await second.wait_for(Bye)
                assert bye.again
                assert "somebody is talking with the clone already" in bye.reason
                await second.ended()
            assert here.lobby.visits == 1
        await until(lambda: here.lobby.visits == 0)
        async with visitor(here.url) as third:
            await third.wait_for(Hello)


async def test_visitors_that_come_too_fast_are_told_to_wait(site, monkeypatch):
    monkeypatch.setattr(visit, "VISITS_AT_ONCE", 2)
    async with site() as here:
        for _ in range(2):
            async with visitor(here.url) as v:
                await v.wait_for(Hello)
        async with visitor(here.url) as v:
            assert "too many visits" in (await v.wait_for(Bye)).reason


async def test_two_visitors_each_have_a_call_of_their_own(site, stack):
    async with site() as here, visitor(here.url) as a, visitor(here.url) as b:
        assert (await a.wait_for(Hello)).session != (await b.wait_for(Hello)).session
        await b.wait_for(State, lambda state: not state.missing)
        await a.send(Type(text="hello"))
        await a.wait_for(Turn)
        assert b.heard(Turn) == []
        assert len(stack.made["llm"]) == 2


async def test_messages_nobody_understands_are_answered_and_at_last_end_the_visit(site):
    async with site() as here, visitor(here.url) as v:
        await v.wait_for(Hello)
        bad = [
            "",
            "{",
            "[]",
            "null",
            '{"type": "nonsense"}',
            '{"type": "type"}',
            '{"type": "type", "text": ""}',
            "[" * 9_000,
        ]
        bad += ['{"type": "mute", "on": "yes"}', '{"type": "configure", "mode": "shout"}', '{"type": "say", "text": 7}']
        for text in bad:
            await v.socket.send(text)
        await v.socket.send(b"\xff\xfe\x00")
        await until(lambda: len(v.heard(Problem)) == len(bad) + 1)
        assert all("not understood" in problem.message for problem in v.heard(Problem))
        await v.send(Type(text="still here"))
        await v.wait_for(Turn)
        for _ in range(8):
            await v.socket.send("{")
        assert "cannot be understood" in (await v.wait_for(Bye)).reason
        await v.ended()
        await until(lambda: here.lobby.visits == 0)


async def test_a_message_beyond_all_bounds_ends_the_visit_and_nothing_else(site):
    async with site() as here, visitor(here.url) as other:
        await other.wait_for(Hello)
        async with visitor(here.url) as v:
            await v.wait_for(Hello)
            await v.socket.send("x" * (server.MESSAGE_BYTES + 1))
            await v.ended()
        await until(lambda: here.lobby.visits == 1)
        await other.send(Type(text="hello"))
        await other.wait_for(Turn)


async def test_a_visitor_that_vanishes_without_a_word_frees_everything(site, stack, monkeypatch):
    monkeypatch.setattr(server, "PING_S", 0.2)
    monkeypatch.setattr(server, "PONG_S", 0.3)
    async with site() as here:
        async with visitor(here.url) as v:
            await v.connect()
            v.socket.transport.pause_reading()  # no pong will come, and no end of the connection either
            await until(lambda: here.lobby.visits == 0)
            await until(lambda: not stack.leases["llm"]._held)
            v.socket.transport.abort()
        async with visitor(here.url) as w:
            await w.wait_for(State, lambda state: not state.missing)


async def test_when_the_media_connection_fails_the_visit_goes_on_and_takes_a_new_one(site, stack):
    async with site() as here, visitor(here.url) as v:
        await v.connect()
        await v.peer.close()
        assert "media connection is lost" in (await v.wait_for(Problem)).message
        await v.send(Type(text="hello"))
        await v.wait_for(Turn)
        v.mic = type(v.mic)()
        await v.connect()


async def test_an_offer_without_h264_is_refused_in_words(site):
    async with site() as here, visitor(here.url) as v:
        await v.send(Offer(sdp=await v.offer(codecs=("video/VP8",))))
        assert "no H.264" in (await v.wait_for(Problem)).message
        assert v.heard(Answer) == []


def hostile(good):
    """Fifty offers no browser makes."""
    lines = good.split("\r\n")
    yield from (
        "",
        "v=0",
        "\x00" * 100,
        "m=audio",
        "nonsense\r\n" * 50,
        good[: len(good) // 2],
        good.replace("\r\n", " "),
    )
    for what in (
        "v=0",
        "o=",
        "s=",
        "t=",
        "m=audio",
        "m=video",
        "c=",
        "a=mid",
        "a=ice-ufrag",
        "a=ice-pwd",
        "a=rtcp-mux",
    ):
        yield "\r\n".join(line for line in lines if not line.startswith(what))
    for what, instead in (
        ("a=fingerprint", "a=fingerprint:sha-256 zz"),
        ("a=fingerprint", "a=fingerprint:md5 00:11"),
        ("a=setup", "a=setup:nonsense"),
        ("a=ice-ufrag", "a=ice-ufrag:"),
        ("a=ice-ufrag", "a=ice-ufrag:" + "x" * 5_000),
        ("a=ice-pwd", "a=ice-pwd:\u0000"),
        ("a=group", "a=group:BUNDLE 7 8 9"),
        ("a=group", "a=group:BUNDLE"),
        ("a=mid", "a=mid:0"),
        ("a=rtpmap", "a=rtpmap:x H264/90000"),
        ("a=rtpmap", "a=rtpmap:96 opus/0"),
        ("a=fmtp", "a=fmtp:97 profile-level-id=zzzzzz"),
        ("a=fmtp", "a=fmtp:"),
        ("a=extmap", "a=extmap:99999999999999999999 urn:x"),
        ("a=ssrc", "a=ssrc:99999999999999999999 cname:x"),
        ("a=candidate", "a=candidate:1 1 udp 1 300.300.300.300 99999 typ host"),
        ("a=candidate", "a=candidate:1 1 udp 1 192.0.2.77 9 typ host"),
        ("a=candidate", "a=candidate:1 1 udp 1 nowhere.local 9 typ host"),
        ("a=candidate", "a=candidate:1"),
        ("a=candidate", "a=candidate:1 x udp y z typ host"),
        ("a=sendrecv", "a=inactive"),
        ("c=", "c=IN IP9 nonsense"),
        ("m=audio", "m=audio -1 X 0"),
        ("m=video", "m=video 99999999999 UDP/TLS/RTP/SAVPF 97"),
        ("m=video", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"),
    ):
        yield "\r\n".join(instead if line.startswith(what) else line for line in lines)
    yield good + "m=video 9 UDP/TLS/RTP/SAVPF 97\r\n" * 500
    yield good + "a=candidate:1 1 udp 1 192.0.2.77 9 typ host\r\n" * 300
    yield good.replace("H264", "H265")
    yield good.replace("opus", "speex")
    yield good.replace("packetization-mode=1", "packetization-mode=0")
    yield good.replace("42e01f", "640c34").replace("42001f", "640c34")
    yield "x" * 63_000


async def test_fifty_hostile_offers_each_get_an_answer_or_a_problem_and_leave_nothing_behind(site, stack, monkeypatch):
    monkeypatch.setattr(visit, "OFFERS_AT_ONCE", 1_000)
    async with site() as here, visitor(here.url) as v:
        await v.connect()
        good = v.peer.localDescription.sdp
        await v.peer.close()
        await v.wait_for(Problem)
        await asyncio.sleep(0.3)
        before = await baseline()
        offers = list(hostile(good))
        assert len(offers) == 50
        for sdp in offers:
            told = len(v.heard(Problem)) + len(v.heard(Answer))
            await v.send(Offer(sdp=sdp))
            await until(lambda told=told: len(v.heard(Problem)) + len(v.heard(Answer)) > told)
        assert len(v.heard(Problem)) >= 30
        assert all(problem.service == "page" and problem.message for problem in v.heard(Problem))
        v.mic = type(v.mic)()
        await v.connect()
        v.mic.say(voice())
        await v.wait_for(Turn)
        await v.peer.close()
        await v.wait_for(Problem, lambda problem: problem is v.heard(Problem)[-1])
        await asyncio.sleep(0.5)
        assert await baseline() == pytest.approx(before, abs=3)


async def baseline():
    """Threads, tasks and open files of this process."""
    gc.collect()
    await asyncio.sleep(0.05)
    return [threading.active_count(), len(asyncio.all_tasks()), psutil.Process().num_fds()]


@pytest.mark.timeout(120)
async def test_two_hundred_visits_leave_nothing_behind(site, stack, monkeypatch):
    monkeypatch.setattr(visit, "VISITS_AT_ONCE", 1_000)
    async with site() as here:

        async def visit_once(*, connect):
            async with visitor(here.url) as v:
                if connect:
                    await v.connect()
                else:
                    await v.wait_for(State, lambda state: not state.missing)
            await until(lambda: here.lobby.visits == 0)

        for _ in range(3):
            await visit_once(connect=True)
        await asyncio.sleep(0.2)
        before = await baseline()
        for index in range(200):
            await visit_once(connect=index % 10 == 0)
        await asyncio.sleep(0.2)
        after = await baseline()
        assert all(there <= max(was + 1, was * 1.05) for was, there in zip(before, after, strict=True)), (before, after)
        assert not [held for leases in stack.leases.values() for held in leases._held]
        assert len(stack.bus._state_callbacks) <= 2


async def test_the_end_of_the_service_is_told_to_those_who_talk(site):
    async with site() as here, visitor(here.url) as v:
        await v.connect()
        await here.lobby.close()
        assert "being stopped" in (await v.wait_for(Bye)).reason
        await v.ended()
