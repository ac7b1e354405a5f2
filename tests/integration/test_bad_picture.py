"""Sound, credit and photos no face should get: it refuses them, and goes on to show the next reply."""

import asyncio
import struct
import zlib

import numpy as np
import pytest

from avatar_contracts import (
    ErrorRaised,
    PlaybackProgress,
    SessionConfig,
    TtsChunk,
    TtsDone,
    VideoAck,
    VideoFormat,
    VideoFrame,
    Viseme,
    Word,
)
from avatar_face.credit import WINDOW

RATE = 22_050
FAR = 2**53 - 1
SOUND = (8_000 * np.sin(np.arange(RATE // 2) / 20)).astype("<i2").tobytes()
NAN = np.full(5_000, np.nan, "<f4").tobytes()


def chunk(*, start: int = 0, pcm: bytes = SOUND, rate: int = RATE, **fields: object) -> TtsChunk:
    return TtsChunk(turn=1, reply=1, sentence=0, rate=rate, start=start, pcm=pcm, **fields)


# The chunks of a reply, and how many of them are refused.
CHUNKS = {
    "a start from the end of all numbers": ((chunk(start=FAR),), 1),
    "a start two hours into the reply": ((chunk(start=7_200 * RATE),), 1),
    "a leap of a minute": ((chunk(), chunk(start=60 * RATE)), 1),
    "another rate in the middle": ((chunk(), chunk(start=RATE // 2, rate=48_000)), 1),
    "the lowest rate": ((chunk(rate=8_000),), 0),
    "the highest rate": ((chunk(rate=48_000),), 0),
    "as much as fits": ((chunk(pcm=SOUND * 2 + bytes(20_000)),), 0),
    "no sound": ((chunk(pcm=b""),), 0),
    "half a sample": ((chunk(pcm=b"\x7f"),), 0),
    "an odd number of bytes": ((chunk(pcm=SOUND[:-1]), chunk(start=RATE // 2)), 0),
    "floats that are no numbers": ((chunk(pcm=NAN),), 0),
    "the same piece again and again": ((chunk(),) * 20, 0),
    "visemes from the end of all numbers": ((chunk(visemes=(Viseme(FAR, "aa"), Viseme(0, "PP"))),), 0),
    "a thousand visemes at once": ((chunk(visemes=tuple(Viseme(0, "aa") for _ in range(1_000))),), 0),
    "words that end before they begin": ((chunk(words=(Word(FAR, 0, FAR),)),), 0),
}


@pytest.mark.parametrize("kind", CHUNKS)
async def test_odd_sound_is_shown_or_refused_and_the_next_reply_is_shown(floor, kind):
    chunks, refused = CHUNKS[kind]
    await floor.claim("face")
    before = floor.counted("avatar_face_chunks_refused_total")
    await floor.peer.wait_for(VideoFrame)
    for event in chunks:
        await floor.peer.publish(event)
    await floor.peer.wait_for(VideoFrame, count=3, where=lambda frame: frame.reply == 0)
    await floor.peer.publish(TtsDone(turn=1, reply=1, samples=FAR))
    for state in ("started", "playing"):
        await floor.peer.publish(PlaybackProgress(turn=1, reply=1, state=state, played=RATE // 10, rate=RATE))
    await floor.peer.publish(PlaybackProgress(turn=1, reply=1, state="stopped", played=RATE // 5, rate=RATE))
    await floor.answers("face")
    assert floor.counted("avatar_face_chunks_refused_total") == before + refused
    assert floor.peer.heard(ErrorRaised) == []


async def test_a_playhead_beyond_all_sound_does_not_stop_the_picture(floor):
    await floor.claim("face")
    await floor.peer.publish(chunk())
    for state in ("started", "playing", "playing"):
        await floor.peer.publish(PlaybackProgress(turn=1, reply=1, state=state, played=FAR, rate=8_000))
    await floor.peer.publish(PlaybackProgress(turn=1, reply=1, state="playing", played=0, rate=48_000))
    shown = len(floor.peer.heard(VideoFrame))
    await floor.peer.wait_for(VideoFrame, count=shown + 5)
    await floor.peer.publish(PlaybackProgress(turn=1, reply=1, state="stopped", played=FAR, rate=RATE))
    await floor.answers("face")


async def test_credit_for_frames_that_were_never_sent_is_no_credit(floor):
    floor.acknowledging = False
    await floor.claim("face")
    await floor.peer.wait_for(VideoFrame, count=WINDOW)
    for upto in (FAR, 10_000, 0):
        await floor.peer.publish(VideoAck(upto=upto))
        await asyncio.sleep(0.12)  # each is acted on, and there would be time for three frames
    assert len(floor.peer.heard(VideoFrame)) == WINDOW
    floor.acknowledging = True
    await floor.peer.publish(VideoAck(upto=WINDOW))
    await floor.answers("face")


def png(width: int, height: int) -> bytes:
    """A whole PNG whose header promises a picture of this size."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(4)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts.items()
    )


PHOTOS = {
    "empty": (b"", "face.kind"),
    "text": (b"this is no photo", "face.kind"),
    "pixel": (png(1, 1), "face.size"),
    "bomb": (png(30_000, 30_000), "face.size"),
    "cut": (png(512, 512)[:40], "face.truncated"),
    "hollow": (png(512, 512), "face.unreadable"),
}


@pytest.mark.parametrize("name", PHOTOS)
async def test_a_photo_that_cannot_be_used_is_told_and_the_drawn_face_is_shown(floor, photos, name):
    data, code = PHOTOS[name]
    (photos / f"{name}.png").write_bytes(data)
    await floor.claim("face", SessionConfig(face=name))
    await floor.answers("face")
    error = await floor.error(code)
    assert error.service == "face"
    assert all(word not in error.message for word in ("Traceback", "Error("))


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 3), (127, 129), (3840, 2), (64, 2160)], ids=lambda size: f"{size[0]}x{size[1]}"
)
@pytest.mark.parametrize("codec", ["h264", "jpeg"])
async def test_a_picture_that_cannot_be_drawn_is_told_and_the_usual_one_is_shown(floor, size, codec):
    width, height = size
    await floor.claim("face", SessionConfig(video=VideoFormat(width=width, height=height, codec=codec)))
    frame = await floor.peer.wait_for(VideoFrame)
    assert (frame.width, frame.height, frame.codec) == (128, 128, codec)
    error = await floor.error("face.format")
    assert f"{width}x{height}" in error.message
    await floor.answers("face")
