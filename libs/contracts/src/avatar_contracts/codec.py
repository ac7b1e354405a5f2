"""Events to bytes and back, with the guards that keep a bad message from doing harm."""

from __future__ import annotations

import msgspec

from avatar_contracts.base import Event
from avatar_contracts.errors import MalformedEvent, PayloadTooLarge
from avatar_contracts.registry import spec_of, specs

_encoder = msgspec.msgpack.Encoder()
_decoders = {spec.tag: msgspec.msgpack.Decoder(spec.event) for spec in specs()}


def encode(event: Event) -> bytes:
    """The MessagePack bytes of `event`.

    Raises:
        PayloadTooLarge: Above the cap of its tag.
        UnknownEvent: Not in the registry.
        MalformedEvent: A field has the wrong type or is out of range, or a text that is not Unicode.
    """
    spec = spec_of(event)
    try:
        data = _encoder.encode(event)
    except UnicodeError as error:
        raise MalformedEvent(spec.tag, str(error)) from error
    if len(data) > spec.cap_bytes:
        raise PayloadTooLarge(spec.tag, len(data), spec.cap_bytes)
    # A struct takes any value when it is made, and every consumer would drop a wrong one: its sender must learn of it.
    decode(spec.tag, data)
    return data


def decode(tag: str, data: bytes) -> Event:
    """The event of type `tag` in `data`. Fields a newer peer added are ignored.

    Raises:
        UnknownEvent: No event has this tag.
        PayloadTooLarge: Above the cap of its tag; nothing was parsed.
        MalformedEvent: Not MessagePack, not this event, out of range, or nested beyond reason.
    """
    spec = spec_of(tag)
    if len(data) > spec.cap_bytes:
        raise PayloadTooLarge(tag, len(data), spec.cap_bytes)
    try:
        return _decoders[tag].decode(data)
    # msgspec answers a deeply nested message with RecursionError, an out-of-range code point with UnicodeError.
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise MalformedEvent(tag, str(error)) from error
