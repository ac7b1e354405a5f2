"""The service as it is started: a process on a real broker."""

import asyncio
import contextlib
import os
import signal
import sys

from avatar_contracts import (
    Claim,
    Claimed,
    LlmDone,
    LlmSentence,
    Release,
    SessionConfig,
    TurnText,
    decode_control,
    encode_control,
    ids,
)
from avatar_runtime.bus import BusError
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.testing.sessions import Peer


async def start(url, *flags):
    command = (sys.executable, "-m", "avatar_llm", "--bus.url", url, *flags)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AVATAR_")}
    return await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)


async def claimed(bus, claim):
    """The worker that takes `claim`; asks until one is there."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(BusError):
                answer = await bus.request(ids.claim_subject("llm"), encode_control(claim), timeout_s=1)
                taken = decode_control(answer.data)
                assert isinstance(taken, Claimed)
                return taken
            await asyncio.sleep(0.1)


async def test_the_service_takes_a_session_answers_it_and_leaves_when_asked(broker, bus_settings, tmp_path):
    bus = await NatsBus.connect(bus_settings, "edge/test")
    process = await start(broker.url, "--tokens-per-s", "2000")
    try:
        claim = Claim(session=ids.new_session_id(), kind="llm", epoch=1, config=SessionConfig(user_name="Olena"))
        peer = Peer(bus, claim.session)
        await peer.session.start()
        taken = await claimed(bus, claim)
        await peer.publish(TurnText(turn=1, text="Як мене звати?", language="uk", end_reason="typed"))
        done = await peer.wait_for(LlmDone)
        assert done.finish == "stop"
        assert "Olena" in " ".join(piece.text for piece in peer.heard(LlmSentence))
        await peer.session.close()
        release = encode_control(Release(session=claim.session, epoch=claim.epoch))
        await bus.request(ids.worker_subject("llm", taken.worker, "release"), release, timeout_s=5)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            _, log = await process.communicate()
        assert process.returncode == 0, log.decode()
        assert b"Olena" not in log
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await bus.close()


async def test_a_missing_persona_ends_the_start_with_a_plain_sentence(tmp_path):
    process = await start("nats://127.0.0.1:1", "--persona", str(tmp_path / "nobody.toml"))
    _, log = await process.communicate()
    assert process.returncode == 2
    assert "nobody.toml does not exist; create it" in log.decode()
    assert "Traceback" not in log.decode()
