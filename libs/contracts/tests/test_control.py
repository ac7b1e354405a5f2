import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import (
    Ack,
    Claim,
    Claimed,
    ContractError,
    Exchange,
    MalformedEvent,
    Ping,
    Pong,
    Refused,
    Release,
    SessionConfig,
    decode_control,
    encode_control,
)
from avatar_contracts.control import MAX_CONTROL_BYTES

CLAIM = Claim(
    session="abcdefgh",
    kind="llm",
    epoch=3,
    config=SessionConfig(language="uk", persona="olena"),
    turn=4,
    reply=6,
    transcript=(Exchange(said="Привіт", heard="Вітаю!", language="uk"),),
)


@pytest.mark.parametrize(
    "message",
    [
        CLAIM,
        Claimed(worker="llm-1", lease_s=3.0),
        Refused(worker="llm-1", reason="full"),
        Ping(session="abcdefgh", epoch=3),
        Pong(holds=True, stalled_s=0.5),
        Release(session="abcdefgh", epoch=3),
        Ack(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_control_message_survives_the_wire_whole_and_is_malformed_when_cut(message):
    data = encode_control(message)
    assert decode_control(data) == message
    for length in range(len(data)):
        with pytest.raises(MalformedEvent):
            decode_control(data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x91" * 1000,
        b"\x81\xa1a" * 333,
        msgspec.msgpack.encode({"t": "conquer"}),
        msgspec.msgpack.encode({"t": "claim", "session": "abcdefgh", "kind": "cook", "epoch": 1}),
        msgspec.msgpack.encode({"t": "ping", "session": "a" * 121, "epoch": 1}),
        b"\x83\xa1t\xa4ping\xa7session\xa2\xff\xfe\xa5epoch\x01",
    ],
    ids=["empty", "deep arrays", "deep maps", "unknown tag", "unknown kind", "long label", "not utf-8"],
)
def test_anything_else_is_malformed(data):
    with pytest.raises(MalformedEvent, match="control"):
        decode_control(data)


def test_a_huge_control_message_is_refused_unparsed():
    with pytest.raises(MalformedEvent, match="cap"):
        decode_control(b"\x91" * (MAX_CONTROL_BYTES + 1))


def test_a_newer_peers_fields_are_ignored():
    data = msgspec.msgpack.encode({"t": "ping", "session": "abcdefgh", "epoch": 1, "mood": ["good"]})
    assert decode_control(data) == Ping(session="abcdefgh", epoch=1)


@given(st.binary(max_size=300))
def test_random_bytes_raise_contract_errors_only(data):
    with contextlib.suppress(ContractError):
        decode_control(data)


@given(st.data())
def test_a_claim_with_bytes_changed_raises_contract_errors_only(draw):
    data = bytearray(encode_control(CLAIM))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ContractError):
        decode_control(bytes(data))
