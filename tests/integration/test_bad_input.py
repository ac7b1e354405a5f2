"""Messages no service should ever get: each is counted and dropped, and the next good one is answered."""

import asyncio
import socket
from collections import Counter

import msgspec
import pytest

from avatar_contracts import (
    Claim,
    Claimed,
    Exchange,
    LlmDone,
    LlmSentence,
    MicFrame,
    Ping,
    PlaybackProgress,
    Refused,
    Release,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDecision,
    ReplyDeclined,
    SessionConfig,
    SessionConfigured,
    SessionWorkers,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnDraft,
    TurnStop,
    TurnText,
    TurnTyped,
    VideoAck,
    VideoKeyframe,
    VideoRate,
    WorkerLease,
    encode,
    encode_control,
    ids,
    spec_of,
)
from avatar_runtime.testing.networks import until

KINDS = ("asr", "llm", "tts", "face")
NESTED = b"\x91" * 1_000 + b"\xc0"
FAR = 2**53 - 1

WORKERS = SessionWorkers(workers=(WorkerLease(kind="tts", worker="tts-one", epoch=1),))
CANCEL = TurnCancel(turn=1, reason="stop")
CANCELLED = ReplyCancelled(turn=1, reply=1, reason="cancelled")
PROGRESS = PlaybackProgress(turn=1, reply=1, state="playing", played=1, rate=16_000)
SENTENCE = LlmSentence(turn=1, reply=1, sentence=0, text="Hi.", language="en")
CONFIGURED = SessionConfigured(config=SessionConfig())
HEARD = {
    "asr": (
        TurnTyped(client_id="c", text="Hi."),
        MicFrame(rate=16_000, start=0, pcm=bytes(640)),
        TurnStop(),
        SENTENCE,
        ReplyCommitted(turn=1, reply=1),
        ReplyDeclined(turn=1, reason="silent"),
        CANCELLED,
        PROGRESS,
        CONFIGURED,
        WORKERS,
    ),
    "llm": (
        TurnText(turn=1, text="Hi.", language="en", end_reason="typed"),
        TurnDraft(turn=1, revision=1, text="Hi.", language="en", speech_end=1),
        ReplyDecision(reply=1, action="speak"),
        CANCEL,
        PROGRESS,
        CONFIGURED,
        WORKERS,
    ),
    "tts": (
        SENTENCE,
        LlmDone(turn=1, reply=1, sentences=1),
        CANCELLED,
        CANCEL,
        PROGRESS,
        WORKERS,
    ),
    "face": (
        TtsChunk(turn=1, reply=1, sentence=0, rate=22_050, start=0, pcm=bytes(640)),
        TtsDone(turn=1, reply=1, samples=320),
        CANCELLED,
        CANCEL,
        PROGRESS,
        VideoAck(upto=1),
        VideoKeyframe(),
        VideoRate(bitrate_bps=600_000, fps=20),
        WORKERS,
    ),
}
"""A good event of every type that each service hears."""


def bad_bytes(good: bytes) -> dict[str, bytes]:
    """What can be wrong with a message that should be `good`, by name."""
    fields = msgspec.msgpack.decode(good)
    assert isinstance(fields, dict)

    def changed(**changes: object) -> bytes:
        return msgspec.msgpack.encode(fields | changes)

    return {
        "empty": b"",
        "noise": bytes(range(256)),
        "not MessagePack": b"\xc1" * 40,
        "cut in the middle": good[: len(good) // 2],
        "cut by a byte": good[:-1],
        "a byte too many": good + b"\xc0",
        "no text": b"\x81\xa1t\xa2\xff\xfe",
        "a list": msgspec.msgpack.encode(list(fields)),
        "nothing": b"\xc0",
        "unknown tag": changed(t="nonesuch.event"),
        "text for a number": changed(epoch="first"),
        "not a number": changed(epoch=float("nan")),
        "negative": changed(epoch=-1),
        "beyond 53 bits": changed(epoch=2**60),
        "nested": NESTED,
        "nested maps": b"\x81\xa1t" * 500,
        "nested in a field of its own": b"\x82\xa1t" + msgspec.msgpack.encode(fields["t"]) + b"\xa1x" + NESTED,
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_the_table_has_every_subject_a_service_hears(floor, kind):
    await floor.claim(kind)
    assert set(floor.worker_session(kind)._inlets) == {spec_of(event).tag for event in HEARD[kind]}


@pytest.mark.parametrize(
    ("kind", "event"),
    [pytest.param(kind, event, id=f"{kind} {spec_of(event).tag}") for kind in KINDS for event in HEARD[kind]],
)
async def test_a_bad_message_is_counted_and_the_next_good_one_is_answered(floor, kind, event):
    spec = spec_of(event)
    good = encode(msgspec.structs.replace(event, epoch=1, seq=1))
    bad = bad_bytes(good)
    await floor.claim(kind)
    before = floor.outcomes(kind, spec.tag)
    for data in bad.values():
        await floor.send(spec.tag, data)
    for size in (spec.cap_bytes + 1, 1_500_000):
        await floor.send(spec.tag, bytes(size))
    await floor.send(spec.tag, good, {"Av-V": "2"})
    expected = Counter(malformed=len(bad), oversized=2, version=1)

    def told() -> Counter[str]:
        return Counter(
            {key: count for key, count in (floor.outcomes(kind, spec.tag) - before).items() if key != "taken"}
        )

    await until(lambda: told().total() >= expected.total())
    assert told() == expected
    await floor.answers(kind)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_event_nobody_knows_concerns_nobody(floor, kind):
    await floor.claim(kind)
    for subject in ("nonesuch.event", "mic.pcm.more", "turn", "a.b.c.d"):
        await floor.bus.publish(f"av.{floor.session_id}.{subject}", NESTED)
    await floor.answers(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("headers", "unreadable"),
    [
        (b"NATS/1.0 \xff\xff\xff\r\n\r\n", 1),
        (b"NATS/1.0", 1),
        (b"NATS/1.0\r\n\xff\xfe: \xff\r\nno colon\r\n\r\n", 0),
        (b"NATS/1.0\r\nAv-V: 1\r\ntraceparent: 00-zz\r\ntracestate: =,=;\r\nbaggage: %%%=;;,=\r\n\r\n", 0),
    ],
    ids=["a status that is no text", "no line end", "no text", "a broken trace"],
)
async def test_headers_that_cannot_be_read_do_no_harm(floor, server, kind, headers, unreadable):
    await floor.claim(kind)
    event = HEARD[kind][0]
    tag, data = spec_of(event).tag, encode(msgspec.structs.replace(event, seq=1))
    before, counted = floor.outcomes(kind, tag), floor.counted("avatar_bus_bad_headers_total")
    with socket.create_connection(("127.0.0.1", server.port)) as stranger:
        stranger.recv(4_096)
        stranger.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
        subject = ids.event_subject(floor.session_id, tag).encode()
        sizes = len(headers), len(headers) + len(data)
        stranger.sendall(b"HPUB %s %d %d\r\n%s%s\r\n" % (subject, *sizes, headers, data))
        await until(lambda: (floor.outcomes(kind, tag) - before)["taken"] == 1)
    # Two hear it: the service and the rest of the session.
    assert floor.counted("avatar_bus_bad_headers_total") == counted + 2 * unreadable
    await floor.answers(kind)


CLAIM = Claim(session="k3v9w2x7", kind="asr", epoch=1)
BAD_IDS = ("", "short", "UPPERCASE", "a.b.c.d.e", "with space", "av.*.>", "x" * 33, "x" * 200, "сесія0000", "../../etc")


def bad_claims(kind: str) -> dict[str, bytes]:
    good = encode_control(msgspec.structs.replace(CLAIM, kind=kind))
    fields = msgspec.msgpack.decode(good)
    config = {"language": "en"}
    changes = {
        "another kind": {"kind": "asr" if kind != "asr" else "tts"},
        "an unknown kind": {"kind": "cook"},
        "a language in words": {"config": config | {"language": "English"}},
        "a picture too large": {"config": config | {"video": {"width": 10**6}}},
        "a codec nobody has": {"config": config | {"video": {"codec": "av1"}}},
        "a voice without end": {"config": config | {"voice": "v" * 10_000}},
        "a transcript of numbers": {"transcript": [1, 2, 3]},
        **{f"session {name[:12]!r}": {"session": name} for name in BAD_IDS},
    }
    return {
        **bad_bytes(good),
        "a ping": encode_control(Ping(session="k3v9w2x7", epoch=1)),
        "oversized": bytes(300_000),
        **{name: msgspec.msgpack.encode(fields | change) for name, change in changes.items()},
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bad_claim_is_refused_with_a_reason_and_the_next_good_one_taken(floor, kind):
    bad = bad_claims(kind)
    refused = {"service": kind, "outcome": "malformed"}
    before = floor.counted("avatar_claims_total", **refused)
    for name, data in bad.items():
        answer = await floor.ask(ids.claim_subject(kind), data)
        assert isinstance(answer, Refused), name
        assert answer.reason == "malformed", name
        assert len(answer.hint) > 10, name
    assert floor.counted("avatar_claims_total", **refused) == before + len(bad)
    assert not floor.leases[kind]._held
    await floor.claim(kind)
    await floor.answers(kind)


async def test_a_claim_with_a_long_past_is_taken(floor):
    line = "слово " * 300
    transcript = tuple(Exchange(said=line, heard=line, language="uk") for _ in range(30))
    claim = Claim(session=floor.session_id, kind="llm", epoch=9, transcript=transcript)
    assert isinstance(await floor.ask(ids.claim_subject("llm"), claim), Claimed)
    floor._epochs["llm"] = 9
    await floor.answers("llm")


@pytest.mark.parametrize("verb", ["ping", "release"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_bad_ping_or_release_is_counted_and_the_session_is_kept(floor, kind, verb):
    await floor.claim(kind)
    message = {"ping": Ping, "release": Release}[verb](session=floor.session_id, epoch=1)
    bad = [*bad_bytes(encode_control(message)).values(), bytes(300_000), encode_control(CLAIM)]
    before = floor.outcomes(kind, verb)
    for data in bad:
        await floor.bus.publish(floor.subject(kind, verb), data)
    await until(lambda: (floor.outcomes(kind, verb) - before)["malformed"] == len(bad))
    await floor.answers(kind)


NAMES = {
    "unknown": "nobody",
    "a path": "../../etc/passwd",
    "emoji": "🙂🙂",
    "control characters": "a\0b\n",
    "a pattern": "*.>{name}%s",
    "long": "x" * 120,
}


@pytest.mark.parametrize(("kind", "field"), [("llm", "persona"), ("tts", "voice"), ("face", "face")])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
async def test_a_name_nobody_knows_is_told_and_the_usual_one_is_used(floor, kind, field, name):
    await floor.claim(kind, SessionConfig(**{field: name}))
    await floor.answers(kind)
    error = await floor.error({"llm": "llm.persona", "tts": "tts.voice", "face": "face.unknown"}[kind])
    assert error.service == kind
    assert (name[:20] if name.isalnum() else "") in error.message


async def test_events_from_the_end_of_all_numbers_leave_a_service_working(floor):
    """Every number at its limit is still a number: nothing breaks, and a fresh claim starts afresh."""
    for kind in KINDS:
        await floor.claim(kind)
        for event in HEARD[kind]:
            numbers = {name: FAR for name in ("start", "samples", "played", "sentence", "upto") if hasattr(event, name)}
            await floor.peer.publish(msgspec.structs.replace(event, **numbers))
    await asyncio.sleep(0.2)
    for kind in KINDS:
        await floor.claim(kind)
        await floor.answers(kind)
