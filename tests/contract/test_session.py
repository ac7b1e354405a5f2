"""What a session promises its service, on both kinds of bus."""

import asyncio
import contextlib

import msgspec
import pytest

from avatar_contracts import (
    AsrPartial,
    ErrorRaised,
    LlmDelta,
    MicFrame,
    PayloadTooLarge,
    SessionWorkers,
    TtsChunk,
    TtsDone,
    TurnText,
    TurnTyped,
    WorkerLease,
    encode,
    ids,
)
from avatar_runtime import metrics, telemetry
from avatar_runtime.bus import CommandFailed
from avatar_runtime.lanes import ORDERED_DEPTH
from avatar_runtime.session import Session
from avatar_runtime.testing.networks import Heard, until


def frame(number):
    return MicFrame(rate=16_000, start=number * 320, pcm=bytes(640))


def turn(number):
    return TurnText(turn=number, text="hello", language="en", end_reason="typed")


def counted(tag, outcome, service="asr"):
    labels = {"service": service, "stage": tag, "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("avatar_bus_events_total", labels) or 0


class Ends:
    """Sessions of one id, each with a client of its own, closed at the end."""

    def __init__(self, network):
        self.id = ids.new_session_id()
        self._network = network
        self._sessions = []

    async def make(self, kind, *, epoch=1):
        session = Session(await self._network.connect(), self.id, kind, epoch)
        self._sessions.append(session)
        return session

    async def raw(self, tag, data, headers=None):
        """Send bytes as any stranger on the bus could."""
        await (await self._network.connect()).publish(ids.event_subject(self.id, tag), data, headers)

    async def close(self):
        for session in self._sessions:
            await session.close()


@pytest.fixture
async def ends(network):
    made = Ends(network)
    yield made
    await made.close()


class Kept(list):
    """A handler that keeps events, slowed down by closing its gate."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, event):
        await self.gate.wait()
        self.append(event)


async def test_every_event_is_stamped_with_its_lease_and_its_place_in_its_stream(ends):
    asr, tts = await ends.make("asr"), await ends.make("tts", epoch=7)
    chunks, done = Kept(), Kept()
    asr.on(TtsChunk, chunks)
    asr.on(TtsDone, done)
    await asr.start()
    for _ in range(3):
        await tts.publish(TtsChunk(turn=1, reply=1, sentence=0, rate=16_000, start=0, pcm=b"", epoch=99, seq=99))
    await tts.publish(TtsDone(turn=1, reply=1, samples=0))
    await until(lambda: len(chunks) == 3 and done)
    assert [(event.epoch, event.seq) for event in chunks] == [(7, 1), (7, 2), (7, 3)]
    assert (done[0].epoch, done[0].seq) == (7, 1)


async def test_events_of_one_type_are_handled_in_order_and_do_not_hold_up_other_types(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    frames, typed = Kept(), Kept()
    frames.gate.clear()
    asr.on(MicFrame, frames)
    asr.on(TurnTyped, typed)
    await asr.start()
    for number in range(50):
        await edge.publish(frame(number))
    await edge.publish(TurnTyped(client_id="c", text="hi"))
    await until(lambda: typed)
    assert frames == []
    frames.gate.set()
    await until(lambda: len(frames) == 50)
    assert [event.start for event in frames] == [number * 320 for number in range(50)]


async def test_a_slow_handler_of_media_loses_the_oldest_and_it_is_counted(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    frames = Kept()
    frames.gate.clear()
    asr.on(MicFrame, frames)
    await asr.start()
    before = counted("mic.pcm", "overflow")
    await edge.publish(frame(0))
    await until(lambda: counted("mic.pcm", "taken"))
    await asyncio.sleep(0.05)  # the handler holds the first one now
    total = ORDERED_DEPTH + 40
    for number in range(1, total + 1):
        await edge.publish(frame(number))
    await until(lambda: counted("mic.pcm", "overflow") == before + 40)
    frames.gate.set()
    await until(lambda: len(frames) == 1 + ORDERED_DEPTH)
    assert [event.start // 320 for event in frames] == [0, *range(41, total + 1)]


async def test_a_slow_handler_of_control_events_loses_none(ends):
    asr, llm = await ends.make("asr"), await ends.make("llm")
    turns = Kept()
    turns.gate.clear()
    llm.on(TurnText, turns)
    await llm.start()
    for number in range(1200):
        await asr.publish(turn(number))
    turns.gate.set()
    await until(lambda: len(turns) == 1200)
    assert [event.turn for event in turns] == list(range(1200))


async def test_a_slow_handler_of_a_state_gets_only_the_newest(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    partials = Kept()
    partials.gate.clear()
    edge.on(AsrPartial, partials)
    await edge.start()
    await asr.publish(AsrPartial(turn=1, text="0"))
    await asyncio.sleep(0.05)
    for number in range(1, 20):
        await asr.publish(AsrPartial(turn=1, text=str(number)))
    await asyncio.sleep(0.1)
    partials.gate.set()
    await until(lambda: len(partials) == 2)
    await asyncio.sleep(0.05)
    assert [event.text for event in partials] == ["0", "19"]


async def test_events_of_an_older_lease_are_dropped_and_counted(ends):
    edge = await ends.make("edge")
    old, new = await ends.make("tts", epoch=1), await ends.make("tts", epoch=2)
    done = Kept()
    edge.on(TtsDone, done)
    await edge.start()
    before = counted("tts.done", "epoch", "edge")
    await old.publish(TtsDone(turn=1, reply=1, samples=1))
    await until(lambda: len(done) == 1)
    await new.publish(TtsDone(turn=1, reply=1, samples=2))
    await until(lambda: len(done) == 2)
    await old.publish(TtsDone(turn=1, reply=1, samples=3))
    await until(lambda: counted("tts.done", "epoch", "edge") == before + 1)
    assert [event.samples for event in done] == [1, 2]


async def test_the_list_of_workers_ends_an_old_lease_before_the_new_one_speaks(ends):
    face, edge, old = await ends.make("face"), await ends.make("edge"), await ends.make("tts", epoch=1)
    done = Kept()
    face.on(TtsDone, done)
    await face.start()
    await old.publish(TtsDone(turn=1, reply=1, samples=1))
    await until(lambda: done)
    await edge.publish(SessionWorkers(workers=(WorkerLease(kind="tts", worker="tts-two", epoch=2),)))
    await until(lambda: counted("session.workers", "taken", "face"))
    await asyncio.sleep(0.05)
    before = counted("tts.done", "epoch", "face")
    await old.publish(TtsDone(turn=1, reply=1, samples=2))
    await until(lambda: counted("tts.done", "epoch", "face") == before + 1)
    assert len(done) == 1


async def test_a_late_or_doubled_event_is_dropped_and_counted(ends):
    asr = await ends.make("asr")
    frames = Kept()
    asr.on(MicFrame, frames)
    await asr.start()
    before = counted("mic.pcm", "seq"), counted("mic.pcm", "repeat")
    for seq in (1, 3, 2, 3, 4):
        await ends.raw("mic.pcm", encode(msgspec.structs.replace(frame(seq), epoch=1, seq=seq)))
    await until(lambda: len(frames) == 3)
    await until(lambda: (counted("mic.pcm", "seq"), counted("mic.pcm", "repeat")) == (before[0] + 1, before[1] + 1))
    assert [event.seq for event in frames] == [1, 3, 4]


@pytest.mark.parametrize(
    ("data", "headers", "outcome"),
    [
        (b"", None, "malformed"),
        (b"\x00", None, "malformed"),
        (b"\x91" * 1000, None, "malformed"),
        (b"\x81\xa1t" * 300, None, "malformed"),
        (b"\xff" * 70_000, None, "oversized"),
        (encode(TurnTyped(client_id="c", text="x")), None, "malformed"),
        (encode(msgspec.structs.replace(frame(0), seq=1)), {"Av-V": "2"}, "version"),
        (
            msgspec.msgpack.encode({"t": "mic.pcm", "rate": 16_000, "start": -5, "pcm": b"", "seq": 1}),
            None,
            "malformed",
        ),
        (msgspec.msgpack.encode({"t": "mic.pcm", "rate": 10**9, "start": 0, "pcm": b"", "seq": 1}), None, "malformed"),
    ],
    ids=[
        "empty",
        "nothing",
        "deep",
        "deep maps",
        "oversized",
        "another event",
        "newer schema",
        "negative",
        "huge rate",
    ],
)
async def test_a_bad_message_is_counted_and_the_session_goes_on(ends, data, headers, outcome):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    frames = Kept()
    asr.on(MicFrame, frames)
    await asr.start()
    before = counted("mic.pcm", outcome)
    await ends.raw("mic.pcm", data, headers)
    await until(lambda: counted("mic.pcm", outcome) == before + 1)
    await edge.publish(frame(1))
    await until(lambda: len(frames) == 1)


async def test_a_handler_that_raises_is_reported_once_and_the_session_goes_on(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    errors, handled = Kept(), []

    async def stumble(event):
        handled.append(event.start)
        if event.start < 3 * 320:
            raise ValueError("stumbled")

    asr.on(MicFrame, stumble)
    edge.on(ErrorRaised, errors)
    await asr.start()
    await edge.start()
    for number in range(5):
        await edge.publish(frame(number))
    await until(lambda: len(handled) == 5 and errors)
    await asyncio.sleep(0.05)
    assert len(errors) == 1
    assert (errors[0].service, errors[0].code) == ("asr", "handler.failed")
    assert "mic.pcm" in errors[0].message
    labels = {"service": "asr", "stage": "mic.pcm"}
    assert metrics.REGISTRY.get_sample_value("avatar_handler_errors_total", labels) >= 3


async def test_a_spawned_task_that_fails_is_reported(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    errors = Kept()
    edge.on(ErrorRaised, errors)
    await edge.start()
    await asr.start()

    async def fail():
        raise ValueError("fell over")

    asr.spawn(fail(), "listen")
    await until(lambda: errors)
    assert errors[0].code == "task.failed"
    assert "listen" in errors[0].message


async def test_closing_a_session_ends_its_tasks_and_its_hearing(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    frames = Kept()
    asr.on(MicFrame, frames)
    await asr.start()
    task = asr.spawn(asyncio.Event().wait(), "listen")
    await asr.close()
    assert task.cancelled()
    await edge.publish(frame(0))
    await asyncio.sleep(0.05)
    assert frames == []


async def test_sessions_do_not_hear_each_other(network, ends):
    other = Ends(network)
    asr, stranger = await ends.make("asr"), await other.make("edge")
    frames = Kept()
    asr.on(MicFrame, frames)
    await asr.start()
    await stranger.publish(frame(0))
    await asyncio.sleep(0.05)
    await other.close()
    assert frames == []


async def test_while_the_bus_is_away_events_are_dropped_counted_and_never_come_late(network, ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    frames = Kept()
    asr.on(MicFrame, frames)
    await asr.start()
    await edge.publish(frame(0))
    await until(lambda: frames)
    labels = {"service": "edge", "stage": "mic.pcm"}
    before = metrics.REGISTRY.get_sample_value("avatar_bus_unsent_total", labels) or 0
    await network.begin_outage()
    for number in range(1, 6):
        await edge.publish(frame(number))
    assert metrics.REGISTRY.get_sample_value("avatar_bus_unsent_total", labels) == before + 5
    await network.end_outage()
    await (await network.connect()).flush()
    await edge.publish(frame(6))
    await until(lambda: len(frames) == 2)
    assert frames[1].start == 6 * 320


async def test_an_event_above_its_cap_is_the_senders_error_and_leaves_no_gap(ends):
    llm, edge = await ends.make("llm"), await ends.make("edge")
    deltas = Kept()
    edge.on(LlmDelta, deltas)
    await edge.start()
    with pytest.raises(PayloadTooLarge, match=r"llm\.delta"):
        await llm.publish(LlmDelta(turn=1, reply=1, text="a" * 100_000))
    await llm.publish(LlmDelta(turn=1, reply=1, text="a"))
    await until(lambda: deltas)
    assert deltas[0].seq == 1


async def test_a_handler_runs_in_the_senders_trace(ends):
    asr, llm = await ends.make("asr"), await ends.make("llm")
    seen = []

    async def note(event):
        seen.append(telemetry.trace_id())

    llm.on(TurnText, note)
    await llm.start()
    for number in range(2):
        with telemetry.span("asr.turn"):
            await asr.publish(turn(number))
            expected = telemetry.trace_id()
        await until(lambda count=number: len(seen) > count)
        assert seen[-1] == expected
    assert seen[0] != seen[1]


async def test_media_carries_headers_only_at_its_start(network, ends):
    edge = await ends.make("edge")
    bus, heard = await network.connect(), Heard()
    await bus.subscribe(ids.event_subject(ends.id, "mic.pcm"), heard)
    await bus.flush()
    for number in range(3):
        await edge.publish(frame(number))
    await heard.wait(3)
    assert heard.messages[0].headers["Av-Src"] == "edge"
    assert [bool(message.headers) for message in heard.messages] == [True, False, False]


async def test_a_command_is_acknowledged_and_handled_once(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    typed = Kept()
    asr.on(TurnTyped, typed, ack=True)
    await asr.start()
    await edge.command(TurnTyped(client_id="c-1", text="hello"))
    await until(lambda: typed)
    assert [event.client_id for event in typed] == ["c-1"]


async def test_a_command_whose_acknowledgement_was_lost_is_acknowledged_again_but_not_done_again(network, ends):
    asr = await ends.make("asr")
    typed = Kept()
    asr.on(TurnTyped, typed, ack=True)
    await asr.start()
    bus = await network.connect()
    data = encode(TurnTyped(client_id="c-1", text="hello", epoch=1, seq=1))
    for _ in range(3):
        await bus.request(ids.event_subject(ends.id, "turn.typed"), data, timeout_s=2)
    await asyncio.sleep(0.05)
    assert len(typed) == 1


async def test_a_command_sent_before_anybody_listens_succeeds_by_its_retries(ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    typed = Kept()
    asr.on(TurnTyped, typed, ack=True)
    sending = asyncio.create_task(edge.command(TurnTyped(client_id="c-1", text="hello")))
    await asyncio.sleep(0.1)
    await asr.start()
    await sending
    await until(lambda: len(typed) == 1)


async def test_a_command_sent_into_an_outage_succeeds_when_the_bus_is_back_in_time(network, ends):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    typed = Kept()
    asr.on(TurnTyped, typed, ack=True)
    await asr.start()
    await network.begin_outage()
    sending = asyncio.create_task(edge.command(TurnTyped(client_id="c-1", text="hello")))
    await asyncio.sleep(0.05)
    await network.end_outage()
    await sending
    await until(lambda: len(typed) == 1)


@pytest.mark.parametrize("listening", [False, True], ids=["nobody", "a listener that does not acknowledge"])
async def test_a_command_nobody_acknowledges_fails_within_a_second(ends, listening):
    asr, edge = await ends.make("asr"), await ends.make("edge")
    typed = Kept()
    if listening:
        asr.on(TurnTyped, typed)
        await asr.start()
    started = asyncio.get_running_loop().time()
    with pytest.raises(CommandFailed, match=r"turn\.typed"):
        await edge.command(TurnTyped(client_id="c-1", text="hello"))
    assert 0.5 < asyncio.get_running_loop().time() - started < 1.5
    assert len(typed) == listening


async def test_an_engine_that_hangs_is_told_from_one_that_works_and_one_that_rests(ends):
    tts = await ends.make("tts")
    assert tts.stalled_s == 0
    with tts.busy():
        await asyncio.sleep(0.1)
        assert tts.stalled_s >= 0.1
        await tts.publish(TtsDone(turn=1, reply=1, samples=0))
        assert tts.stalled_s < 0.1
        with tts.busy():
            pass
        assert tts.stalled_s > 0
    assert tts.stalled_s == 0
    with contextlib.suppress(ValueError), tts.busy():
        raise ValueError
    assert tts.stalled_s == 0


@pytest.mark.parametrize("session", ["", "UPPER123", "a.b.c.d.e", "abcdefg*"])
async def test_a_bad_session_id_never_reaches_the_bus(network, session):
    with pytest.raises(ids.InvalidId):
        Session(await network.connect(), session, "asr", 1)
