"""The service as it runs: its own process on a real bus."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from avatar_contracts import (
    Claim,
    Claimed,
    LlmDone,
    LlmSentence,
    Release,
    TtsChunk,
    TtsDone,
    decode_control,
    encode_control,
    ids,
)
from avatar_runtime.bus import BusError
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings
from avatar_runtime.testing.broker import Broker
from avatar_runtime.testing.sessions import Peer


@contextlib.asynccontextmanager
async def service(*flags: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "avatar_tts", *flags, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def claim(bus: NatsBus, session: str) -> Claimed:
    async with asyncio.timeout(15):
        while True:
            with contextlib.suppress(BusError):
                message = encode_control(Claim(session=session, kind="tts", epoch=1))
                answer = decode_control((await bus.request(ids.claim_subject("tts"), message, timeout_s=1.0)).data)
                assert isinstance(answer, Claimed)
                return answer
            await asyncio.sleep(0.05)


async def test_it_is_claimed_speaks_and_stops_when_asked(broker: Broker) -> None:
    session = ids.new_session_id()
    bus = await NatsBus.connect(BusSettings(url=broker.url), "test")
    async with service("--bus.url", broker.url, "--log.level", "error") as process:
        peer = Peer(bus, session)
        await peer.session.start()
        claimed = await claim(bus, session)
        text = "I was started as a process of my own."
        await peer.publish(LlmSentence(turn=1, reply=1, sentence=0, text=text, language="en"))
        await peer.publish(LlmDone(turn=1, reply=1, sentences=1))
        done = await peer.wait_for(TtsDone)
        release = encode_control(Release(session=session, epoch=1))
        await bus.request(ids.worker_subject("tts", claimed.worker, "release"), release, timeout_s=1.0)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    chunks = peer.heard(TtsChunk)
    assert sum(len(chunk.pcm) // 2 for chunk in chunks) == done.samples > 20_000
    assert [word.chars for chunk in chunks for word in chunk.words][-1] == len(text)
    await peer.session.close()
    await bus.close()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--engine", "nonesuch"), "nonesuch"),
        (("--espeak.voice", "+nobody"), "nobody"),
        (("--espeak.speed_wpm", "9000"), "speed_wpm"),
        (("--volume", "11"), "volume"),
    ],
)
async def test_a_wrong_setting_ends_in_one_sentence_that_names_it(
    broker: Broker, flags: tuple[str, ...], said: str
) -> None:
    async with service("--bus.url", broker.url, "--log.level", "error", *flags) as process:
        assert process.stderr is not None
        async with asyncio.timeout(15):
            complaint = (await process.stderr.read()).decode()
            assert await process.wait() == 2
    assert said in complaint
    assert "Traceback" not in complaint
