"""The edge among services that talk nonsense: it counts it, says what a person should know, and the call goes on."""

from collections import Counter

import msgspec
import numpy as np
import pytest

from avatar_contracts import (
    AsrPartial,
    ErrorRaised,
    LlmDelta,
    LlmDone,
    LlmSentence,
    MalformedEvent,
    PayloadTooLarge,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDeclined,
    ReplyProposed,
    SessionReal,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnText,
    VideoFrame,
    encode,
    ids,
    spec_of,
)
from avatar_edge import Call, EdgeSettings, MemoryOut, NullCamera, NullMic
from avatar_runtime.testing.networks import until

NESTED = b"\x91" * 1_000 + b"\xc0"
HEARD = (
    SessionReal(on=True),
    SpeechStarted(turn=1, at=0),
    SpeechStopped(turn=1, at=0),
    SpeechOverlap(turn=1, state="hold"),
    AsrPartial(turn=1, text="x"),
    TurnText(turn=1, text="x", language="en", end_reason="typed"),
    TurnCancel(turn=1, reason="stop"),
    LlmDelta(turn=1, reply=1, text="x"),
    LlmSentence(turn=1, reply=1, sentence=0, text="x", language="en"),
    LlmDone(turn=1, reply=1, sentences=1),
    ReplyCommitted(turn=1, reply=1),
    ReplyCancelled(turn=1, reply=1, reason="draft"),
    ReplyProposed(turn=1, reply=1, text="x", language="en"),
    ReplyDeclined(turn=1, reason="silent"),
    TtsChunk(turn=1, reply=1, sentence=0, rate=16_000, start=0, pcm=b""),
    TtsDone(turn=1, reply=1, samples=0),
    VideoFrame(reply=0, pts=0, rate=16_000, codec="h264", keyframe=True, width=2, height=2, data=b""),
    ErrorRaised(service="asr", code="x", message="x"),
)


@pytest.fixture
def out():
    return MemoryOut()


@pytest.fixture
async def call(floor, out):
    """A call on the same server, to be entered by the test."""
    return Call(floor.bus, EdgeSettings(width=128, height=128), NullMic(), out, NullCamera())


async def is_answered(call, out) -> None:
    """A typed line is answered with sound and with pictures of the face that speaks it."""
    await call.type("What is your name?")
    await until(lambda: np.abs(out.samples().astype(int)).max(initial=0) > 1_000)
    await until(lambda: call.av_skew_ms()["frames"] > 3)
    assert call.state == "speaking"


async def test_nonsense_on_every_subject_of_the_edge_is_counted_and_the_call_goes_on(floor, call, out):
    floor.session_id = call.session_id
    async with call:
        await call.ready()
        assert {spec_of(event).tag for event in HEARD} == set(call._session._inlets) - {"session.workers"}
        for event in HEARD:
            spec = spec_of(event)
            good = msgspec.msgpack.decode(encode(event))
            bad = [b"", b"\xc1", NESTED, encode(event)[:-1], msgspec.msgpack.encode(good | {"epoch": "x"})]
            bad.append(msgspec.msgpack.encode(good | {"t": "nonesuch.event"}))
            before = floor.outcomes("edge", spec.tag)
            for data in bad:
                await floor.send(spec.tag, data)
            await floor.send(spec.tag, bytes(spec.cap_bytes + 1))
            await floor.send(spec.tag, encode(event), {"Av-V": "9"})
            expected = Counter(malformed=len(bad), oversized=1, version=1)
            await until(lambda tag=spec.tag, before=before, wanted=expected: _bad(floor, tag, before) == wanted)
        assert call.errors == []
        await is_answered(call, out)


def _bad(floor, tag: str, before: Counter[str]) -> Counter[str]:
    return Counter({key: count for key, count in (floor.outcomes("edge", tag) - before).items() if key != "taken"})


async def test_workers_that_answer_with_nonsense_are_left_for_ones_that_do_not(floor, call, out):
    """Half of the claims go to impostors; the call finds the real workers all the same."""
    impostors = {"asr": b"", "llm": NESTED, "tts": b"\xc1" * 50, "face": bytes(300_000)}
    claims: Counter[str] = Counter()
    for kind, nonsense in impostors.items():

        def answer(message, kind=kind, nonsense=nonsense) -> None:
            claims[kind] += 1
            floor.peer.session.spawn(floor.bus.publish(message.reply, nonsense), "impostor")

        await floor.bus.subscribe(ids.claim_subject(kind), answer, queue=kind)
    async with call:
        await call.ready()
        await is_answered(call, out)
    assert claims


async def test_a_line_that_cannot_travel_is_refused_to_the_person_and_the_next_one_is_answered(call, out):
    async with call:
        await call.ready()
        with pytest.raises(PayloadTooLarge, match=r"100000 bytes|1000\d\d bytes"):
            await call.type("x" * 100_000)
        with pytest.raises(MalformedEvent, match="8000"):
            await call.type("x" * 9_000)
        await call.type("\0\u202e")
        await until(lambda: [error.code for error in call.errors] == ["turn.empty"])
        await is_answered(call, out)
