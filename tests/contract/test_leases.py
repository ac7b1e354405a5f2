"""Claims, leases and draining, on both kinds of bus; death and hanging on the real one."""

import asyncio
import contextlib
import signal
import sys

import pytest

from avatar_contracts import (
    Ack,
    Claim,
    Claimed,
    MicFrame,
    Ping,
    Pong,
    Refused,
    Release,
    SpeechStarted,
    decode_control,
    encode_control,
    ids,
)
from avatar_runtime import leases, metrics
from avatar_runtime.bus import BusDisconnected, NoResponders, RequestTimeout
from avatar_runtime.leases import Leases
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session
from avatar_runtime.testing.networks import until


class Ear:
    """The smallest worker: for each frame it hears it says that speech started."""

    def __init__(self, session):
        self.session = session
        self.closed = 0
        session.on(MicFrame, self.on_frame)

    async def on_frame(self, event):
        await self.session.publish(SpeechStarted(turn=1, at=event.start))

    async def close(self):
        self.closed += 1


class Floor:
    """Workers of one kind, and an edge's view of them."""

    def __init__(self, network, bus):
        self.bus = bus
        self.network = network
        self.ears = []
        self.running = []

    def make_ear(self, session):
        self.ears.append(Ear(session))
        return self.ears[-1]

    def tasks_of(self, session):
        return [task.get_name() for task in asyncio.all_tasks() if session in task.get_name()]

    async def open(self, worker="asr-one", *, capacity=2, make=None):
        made = Leases(await self.network.connect(), "asr", worker, capacity, make or self.make_ear)
        await made.open()
        self.running.append(made)
        return made

    async def ask(self, subject, message, *, timeout_s=2.0):
        return decode_control((await self.bus.request(subject, encode_control(message), timeout_s=timeout_s)).data)

    async def claim(self, session=None, *, epoch=1, kind="asr"):
        session = session or ids.new_session_id()
        return await self.ask("svc.asr.claim", Claim(session=session, kind=kind, epoch=epoch))

    async def ping(self, worker, session, *, epoch=1):
        return await self.ask(ids.worker_subject("asr", worker, "ping"), Ping(session=session, epoch=epoch))

    async def release(self, worker, session, *, epoch=1):
        return await self.ask(ids.worker_subject("asr", worker, "release"), Release(session=session, epoch=epoch))


@pytest.fixture
async def floor(network, bus):
    made = Floor(network, bus)
    yield made
    for running in made.running:
        await running.drain(0)


async def test_a_claimed_worker_hears_the_session_from_before_its_answer_until_it_is_released(floor, network):
    await floor.open()
    edge = Session(await network.connect(), ids.new_session_id(), "edge", 1)
    started = []

    async def keep(event):
        started.append(event)

    edge.on(SpeechStarted, keep)
    await edge.start()
    claimed = await floor.claim(edge.id, epoch=5)
    assert isinstance(claimed, Claimed)
    await edge.publish(MicFrame(rate=16_000, start=640, pcm=b""))  # at once: not a frame may be lost
    await until(lambda: started)
    assert (started[0].at, started[0].epoch) == (640, 5)
    assert (await floor.ping(claimed.worker, edge.id, epoch=5)).holds
    assert await floor.release(claimed.worker, edge.id, epoch=5) == Ack()
    assert not (await floor.ping(claimed.worker, edge.id, epoch=5)).holds
    assert floor.ears[0].closed == 1
    await edge.publish(MicFrame(rate=16_000, start=960, pcm=b""))
    await asyncio.sleep(0.05)
    assert len(started) == 1
    await edge.close()


async def test_the_claim_reaches_the_worker_whole(floor):
    seen = []

    def make(session):
        seen.append(session.claim)
        return floor.make_ear(session)

    await floor.open(make=make)
    claim = Claim(session=ids.new_session_id(), kind="asr", epoch=3, turn=4, reply=6)
    await floor.ask("svc.asr.claim", claim)
    assert seen == [claim]


async def test_a_session_without_pings_is_freed_and_one_with_pings_is_kept(floor, monkeypatch):
    monkeypatch.setattr(leases, "LEASE_S", 0.4)
    await floor.open()
    kept, lost = ids.new_session_id(), ids.new_session_id()
    await floor.claim(kept)
    await floor.claim(lost)
    for _ in range(12):
        await floor.ping("asr-one", kept)
        await asyncio.sleep(0.08)
    assert (await floor.ping("asr-one", kept)).holds
    assert not (await floor.ping("asr-one", lost)).holds
    assert [ear.closed for ear in floor.ears] == [0, 1]


async def test_a_session_claimed_again_as_its_lease_ran_out_is_kept(floor, monkeypatch):
    monkeypatch.setattr(leases, "LEASE_S", 0.3)

    class Slow(Ear):
        async def close(self):
            await asyncio.sleep(0.5)

    await floor.open(make=Slow, capacity=3)
    back, other = ids.new_session_id(), ids.new_session_id()
    await floor.claim(back)
    await floor.claim(other)
    releasing = asyncio.create_task(floor.release("asr-one", other))  # all else waits until its worker has closed
    await asyncio.sleep(0.05)
    claiming = asyncio.create_task(floor.claim(back, epoch=2))
    await releasing
    assert isinstance(await claiming, Claimed)
    await asyncio.sleep(0.1)
    assert (await floor.ping("asr-one", back, epoch=2)).holds


async def claimed(bus, claim):
    """The answer to a claim; a worker stands for claims again a moment after it has freed a session."""
    async with asyncio.timeout(2):
        while True:
            with contextlib.suppress(NoResponders):
                return decode_control((await bus.request("svc.asr.claim", claim)).data)
            await asyncio.sleep(0.005)


async def test_leases_still_end_after_the_bus_broke_while_one_was_freed(monkeypatch):
    monkeypatch.setattr(leases, "LEASE_S", 0.2)

    class Breaking(MemoryBus):
        breaks = False

        async def flush(self):
            if self.breaks:
                raise BusDisconnected("a flush")

    bus = Breaking()
    worker = Leases(bus, "asr", "asr-one", 1, Ear)
    await worker.open()
    for breaks in (True, False):
        bus.breaks = False
        claim = encode_control(Claim(session=ids.new_session_id(), kind="asr", epoch=1))
        assert isinstance(await claimed(bus, claim), Claimed)
        bus.breaks = breaks
        await until(lambda: not worker._held, within_s=2)
    await worker.drain(0)


async def test_pings_under_another_epoch_do_not_renew_a_lease(floor, monkeypatch):
    monkeypatch.setattr(leases, "LEASE_S", 0.3)
    await floor.open()
    session = ids.new_session_id()
    await floor.claim(session, epoch=2)
    for _ in range(10):
        assert not (await floor.ping("asr-one", session, epoch=1)).holds
        await asyncio.sleep(0.06)
    assert floor.ears[0].closed == 1


async def test_a_lease_outlives_an_outage_in_which_no_ping_can_come(floor, network, monkeypatch):
    monkeypatch.setattr(leases, "LEASE_S", 0.3)
    await floor.open()
    session = ids.new_session_id()
    await floor.claim(session)
    await network.begin_outage()
    await asyncio.sleep(0.6)
    await network.end_outage()
    assert (await floor.ping("asr-one", session)).holds


async def test_a_full_worker_leaves_the_claims_to_others_and_comes_back_when_it_has_room(floor):
    await floor.open(capacity=1)
    session = ids.new_session_id()
    await floor.claim(session)
    with pytest.raises(NoResponders):
        await floor.claim()
    await floor.open("asr-two", capacity=1)
    assert (await floor.claim()).worker == "asr-two"
    with pytest.raises(NoResponders):
        await floor.claim()
    await floor.release("asr-one", session)
    assert (await floor.claim()).worker == "asr-one"


async def test_a_full_worker_stays_out_of_the_queue_over_an_outage(floor, network):
    await floor.open(capacity=1)
    await floor.claim()
    await network.begin_outage()
    await network.end_outage()
    await floor.bus.flush()
    with pytest.raises(NoResponders):
        await floor.claim()


async def test_two_workers_share_the_load_and_none_takes_more_than_it_can(floor):
    await floor.open("asr-one", capacity=5)
    await floor.open("asr-two", capacity=5)
    answers = await asyncio.gather(*(floor.claim() for _ in range(10)), return_exceptions=True)
    workers = [answer.worker for answer in answers if isinstance(answer, Claimed)]
    # A claim may meet a worker that became full a moment ago: it is refused, and its edge asks again.
    while len(workers) < 10:
        answer = await floor.claim()
        if isinstance(answer, Claimed):
            workers.append(answer.worker)
    assert workers.count("asr-one") == workers.count("asr-two") == 5


async def test_a_claim_again_at_a_worker_with_room_replaces_the_older_lease(floor):
    await floor.open(capacity=2)
    session = ids.new_session_id()
    await floor.claim(session, epoch=1)
    assert isinstance(await floor.claim(session, epoch=2), Claimed)
    assert [ear.closed for ear in floor.ears] == [1, 0]
    assert not (await floor.ping("asr-one", session, epoch=1)).holds
    assert (await floor.ping("asr-one", session, epoch=2)).holds


async def test_a_release_that_comes_late_does_not_end_the_newer_lease(floor):
    await floor.open()
    session = ids.new_session_id()
    await floor.claim(session, epoch=1)
    await floor.claim(session, epoch=2)
    await floor.release("asr-one", session, epoch=1)
    assert (await floor.ping("asr-one", session, epoch=2)).holds


async def test_a_claim_that_comes_late_does_not_end_the_newer_lease(floor):
    await floor.open()
    session = ids.new_session_id()
    await floor.claim(session, epoch=2)
    assert isinstance(await floor.claim(session, epoch=1), Refused)
    assert (await floor.ping("asr-one", session, epoch=2)).holds


async def test_a_claim_sent_twice_is_answered_twice_and_starts_once(floor):
    await floor.open()
    session = ids.new_session_id()
    assert await floor.claim(session) == await floor.claim(session)
    assert len(floor.ears) == 1


async def test_a_draining_worker_takes_no_more_says_so_and_waits_for_its_sessions(floor):
    running = await floor.open()
    session = ids.new_session_id()
    await floor.claim(session)
    draining = asyncio.create_task(running.drain(5))
    await until(lambda: running.draining)
    await asyncio.sleep(0.05)
    with pytest.raises(NoResponders):
        await floor.claim()
    assert await floor.ping("asr-one", session) == Pong(holds=True, draining=True)
    assert not draining.done()
    await floor.release("asr-one", session)
    async with asyncio.timeout(1):
        await draining
    with pytest.raises(NoResponders):
        await floor.ping("asr-one", session)


async def test_a_drain_frees_what_is_left_after_its_patience(floor):
    running = await floor.open()
    await floor.claim()
    started = asyncio.get_running_loop().time()
    await running.drain(0.2)
    assert 0.15 < asyncio.get_running_loop().time() - started < 1
    assert floor.ears[0].closed == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x91" * 1000,
        encode_control(Ack()),
        encode_control(Claim(session="UPPER..>", kind="asr", epoch=1)),
        encode_control(Claim(session="abcdefgh", kind="tts", epoch=1)),
    ],
    ids=["empty", "deep", "no claim", "bad id", "other kind"],
)
async def test_a_bad_claim_is_refused_with_a_reason_and_the_worker_goes_on(floor, data):
    await floor.open()
    refused = decode_control((await floor.bus.request("svc.asr.claim", data, timeout_s=2)).data)
    assert isinstance(refused, Refused)
    assert refused.reason == "malformed"
    assert refused.hint
    assert isinstance(await floor.claim(), Claimed)


@pytest.mark.parametrize("data", [b"", b"\xff" * 50, b"\x91" * 1000, encode_control(Ack())])
@pytest.mark.parametrize("verb", ["ping", "release"])
async def test_a_bad_ping_or_release_harms_nothing(floor, verb, data):
    await floor.open()
    session = ids.new_session_id()
    await floor.claim(session)
    labels = {"service": "asr", "stage": verb, "outcome": "malformed"}
    before = metrics.REGISTRY.get_sample_value("avatar_bus_events_total", labels) or 0
    await floor.bus.publish(ids.worker_subject("asr", "asr-one", verb), data)
    assert (await floor.ping("asr-one", session)).holds
    assert metrics.REGISTRY.get_sample_value("avatar_bus_events_total", labels) == before + 1


async def test_a_worker_that_cannot_be_made_is_a_refusal_with_its_reason_and_leaves_nothing(floor):
    def broken(session):
        session.spawn(asyncio.Event().wait(), "speak")
        raise RuntimeError("no such voice")

    await floor.open(make=broken, capacity=1)
    session = ids.new_session_id()
    for _ in range(2):
        refused = await floor.claim(session)
        assert (refused.reason, refused.hint) == ("failed", "no such voice")
    assert floor.tasks_of(session) == []


async def test_a_worker_whose_close_fails_frees_its_session_all_the_same(floor):
    def stubborn(session):
        ear = floor.make_ear(session)

        async def close():
            raise RuntimeError("stuck")

        ear.close = close
        return ear

    await floor.open(capacity=1, make=stubborn)
    session = ids.new_session_id()
    await floor.claim(session)
    assert floor.tasks_of(session) != []
    await floor.release("asr-one", session)
    assert floor.tasks_of(session) == []
    assert isinstance(await floor.claim(), Claimed)


async def test_an_engine_that_hangs_is_seen_in_the_answer_to_a_ping(floor):
    await floor.open()
    session = ids.new_session_id()
    await floor.claim(session)
    with floor.ears[0].session.busy():
        await asyncio.sleep(0.15)
        assert (await floor.ping("asr-one", session)).stalled_s >= 0.15
    assert (await floor.ping("asr-one", session)).stalled_s == 0


WORKER = """
import asyncio, sys
from avatar_runtime.leases import Leases
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings

class Ear:
    async def close(self):
        pass

async def main():
    bus = await NatsBus.connect(BusSettings(url=sys.argv[1]), "asr/" + sys.argv[2])
    await Leases(bus, "asr", sys.argv[2], 2, lambda session: Ear()).open()
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def processes(nats):
    """A function that starts a worker process on the real server; all are gone afterwards."""
    started = []

    async def start(worker):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, nats.broker.url, worker, stdout=asyncio.subprocess.PIPE
        )
        started.append(process)
        assert await process.stdout.readline() == b"open\n"
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_killed_worker_is_seen_at_once_and_a_hung_one_by_its_silence(nats, processes):
    floor = Floor(nats, await nats.connect())
    process = await processes("asr-one")
    session = ids.new_session_id()
    await floor.claim(session)
    ping = encode_control(Ping(session=session, epoch=1))
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(RequestTimeout):
        await floor.bus.request("svc.asr.asr-one.ping", ping, timeout_s=0.1)
    process.send_signal(signal.SIGCONT)
    assert (await floor.ping("asr-one", session)).holds
    process.kill()
    await process.wait()

    async def ping_until_nobody_hears():
        while True:
            await floor.bus.request("svc.asr.asr-one.ping", ping, timeout_s=0.1)

    with pytest.raises(NoResponders):
        await asyncio.wait_for(ping_until_nobody_hears(), 0.5)
    await processes("asr-two")
    assert (await floor.claim(session, epoch=2)).worker == "asr-two"
