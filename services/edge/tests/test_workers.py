import asyncio
import contextlib
import time

import msgspec
import pytest

from avatar_contracts import (
    Ack,
    Claim,
    Claimed,
    Exchange,
    Pending,
    Ping,
    Pong,
    Refused,
    Release,
    decode_control,
    encode_control,
    ids,
)
from avatar_edge import workers as module
from avatar_edge.settings import EdgeSettings
from avatar_edge.workers import KINDS, Workers
from avatar_runtime.bus import RequestTimeout
from avatar_runtime.memory_bus import MemoryBus

SETTINGS = EdgeSettings(claim_timeout_s=0.15, ping_s=0.02, hang_s=0.3, stall_s=0.5, face_gap_s=0.3, drain_wait_s=0.4)


class Fake:
    """The control side of one worker, obeying its script."""

    def __init__(self, bus, kind, name):
        self.bus, self.kind, self.name = bus, kind, name
        self.claims, self.released = [], []
        self.refuses = self.hangs = self.mute = self.forgets = False
        self.pong = Pong(holds=True)
        self.subscriptions = []

    async def up(self):
        for subject, queue in (
            (ids.claim_subject(self.kind), self.kind),
            (ids.worker_subject(self.kind, self.name, "ping"), ""),
            (ids.worker_subject(self.kind, self.name, "release"), ""),
        ):
            self.subscriptions.append(await self.bus.subscribe(subject, self.take, queue=queue))
        return self

    async def down(self):
        for subscription in self.subscriptions:
            await subscription.unsubscribe()

    async def leave_queue(self):
        await self.subscriptions[0].unsubscribe()

    def take(self, message):
        control = decode_control(message.data)
        answer = None
        if isinstance(control, Claim):
            self.claims.append(control)
            answer = Refused(worker=self.name, reason="full") if self.refuses else Claimed(worker=self.name, lease_s=3)
            answer = None if self.mute else answer
        elif isinstance(control, Ping):
            current = self.claims and control.epoch == self.claims[-1].epoch
            answer = msgspec.structs.replace(self.pong, holds=bool(current) and not self.forgets)
        elif isinstance(control, Release):
            self.released.append(control.epoch)
            answer = Ack()
        if answer is not None and not self.hangs:
            self.task = asyncio.ensure_future(self.bus.publish(message.reply, encode_control(answer)))


class Owner:
    def __init__(self):
        self.changes, self.lost, self.told = [], [], []
        self.is_answering = False
        self.frame = None

    def floors(self, kind):
        return 21, 34

    def transcript(self):
        return (Exchange(said="hi", heard="hello", language="en"),)

    def pending(self):
        return Pending(turn=21, text="hm?", language="en")

    def config(self):
        return SETTINGS.session_config()

    def frame_at(self):
        return time.perf_counter() if self.frame is None else self.frame

    def answering(self):
        return self.is_answering

    async def workers_changed(self, leases):
        self.changes.append({lease.kind: (lease.worker, lease.epoch) for lease in leases})

    async def worker_lost(self, kind, why):
        self.lost.append((kind, why))

    async def tell(self, code, message, hint):
        self.told.append((code, message, hint))


async def until(condition, timeout_s=3.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the outcome of several tasks
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def keeping(*kinds, bus=None, settings=SETTINGS):
    bus = bus or MemoryBus()
    owner = Owner()
    workers = Workers(bus, "abcdefgh12", settings, owner)
    tasks = [asyncio.create_task(workers.keep(kind)) for kind in kinds]
    try:
        yield workers, owner
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_worker_of_each_kind_is_claimed_with_what_it_must_know():
    bus = MemoryBus()
    fakes = {kind: await Fake(bus, kind, f"{kind}-1").up() for kind in KINDS}
    async with keeping(*KINDS, bus=bus) as (workers, owner):
        await until(lambda: len(workers.leases) == 4)
        assert workers.missing == []
        assert owner.changes[-1] == {kind: (f"{kind}-1", 1) for kind in KINDS}
        claim = fakes["llm"].claims[0]
        assert (claim.turn, claim.reply, claim.epoch) == (21, 34, 1)
        assert claim.transcript[0].heard == "hello"
        assert claim.config.video.width == SETTINGS.width
        assert claim.pending.text == "hm?"
        assert [fakes[kind].claims[0].pending for kind in KINDS if kind != "llm"] == [None] * 3
        await workers.release()
        assert all(fake.released == [1] for fake in fakes.values())


async def test_a_full_worker_is_passed_over():
    bus = MemoryBus()
    full, free = await Fake(bus, "tts", "tts-1").up(), await Fake(bus, "tts", "tts-2").up()
    full.refuses = True
    async with keeping("tts", bus=bus) as (workers, _):
        await until(lambda: workers.leases)
        assert workers.leases["tts"].worker == free.name


async def test_a_worker_that_dies_is_replaced_under_a_newer_epoch_at_once():
    bus = MemoryBus()
    first = await Fake(bus, "tts", "tts-1").up()
    async with keeping("tts", bus=bus) as (workers, owner):
        await until(lambda: workers.leases)
        second = await Fake(bus, "tts", "tts-2").up()
        await asyncio.sleep(0.05)
        died_at = time.perf_counter()
        await first.down()
        await until(lambda: workers.leases.get("tts") and workers.leases["tts"].worker == second.name)
        assert time.perf_counter() - died_at < 0.3
        assert owner.lost == [("tts", "died")]
        assert workers.epoch("tts") > 1
        assert owner.changes[1] == {}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (lambda fake: setattr(fake, "hangs", True), "hangs"),
        (lambda fake: setattr(fake, "forgets", True), "lost the session"),
        (lambda fake: setattr(fake, "pong", Pong(holds=True, stalled_s=9.0)), "stalled"),
    ],
)
async def test_a_worker_that_hangs_stalls_or_forgets_is_given_up_and_released(fault, why):
    bus = MemoryBus()
    first = await Fake(bus, "llm", "llm-1").up()
    async with keeping("llm", bus=bus) as (workers, owner):
        await until(lambda: workers.leases)
        second = await Fake(bus, "llm", "llm-2").up()
        fault(first)
        await until(lambda: workers.leases.get("llm") and workers.leases["llm"].worker == second.name)
        assert owner.lost[0] == ("llm", why)
        assert first.released == [1]


async def test_a_leaving_worker_is_kept_until_another_one_is_there():
    bus = MemoryBus()
    first = await Fake(bus, "asr", "asr-1").up()
    async with keeping("asr", bus=bus) as (workers, owner):
        await until(lambda: workers.leases)
        await first.leave_queue()
        first.pong = Pong(holds=True, draining=True)
        await asyncio.sleep(0.2)
        assert workers.leases["asr"].worker == "asr-1"
        second = await Fake(bus, "asr", "asr-2").up()
        await until(lambda: workers.leases["asr"].worker == second.name)
        await until(lambda: first.released)
        assert owner.lost == []


async def test_a_leaving_worker_finishes_the_reply_it_is_in_but_not_for_ever():
    bus = MemoryBus()
    first = await Fake(bus, "tts", "tts-1").up()
    async with keeping("tts", bus=bus) as (workers, owner):
        await until(lambda: workers.leases)
        owner.is_answering = True
        await first.leave_queue()
        await Fake(bus, "tts", "tts-2").up()
        first.pong = Pong(holds=True, draining=True)
        await asyncio.sleep(0.25)
        assert workers.leases["tts"].worker == "tts-1"
        await until(lambda: workers.leases["tts"].worker == "tts-2", timeout_s=1.0)


async def test_a_face_that_sends_no_picture_is_replaced():
    bus = MemoryBus()
    first = await Fake(bus, "face", "face-1").up()
    async with keeping("face", bus=bus) as (workers, owner):
        await until(lambda: workers.leases)
        owner.frame = time.perf_counter()
        await until(lambda: owner.lost)
        assert owner.lost == [("face", "sends no picture")]
        await until(lambda: workers.epoch("face") > 1)
        assert first.released == [1]


async def test_the_person_is_told_in_words_when_nobody_is_there_and_when_somebody_is_back(monkeypatch):
    monkeypatch.setattr(module, "MISSING_AFTER_S", 0.3)
    bus = MemoryBus()
    async with keeping("tts", bus=bus) as (workers, owner):
        await until(lambda: owner.told)
        code, message, hint = owner.told[0]
        assert code == "tts.missing"
        assert "no voice" in message
        assert "avatar up tts" in hint
        await asyncio.sleep(0.5)
        assert len(owner.told) == 1
        await Fake(bus, "tts", "tts-1").up()
        await until(lambda: len(owner.told) == 2)
        assert owner.told[1][:2] == ("tts.back", "the voice is back")
        assert workers.missing == [kind for kind in KINDS if kind != "tts"]


async def test_an_answer_that_comes_too_late_holds_nothing():
    bus = MemoryBus()
    slow = await Fake(bus, "llm", "llm-1").up()
    slow.mute = True
    async with keeping("llm", bus=bus) as (workers, _):
        await until(lambda: len(slow.claims) >= 2)
        slow.mute = False
        await until(lambda: workers.leases)
        assert workers.epoch("llm") == slow.claims[-1].epoch
        assert [claim.epoch for claim in slow.claims] == list(range(1, len(slow.claims) + 1))


async def test_a_short_outage_of_the_bus_costs_no_worker():
    bus = MemoryBus()
    await Fake(bus, "llm", "llm-1").up()
    async with keeping("llm", bus=bus) as (workers, owner):
        await until(lambda: workers.leases)
        bus.set_connected(False)
        await asyncio.sleep(0.5)
        bus.set_connected(True)
        await asyncio.sleep(0.2)
        assert workers.epoch("llm") == 1
        assert owner.lost == []


async def test_a_keeper_ends_even_when_its_request_swallows_the_cancellation():
    """As `asyncio.wait_for` of Python 3.11 does when the answer and the cancellation come together."""

    class Swallowing(MemoryBus):
        async def request(self, subject, data, **options):
            try:
                await asyncio.sleep(0.02)
                return await super().request(subject, data, **options)
            except asyncio.CancelledError:
                return await super().request(subject, data, **options)

    for claimed in (True, False):
        bus = Swallowing()
        fake = await Fake(bus, "tts", "tts-1").up()
        fake.refuses = not claimed
        workers = Workers(bus, "abcdefgh12", SETTINGS, Owner())
        task = asyncio.create_task(workers.keep("tts"))
        await until(lambda fake=fake: fake.claims)
        await asyncio.sleep(0.055)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=1)
        assert done
        assert task.cancelled()


class StallingBus(MemoryBus):
    """A bus that can stall: what is asked gets no answer in time, from nobody, and nothing is known of it."""

    stalled = False

    async def request(self, subject, data, *, timeout_s=0.25, headers=None):
        if self.stalled:
            await asyncio.sleep(timeout_s)
            raise RequestTimeout(subject, timeout_s)
        return await super().request(subject, data, timeout_s=timeout_s, headers=headers)


async def test_a_stalled_link_is_no_reason_to_replace_anybody():
    bus = StallingBus()
    fakes = [await Fake(bus, kind, f"{kind}-1").up() for kind in KINDS]
    async with keeping(*KINDS, bus=bus) as (workers, owner):
        await until(lambda: len(workers.leases) == 4)
        await asyncio.sleep(0.1)
        bus.stalled = True
        owner.frame = time.perf_counter()  # no picture comes either
        await asyncio.sleep(1.5)
        bus.stalled = False
        await asyncio.sleep(0.2)
        owner.frame = None
        await asyncio.sleep(0.3)
        assert owner.lost == []
        assert all(len(fake.claims) == 1 for fake in fakes)


async def test_round_trips_are_told_also_when_nobody_answered_in_time():
    bus = MemoryBus()
    fake = await Fake(bus, "tts", "tts-1").up()
    trips = []
    workers = Workers(bus, "abcdefgh12", SETTINGS, Owner(), on_round_trip=lambda *trip: trips.append(trip))
    keeper = asyncio.create_task(workers.keep("tts"))
    await until(lambda: len(trips) > 2)
    fake.hangs = True
    await until(lambda: not trips[-1][2])
    assert trips[0][0] == "tts"
    assert trips[0][2]
    assert trips[-1][1] >= 0.25
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
