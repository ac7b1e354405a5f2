import asyncio
import contextlib
import signal
import sys
import wave

import av
import pytest

from avatar_edge.audio import as_pcm
from avatar_runtime.nats_bus import NatsBus


async def line_with(stream, text):
    while line := (await stream.readline()).decode():
        if text in line:
            return line
    raise AssertionError(f"the process ended without saying {text!r}")


@contextlib.asynccontextmanager
async def edge(*flags):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "avatar_edge", *flags, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM cannot be sent there")
async def test_the_process_holds_a_call_over_a_real_bus_and_ends_cleanly_when_asked(
    broker, bus_settings, stack_on, said, tmp_path
):
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(as_pcm(said).tobytes())
    bus = await NatsBus.connect(bus_settings, "peers")
    stack = stack_on(bus)
    await stack.start()
    flags = {
        "bus.url": broker.url,
        "mic": f"file:{tmp_path / 'said.wav'}",
        "meeting": "none",
        "speaker": "none",
        "record": tmp_path / "call.mp4",
        "width": 64,
        "height": 64,
    }
    try:
        async with edge(*(f"--{name}={value}" for name, value in flags.items())) as process, asyncio.timeout(20):
            assert "hello there" in await line_with(process.stdout, "you:")
            assert "One two three. Four five six seven." in await line_with(process.stdout, "clone:")
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        await stack.stop()
        await bus.close()
    with av.open(str(tmp_path / "call.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 40
