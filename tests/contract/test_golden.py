"""Bytes that were once on the wire must keep their meaning for ever.

`golden/` holds one file per sample of an event or request, in hexadecimal. A message that gains fields keeps its
samples and gets a further one (``mic.pcm.2``) that sets them. A new sample gets its file by running this module,
``python tests/contract/test_golden.py``; it never touches those that exist, because changing one is the very
break of the contract that these tests are there to catch.
"""

from pathlib import Path

import msgspec
import pytest

from avatar_contracts import (
    Ack,
    AsrPartial,
    Claim,
    Claimed,
    ErrorRaised,
    Exchange,
    LlmDelta,
    LlmDone,
    LlmSentence,
    MicFrame,
    Pending,
    Ping,
    PlaybackProgress,
    Pong,
    Refused,
    Release,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDecision,
    ReplyDeclined,
    ReplyProposed,
    SessionClosed,
    SessionConfig,
    SessionConfigured,
    SessionOpened,
    SessionReal,
    SessionWorkers,
    SpeechOverlap,
    SpeechStarted,
    SpeechStopped,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnDraft,
    TurnStop,
    TurnText,
    TurnTyped,
    VideoAck,
    VideoFormat,
    VideoFrame,
    VideoKeyframe,
    VideoRate,
    Viseme,
    Word,
    WorkerLease,
    decode,
    decode_control,
    encode,
    encode_control,
    specs,
)

GOLDEN = Path(__file__).parent / "golden"
CONFIG = SessionConfig(
    language="uk",
    persona="host",
    user_name="Олена",
    voice="v1",
    face="f1",
    video=VideoFormat(width=1280, height=720, bitrate_bps=1_500_000, codec="jpeg"),
)
CONFIG_2 = msgspec.structs.replace(CONFIG, mode="draft", respond="addressed", patience="patient", speculate=False)
STAMP = {"epoch": 3, "seq": 70_000}
EVENTS = [
    SessionOpened(config=CONFIG, **STAMP),
    SessionOpened(config=CONFIG_2, **STAMP),
    SessionConfigured(config=CONFIG_2, **STAMP),
    SessionReal(on=True, **STAMP),
    SessionWorkers(workers=(WorkerLease(kind="tts", worker="tts-4f0k2m", epoch=3),), **STAMP),
    SessionClosed(reason="hung up", **STAMP),
    MicFrame(rate=16_000, start=320, pcm=b"\x00\x80\xff\x7f", **STAMP),
    MicFrame(rate=16_000, start=320, pcm=b"\x00\x80\xff\x7f", guard=True, **STAMP),
    SpeechStarted(turn=2, at=48_000, **STAMP),
    SpeechStopped(turn=2, at=96_000, discarded=True, **STAMP),
    SpeechOverlap(turn=2, state="resume", why="backchannel", **STAMP),
    AsrPartial(turn=2, text="what is", **STAMP),
    TurnDraft(turn=2, revision=1, text="what is it", language="en", speech_end=96_000, **STAMP),
    TurnText(
        turn=2,
        text="Котра година?",
        language="uk",
        end_reason="smart_turn",
        end_probability=0.75,
        speech_start=48_000,
        speech_end=96_000,
        decode_ms=81.5,
        **STAMP,
    ),
    TurnText(
        turn=2,
        text="Котра година?",
        language="uk",
        end_reason="smart_turn",
        end_probability=0.75,
        speech_start=48_000,
        speech_end=96_000,
        decode_ms=81.5,
        continues=1,
        verbatim=True,
        interruptible=False,
        **STAMP,
    ),
    TurnCancel(turn=2, reason="barge_in", **STAMP),
    TurnTyped(client_id="c-1", text="hello", language="en", **STAMP),
    TurnTyped(client_id="c-1", text="hello", language="en", verbatim=True, interruptible=False, **STAMP),
    TurnStop(**STAMP),
    LlmDelta(turn=2, reply=5, text=" it is", **STAMP),
    LlmSentence(turn=2, reply=5, sentence=1, text="It is noon.", language="en", **STAMP),
    LlmDone(turn=2, reply=5, sentences=2, finish="length", **STAMP),
    ReplyCommitted(turn=2, reply=5, **STAMP),
    ReplyCommitted(turn=2, reply=5, interruptible=False, **STAMP),
    ReplyCancelled(turn=2, reply=5, reason="draft", **STAMP),
    ReplyProposed(turn=2, reply=5, text="It is noon.", language="en", **STAMP),
    ReplyDecision(reply=5, action="speak", text="It is one.", **STAMP),
    ReplyDeclined(turn=2, reason="not_addressed", **STAMP),
    TtsChunk(
        turn=2,
        reply=5,
        sentence=1,
        rate=22_050,
        start=5_292,
        pcm=b"\x01\x00\x02\x00",
        visemes=(Viseme(5_292, "PP"), Viseme(5_300, "aa")),
        words=(Word(5_292, 5_400, 2),),
        last=True,
        **STAMP,
    ),
    TtsDone(turn=2, reply=5, samples=44_100, **STAMP),
    VideoFrame(
        reply=5,
        pts=5_292,
        rate=22_050,
        codec="h264",
        keyframe=True,
        width=512,
        height=512,
        data=b"\x00\x00\x00\x01\x67",
        last=True,
        **STAMP,
    ),
    VideoFrame(
        reply=5,
        pts=5_292,
        rate=22_050,
        codec="h264",
        keyframe=True,
        width=512,
        height=512,
        data=b"\x00\x00\x00\x01\x67",
        last=True,
        sent_ms=86_400_123,
        **STAMP,
    ),
    VideoAck(upto=70_000, **STAMP),
    VideoKeyframe(**STAMP),
    VideoRate(bitrate_bps=1_200_000, fps=20, **STAMP),
    PlaybackProgress(turn=2, reply=5, state="stopped", played=44_100, rate=22_050, sentence=1, chars=5, **STAMP),
    ErrorRaised(service="tts", code="tts.engine", message="espeak died", hint="see the log", turn=2, reply=5, **STAMP),
]
REQUESTS = [
    Claim(
        session="k3v9w2x7",
        kind="llm",
        epoch=3,
        config=CONFIG,
        turn=2,
        reply=5,
        transcript=(Exchange(said="Hi", heard="Hello.", language="en"),),
    ),
    Claim(
        session="k3v9w2x7",
        kind="llm",
        epoch=3,
        config=CONFIG_2,
        turn=2,
        reply=5,
        transcript=(Exchange(said="Hi", heard="Hello.", language="en", cut=True),),
        pending=Pending(turn=2, text="What is it?", language="en", typed=True, verbatim=True, interruptible=False),
    ),
    Claimed(worker="llm-4f0k2m", lease_s=3.0),
    Refused(worker="llm-4f0k2m", reason="full", hint="start another"),
    Ping(session="k3v9w2x7", epoch=3),
    Pong(holds=True, draining=True, stalled_s=0.5),
    Release(session="k3v9w2x7", epoch=3),
    Ack(),
]


def tag(message):
    return message.__struct_config__.tag


def pack(message):
    return encode(message) if message in EVENTS else encode_control(message)


def unpack(message, data):
    return decode(tag(message), data) if message in EVENTS else decode_control(data)


def samples():
    """Every sample by the name of its file: the tag, and from the second one on its number."""
    named = {}
    for message in [*EVENTS, *REQUESTS]:
        count = sum(tag(message) == tag(other) for other in named.values())
        named[f"{tag(message)}.{count + 1}" if count else tag(message)] = message
    return named


SAMPLES = samples()
NEWEST = {tag(message): message for message in SAMPLES.values()}
every_sample = pytest.mark.parametrize("name", SAMPLES)


def file_of(name):
    return GOLDEN / f"{name}.hex"


@every_sample
def test_bytes_from_the_past_keep_their_meaning(name):
    assert unpack(SAMPLES[name], bytes.fromhex(file_of(name).read_text())) == SAMPLES[name]


@every_sample
def test_peers_of_the_past_understand_what_is_written_today(name):
    assert pack(SAMPLES[name]).hex() == "".join(file_of(name).read_text().split())


@every_sample
def test_fields_of_a_newer_peer_are_ignored(name):
    fields = msgspec.msgpack.decode(pack(SAMPLES[name]))
    newer = msgspec.msgpack.encode(fields | {"newer": {"nested": [1, "two", b"3", None]}})
    assert unpack(SAMPLES[name], newer) == SAMPLES[name]


def test_a_newer_peers_longer_viseme_is_understood():
    chunk = next(event for event in EVENTS if isinstance(event, TtsChunk))
    fields = msgspec.msgpack.decode(pack(chunk))
    fields["visemes"] = [[*viseme, 0.5] for viseme in fields["visemes"]]
    assert unpack(chunk, msgspec.msgpack.encode(fields)) == chunk


def test_every_event_has_its_sample_and_every_file_its_sample():
    assert list(dict.fromkeys(map(tag, EVENTS))) == [spec.tag for spec in specs()]
    assert {file.name for file in GOLDEN.iterdir()} == {file_of(name).name for name in SAMPLES}


@pytest.mark.parametrize("message", NEWEST.values(), ids=NEWEST)
def test_the_newest_sample_sets_every_field(message):
    unset = [
        field.name
        for field in msgspec.structs.fields(message)
        if not field.required and getattr(message, field.name) == field.default
    ]
    assert unset == []


def main():
    """Write the files that are missing."""
    GOLDEN.mkdir(exist_ok=True)
    for name, message in SAMPLES.items():
        if not file_of(name).exists():
            text = pack(message).hex()
            lines = [text[start : start + 100] for start in range(0, len(text), 100)]
            file_of(name).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
