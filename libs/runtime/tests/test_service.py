"""A service as a process of its own: what starts it, what stops it, and what it says."""

import asyncio
import contextlib
import json
import platform
import signal
import sys
import time
import urllib.error
import urllib.request

import pytest

from avatar_contracts import Claim, Claimed, Ping, Release, decode_control, encode_control, ids
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.service import CLOCK_SUBJECT
from avatar_runtime.testing.networks import until

PROGRAM = """
import sys, time
from types import SimpleNamespace
from avatar_runtime.engines import EngineError
from avatar_runtime.service import Service, run
from avatar_runtime.settings import ServiceSettings

class Settings(ServiceSettings, kw_only=True):
    load_s: float = 0.0
    missing: bool = False

class Engine:
    info = SimpleNamespace(name="toy")
    def __init__(self, settings):
        self.settings = settings
    def load(self):
        if self.settings.missing:
            raise EngineError("the model is not there: run `avatar models`")
        time.sleep(self.settings.load_s)
    def close(self):
        sys.stderr.write("engine closed\\n")

class Worker:
    def __init__(self, session):
        pass
    async def close(self):
        sys.stderr.write("worker closed\\n")

async def serve(settings):
    async with Service("tts", settings) as service:
        await service.warm_up(Engine(settings))
        await service.serve_sessions(Worker)

run("tts", Settings, serve)
"""


class Running:
    """The process, and what it has written to stderr."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self.process.stderr:
            self.lines.append(line.decode().rstrip())

    @property
    def events(self):
        return {line["event"]: line for line in map(json.loads, filter(lambda text: text[:1] == "{", self.lines))}

    async def event(self, name):
        await until(lambda: name in self.events or self._reading.done(), within_s=20)
        assert name in self.events, self.lines
        return self.events[name]

    async def end(self):
        """Its exit status."""
        async with asyncio.timeout(20):
            await self._reading
            return await self.process.wait()

    async def status(self, path):
        return await asyncio.to_thread(fetch, (await self.event("service.ready"))["health"] + path)


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
async def start(broker, tmp_path):
    """A function that starts the service against the test's own server."""
    started = []

    async def start_with(*flags):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            f"--bus.url={broker.url}",
            *flags,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
        )
        started.append(Running(process))
        return started[-1]

    yield start_with
    for running in started:
        with contextlib.suppress(ProcessLookupError):
            running.process.kill()
        await running.end()


async def test_a_service_gets_ready_serves_and_leaves_cleanly(start, bus_settings):
    service = await start("--worker", "tts-one")
    ready = await service.event("service.ready")
    assert (ready["worker"], ready["engine"]) == ("tts-one", "toy")
    assert await service.status("/readyz") == 200
    assert await service.status("/metrics") == 200
    bus = await NatsBus.connect(bus_settings, "test")
    found = await bus.request("$SRV.INFO.avatar-tts", b"", timeout_s=2)
    assert json.loads(found.data)["metadata"]["health"] == ready["health"]
    claim = Claim(session=ids.new_session_id(), kind="tts", epoch=1)
    answer = await bus.request(ids.claim_subject("tts"), encode_control(claim), timeout_s=2)
    assert decode_control(answer.data) == Claimed(worker="tts-one", lease_s=3.0)
    service.process.send_signal(signal.SIGTERM)
    held = encode_control(Ping(session=claim.session, epoch=1))
    for _ in range(100):
        pong = decode_control((await bus.request("svc.tts.tts-one.ping", held)).data)
        if pong.draining:
            break
        await asyncio.sleep(0.02)
    assert pong.draining
    await bus.publish("svc.tts.tts-one.release", encode_control(Release(session=claim.session, epoch=1)))
    assert await service.end() == 0
    assert service.lines.index("worker closed") < service.lines.index("engine closed")
    assert "service.stopped" in service.events
    await bus.close()


async def test_a_service_tells_its_machine_and_the_time_of_its_clock(start, bus_settings):
    service = await start()
    assert (await service.event("service.ready"))["host"] == platform.node()
    bus = await NatsBus.connect(bus_settings, "test")
    before = time.time_ns()
    told = int((await bus.request(CLOCK_SUBJECT, b"", timeout_s=2)).data)
    assert before <= told <= time.time_ns()
    await bus.publish(CLOCK_SUBJECT, b"nobody waits for this one")
    assert int((await bus.request(CLOCK_SUBJECT, b"", timeout_s=2)).data) > told
    await bus.close()


async def test_a_service_outlives_its_server_and_says_when_it_is_not_ready(start, broker):
    service = await start()
    assert await service.status("/readyz") == 200
    broker.kill()
    await service.event("bus.away")
    assert await service.status("/readyz") == 503
    assert await service.status("/healthz") == 200
    broker.restart()
    await service.event("bus.back")
    assert await service.status("/readyz") == 200


async def test_without_a_server_it_ends_with_one_sentence(start, broker):
    broker.kill()
    service = await start("--bus.connect_timeout_s=0.3", "--log.level=error")
    assert await service.end() == 2
    assert service.lines == [
        f"avatar tts: no NATS server answers at {broker.url}: start one with `make up`, or correct the URL"
    ]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--engin=x"], "avatar tts: flags: unknown flag '--engin'"),
        (["--worker=a b"], "avatar tts: flag --worker: worker = a b cannot be used"),
        (["--missing"], "avatar tts: the model is not there: run `avatar models`"),
    ],
    ids=["unknown flag", "bad worker name", "engine missing"],
)
async def test_a_mistake_a_person_can_mend_ends_it_with_one_sentence(start, flags, sentence):
    service = await start(*flags)
    assert await service.end() == 2
    assert service.lines[-1].startswith(sentence)
    assert not any("Traceback" in line for line in service.lines)


async def test_asked_twice_it_leaves_at_once(start):
    service = await start("--load_s=30", "--log.level=debug")
    await asyncio.sleep(1.5)  # past its imports, into loading
    service.process.send_signal(signal.SIGINT)
    await asyncio.sleep(0.2)
    service.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(3):
        assert await service.end() == 128 + signal.SIGINT
