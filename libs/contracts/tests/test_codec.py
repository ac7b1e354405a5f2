import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import (
    ContractError,
    Event,
    MalformedEvent,
    MicFrame,
    PayloadTooLarge,
    TtsChunk,
    TurnText,
    UnknownEvent,
    VideoFrame,
    Viseme,
    Word,
    decode,
    encode,
    spec_of,
    specs,
)

TURN = TurnText(
    turn=3, text="Привіт, how are you?", language="en", end_reason="smart_turn", end_probability=0.9, epoch=2, seq=7
)
CHUNK = TtsChunk(
    turn=3,
    reply=1,
    sentence=0,
    rate=22_050,
    start=0,
    pcm=bytes(200),
    visemes=(Viseme(0, "PP"), Viseme(50, "aa")),
    words=(Word(0, 90, 2),),
)
TAGS = [spec.tag for spec in specs()]


def wire(**fields):
    return msgspec.msgpack.encode(fields)


@pytest.mark.parametrize("event", [TURN, CHUNK], ids=["turn.text", "tts.chunk"])
def test_an_event_survives_the_wire(event):
    assert decode(spec_of(event).tag, encode(event)) == event


def test_defaults_are_left_out_of_the_bytes():
    assert b"end_probability" not in encode(TurnText(turn=1, text="hi", language="en", end_reason="typed"))


def test_an_unknown_tag_is_told_from_a_broken_message():
    with pytest.raises(UnknownEvent, match=r"turn\.telepathy"):
        decode("turn.telepathy", b"")


def test_an_event_outside_the_registry_cannot_be_encoded():
    class Stranger(Event, frozen=True, kw_only=True, tag="stranger.event"):
        pass

    with pytest.raises(UnknownEvent, match="stranger"):
        encode(Stranger())


@pytest.mark.parametrize("tag", TAGS)
def test_above_its_cap_nothing_is_parsed(tag):
    cap = spec_of(tag).cap_bytes
    with pytest.raises(PayloadTooLarge) as caught:
        decode(tag, b"\x91" * (cap + 1))
    assert caught.value.cap_bytes == cap
    with pytest.raises(MalformedEvent):
        decode(tag, b"\xc0" * cap)


def test_an_event_above_its_cap_cannot_be_encoded():
    with pytest.raises(PayloadTooLarge, match=r"mic\.pcm"):
        encode(MicFrame(rate=16_000, start=0, pcm=bytes(70_000)))
    frame = VideoFrame(
        reply=0, pts=0, rate=16_000, codec="jpeg", keyframe=True, width=512, height=512, data=bytes(500_000)
    )
    assert decode("video.frame", encode(frame)) == frame


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    "opening", [b"\x91", b"\x81\xa1a", b"\x81\xa6config\x81\xa5video"], ids=["arrays", "maps", "parts"]
)
def test_deep_nesting_is_a_malformed_event(tag, opening):
    with pytest.raises(MalformedEvent):
        decode(tag, (opening * 1000)[:1000])


@pytest.mark.parametrize("depth", [10, 1_000, 500_000])
def test_deep_nesting_in_a_field_that_is_ignored_harms_nothing(depth):
    good = encode(VideoFrame(reply=0, pts=0, rate=16_000, codec="h264", keyframe=True, width=2, height=2, data=b""))
    data = bytes([good[0] + 1]) + good[1:] + b"\xa3new" + b"\x91" * depth + b"\xc0"
    if depth == 10:
        assert decode("video.frame", data) == decode("video.frame", good)
    else:
        with pytest.raises(MalformedEvent):
            decode("video.frame", data)


@pytest.mark.parametrize("claim", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"])
def test_a_length_that_promises_four_billion_items_is_malformed(claim):
    with pytest.raises(MalformedEvent):
        decode("session.workers", b"\x82\xa1t\xafsession.workers\xa7workers" + claim)


@pytest.mark.parametrize("event", [TURN, CHUNK], ids=["turn.text", "tts.chunk"])
def test_a_message_cut_anywhere_is_malformed(event):
    data = encode(event)
    for length in range(len(data)):
        with pytest.raises(MalformedEvent):
            decode(spec_of(event).tag, data[:length])


def test_bytes_after_the_message_are_malformed():
    with pytest.raises(MalformedEvent):
        decode("turn.text", encode(TURN) + b"\xc0")


@pytest.mark.parametrize(
    "fields",
    [
        {"turn": "three"},
        {"turn": -1},
        {"turn": 2**53},
        {"turn": 1.5},
        {"turn": None},
        {"text": b"bytes"},
        {"text": "a" * 8001},
        {"language": "English"},
        {"language": ""},
        {"end_reason": "boredom"},
        {"t": "turn.draft"},
        {"t": 5},
        {"epoch": -1},
        {"seq": "1"},
        {"end_probability": "high"},
    ],
    ids=str,
)
def test_a_field_of_the_wrong_type_or_out_of_range_is_malformed(fields):
    good = {"t": "turn.text", "turn": 1, "text": "hi", "language": "en", "end_reason": "typed"}
    assert decode("turn.text", wire(**good)).turn == 1
    with pytest.raises(MalformedEvent, match=r"turn\.text"):
        decode("turn.text", wire(**(good | fields)))


def test_a_text_that_is_not_unicode_cannot_be_encoded():
    with pytest.raises(MalformedEvent, match=r"turn\.text"):
        encode(msgspec.structs.replace(TURN, text="as a terminal gives broken bytes: \udcff"))


@pytest.mark.parametrize("missing", ["turn", "text", "language", "end_reason"])
def test_a_missing_field_is_malformed(missing):
    good = {"t": "turn.text", "turn": 1, "text": "hi", "language": "en", "end_reason": "typed"}
    del good[missing]
    with pytest.raises(MalformedEvent, match=missing):
        decode("turn.text", wire(**good))


def test_text_that_is_not_utf8_is_malformed():
    data = encode(TURN).replace("П".encode(), b"\xff\xfe")
    with pytest.raises(MalformedEvent):
        decode("turn.text", data)


@given(st.sampled_from(TAGS), st.binary(max_size=300))
def test_random_bytes_raise_contract_errors_only(tag, data):
    with contextlib.suppress(ContractError):
        assert isinstance(decode(tag, data), spec_of(tag).event)


@given(st.data(), st.sampled_from([TURN, CHUNK]))
def test_a_message_with_bytes_changed_raises_contract_errors_only(draw, event):
    data = bytearray(encode(event))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ContractError):
        assert isinstance(decode(spec_of(event).tag, bytes(data)), type(event))


@given(st.text(), st.binary())
def test_random_tags_raise_contract_errors_only(tag, data):
    with contextlib.suppress(ContractError):
        decode(tag, data)
