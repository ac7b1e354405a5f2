"""How long an event takes from one process to another over a real nats-server, codec and lanes included."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time

from avatar_cli.bench.figures import Figure, Limit, spread
from avatar_cli.errors import BenchFailed
from avatar_cli.stack import Stack
from avatar_contracts import Event, MicFrame, VideoFrame, ids
from avatar_runtime import log
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.session import Session
from avatar_runtime.settings import BusSettings, LogSettings

_LIMIT = (Limit("p99", 10.0),)
_AUDIO_BYTES = 640
_VIDEO_BYTES = 6_000
_KEYFRAME_BYTES = 60_000
_GOP = 50
_STAMP = struct.Struct("<q")
_SETTLE_S = 0.5


def measure(stack: Stack, seconds: float) -> list[Figure]:
    """One way from process to process at the pace of a call: 50 sounds and 25 pictures a second."""
    sound, picture = asyncio.run(_measure(stack.plan.bus_url, seconds))
    command = "avatar bench --only bus"
    note = f"one way between two processes, while {{}} of {seconds:.0f} s of a call are sent at their own pace"
    return [
        Figure(
            name="bus_audio_ms", statistics=spread(sound), limits=_LIMIT, command=command,
            note=note.format(f"{_AUDIO_BYTES} B of sound every 20 ms"),
        ),
        Figure(
            name="bus_video_ms", statistics=spread(picture), limits=_LIMIT, command=command,
            note=note.format(f"{_VIDEO_BYTES} B of picture every 40 ms, each {_GOP}th {_KEYFRAME_BYTES} B"),
        ),
    ]  # fmt: skip


async def _measure(url: str, seconds: float) -> tuple[list[float], list[float]]:
    session_id = ids.new_session_id()
    listener = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "avatar_cli.bench.bus", url, session_id, str(seconds + 2 * _SETTLE_S),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert listener.stdout is not None
    await listener.stdout.readline()
    bus = await NatsBus.connect(BusSettings(url=url), name="bench-sender")
    edge = Session(bus, session_id, "edge", epoch=1)
    face = Session(bus, session_id, "face", epoch=1)
    await asyncio.gather(_send_sound(edge, seconds), _send_pictures(face, seconds))
    answer = await listener.stdout.readline()
    await listener.wait()
    await bus.close()
    if not answer:
        raise BenchFailed("The process that listens on the bus ended without an answer.")
    times = json.loads(answer)
    return times["mic.pcm"], times["video.frame"]


async def _send_sound(session: Session, seconds: float) -> None:
    began_at = time.perf_counter()
    for index in range(round(seconds * 50)):
        await _until(began_at + index * 0.02)
        pcm = _stamped(_AUDIO_BYTES)
        await session.publish(MicFrame(rate=16_000, start=index * 320, pcm=pcm))


async def _send_pictures(session: Session, seconds: float) -> None:
    began_at = time.perf_counter() + 0.007  # not in step with the sound
    for index in range(round(seconds * 25)):
        await _until(began_at + index * 0.04)
        keyframe = index % _GOP == 0
        data = _stamped(_KEYFRAME_BYTES if keyframe else _VIDEO_BYTES)
        await session.publish(
            VideoFrame(
                reply=0, pts=index * 640, rate=16_000, codec="h264", keyframe=keyframe, width=512, height=512, data=data
            )
        )


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


def _stamped(size: int) -> bytes:
    # perf_counter is one clock for all processes of a machine, on Linux, macOS and Windows alike.
    return _STAMP.pack(time.perf_counter_ns()) + bytes(size - _STAMP.size)


async def _listen(url: str, session_id: str, seconds: float) -> None:
    log.configure(LogSettings(level="error"), "bench")
    bus = await NatsBus.connect(BusSettings(url=url), name="bench-listener")
    session = Session(bus, session_id, "asr", epoch=1)
    times: dict[str, list[float]] = {"mic.pcm": [], "video.frame": []}

    def keep(tag: str, payload: bytes) -> None:
        times[tag].append((time.perf_counter_ns() - _STAMP.unpack_from(payload)[0]) / 1e6)

    async def on_sound(event: Event) -> None:
        assert isinstance(event, MicFrame)
        keep("mic.pcm", event.pcm)

    async def on_picture(event: Event) -> None:
        assert isinstance(event, VideoFrame)
        keep("video.frame", event.data)

    session.on(MicFrame, on_sound)
    session.on(VideoFrame, on_picture)
    await session.start()
    await bus.flush()
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await asyncio.sleep(seconds)
    await session.close()
    await bus.close()
    sys.stdout.write(json.dumps(times) + "\n")


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1], sys.argv[2], float(sys.argv[3])))
