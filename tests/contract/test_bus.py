"""What every bus promises, kept by the one in memory and by the real one alike."""

import asyncio
import contextlib

import pytest

from avatar_runtime.bus import BusDisconnected, BusError, NoResponders, RequestTimeout
from avatar_runtime.testing.networks import Heard, until


@pytest.fixture
async def answering(bus):
    """A function that makes a subject answer requests, for one test."""
    tasks = set()

    async def answer_on(subject, reply, *, after_s=0.0, queue=""):
        async def answer(message):
            await asyncio.sleep(after_s)
            await bus.publish(message.reply, reply)

        await bus.subscribe(subject, lambda message: tasks.add(asyncio.create_task(answer(message))), queue=queue)
        await bus.flush()

    yield answer_on
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_messages_arrive_whole_and_in_order(network, bus):
    heard = Heard()
    await bus.subscribe("av.one.mic.pcm", heard)
    await bus.flush()
    sender = await network.connect()
    for number in range(500):
        await sender.publish("av.one.mic.pcm", number.to_bytes(2, "big") * 100, {"Av-V": "1"} if number == 0 else None)
    await heard.wait(500)
    assert heard.data == [number.to_bytes(2, "big") * 100 for number in range(500)]
    assert heard.messages[0].headers["Av-V"] == "1"
    assert heard.messages[0].subject == "av.one.mic.pcm"
    assert heard.messages[1].reply == ""


async def test_a_large_frame_arrives_whole(bus):
    heard = Heard()
    await bus.subscribe("av.one.video.frame", heard)
    await bus.flush()
    frame = bytes(range(256)) * 2048
    await bus.publish("av.one.video.frame", frame)
    assert await heard.wait(1) == [frame]


@pytest.mark.parametrize(
    ("pattern", "hears"),
    [
        ("av.one.mic.pcm", ["av.one.mic.pcm"]),
        ("av.*.mic.pcm", ["av.one.mic.pcm", "av.two.mic.pcm"]),
        ("av.one.>", ["av.one.mic.pcm", "av.one.turn.text"]),
        ("av.one.*", []),
        (">", ["av.one.mic.pcm", "av.two.mic.pcm", "av.one.turn.text", "end"]),
    ],
)
async def test_wildcards_match_as_in_nats(bus, pattern, hears):
    heard, end = Heard(), Heard()
    await bus.subscribe(pattern, heard)
    await bus.subscribe("end", end)
    await bus.flush()
    for subject in ("av.one.mic.pcm", "av.two.mic.pcm", "av.one.turn.text", "end"):
        await bus.publish(subject, b"")
    await end.wait(1)
    await until(lambda: len(heard.messages) >= len(hears))
    assert [message.subject for message in heard.messages] == hears


async def test_members_of_a_queue_group_share_and_others_hear_everything(network, bus):
    members, everyone = [Heard(), Heard()], Heard()
    other = await network.connect()
    await bus.subscribe("svc.tts.claim", members[0], queue="tts")
    await other.subscribe("svc.tts.claim", members[1], queue="tts")
    await bus.subscribe("svc.tts.claim", everyone)
    await bus.flush()
    await other.flush()
    for number in range(60):
        await bus.publish("svc.tts.claim", bytes([number]))
    await everyone.wait(60)
    await until(lambda: sum(len(member.data) for member in members) == 60)
    assert sorted(members[0].data + members[1].data) == [bytes([number]) for number in range(60)]
    assert all(member.data for member in members)


async def test_after_unsubscribing_nothing_more_is_heard(bus):
    heard, end = Heard(), Heard()
    subscription = await bus.subscribe("a.b", heard)
    await bus.subscribe("end", end)
    await bus.flush()
    await bus.publish("a.b", b"1")
    await heard.wait(1)
    await subscription.unsubscribe()
    await bus.flush()
    await bus.publish("a.b", b"2")
    await bus.publish("end", b"")
    await end.wait(1)
    assert heard.data == [b"1"]
    await subscription.unsubscribe()  # twice is harmless


async def test_a_request_gets_its_answer(network, answering):
    await answering("svc.tts.claim", b"yes")
    asking = await network.connect()
    assert (await asking.request("svc.tts.claim", b"?", headers={"Av-V": "1"})).data == b"yes"


async def test_many_requests_at_once_get_an_answer_each(bus, answering):
    await answering("echo.it", b"yes", after_s=0.01)
    answers = await asyncio.gather(*(bus.request("echo.it", b"?", timeout_s=2) for _ in range(50)))
    assert [answer.data for answer in answers] == [b"yes"] * 50


async def test_after_a_flush_a_subscription_is_known_to_everybody(network, bus):
    asking = await network.connect()
    for number in range(200):
        await bus.subscribe(f"a.b{number}", Heard())
        await bus.flush()
        with pytest.raises(RequestTimeout):  # heard, though not answered
            await asking.request(f"a.b{number}", b"?", timeout_s=0.001)


async def test_a_request_nobody_hears_fails_at_once(bus):
    started = asyncio.get_running_loop().time()
    with pytest.raises(NoResponders, match=r"svc\.tts\.claim"):
        await bus.request("svc.tts.claim", b"?", timeout_s=5)
    assert asyncio.get_running_loop().time() - started < 2


async def test_a_request_that_is_not_answered_times_out(bus, answering):
    await answering("svc.tts.claim", b"late", after_s=0.5)
    with pytest.raises(RequestTimeout, match="100 ms"):
        await bus.request("svc.tts.claim", b"?", timeout_s=0.1)


async def test_a_callback_that_raises_does_not_end_its_subscription(network, bus):
    heard = Heard()

    def stumble(message):
        heard(message)
        if message.data == b"bad":
            raise ValueError("stumbled")

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # in memory, asyncio itself reports it
    await bus.subscribe("a.b", stumble)
    await bus.flush()
    for data in (b"bad", b"good"):
        await bus.publish("a.b", data)
    assert await heard.wait(2) == [b"bad", b"good"]


async def test_while_the_bus_is_away_sending_fails_at_once(network, bus):
    await network.begin_outage()
    assert not bus.connected
    started = asyncio.get_running_loop().time()
    with pytest.raises(BusDisconnected, match="reconnects by itself"):
        await bus.publish("a.b", b"")
    with pytest.raises(BusDisconnected):
        await bus.request("a.b", b"", timeout_s=5)
    await bus.flush()
    assert asyncio.get_running_loop().time() - started < 0.1


async def test_what_was_sent_into_an_outage_never_arrives(network, bus):
    heard = Heard()
    await bus.subscribe("a.b", heard)
    await bus.flush()
    sender = await network.connect()
    await network.begin_outage()
    for _ in range(10):
        with contextlib.suppress(BusDisconnected):
            await sender.publish("a.b", b"stale")
    await network.end_outage()
    await sender.publish("a.b", b"fresh")
    await heard.wait(1)
    assert heard.data == [b"fresh"]


async def test_subscriptions_and_queue_groups_outlive_an_outage(network, bus, answering):
    heard = Heard()
    await bus.subscribe("a.*", heard)
    await answering("svc.tts.claim", b"yes", queue="tts")
    for round_ in range(2):
        await network.begin_outage()
        await network.end_outage()
        await bus.flush()
        await bus.publish("a.b", b"%d" % round_)
        assert (await bus.request("svc.tts.claim", b"?", timeout_s=2)).data == b"yes"
    assert await heard.wait(2) == [b"0", b"1"]


async def test_a_subscription_made_during_an_outage_hears_afterwards(network, bus):
    heard = Heard()
    await network.begin_outage()
    await bus.subscribe("a.b", heard)
    await network.end_outage()
    await bus.flush()
    await bus.publish("a.b", b"1")
    assert await heard.wait(1) == [b"1"]


async def test_a_subscription_ended_during_an_outage_stays_ended(network, bus):
    heard, end = Heard(), Heard()
    subscription = await bus.subscribe("a.b", heard)
    await bus.subscribe("end", end)
    await bus.flush()
    await network.begin_outage()
    await subscription.unsubscribe()
    await network.end_outage()
    await bus.flush()
    await bus.publish("a.b", b"1")
    await bus.publish("end", b"")
    await end.wait(1)
    assert heard.data == []


async def test_every_change_of_state_is_told_once(network, bus):
    states = []
    forgotten = []
    bus.on_state(states.append)
    forget = bus.on_state(forgotten.append)
    await network.begin_outage()
    await until(lambda: len(states) >= 1)
    forget()
    await network.end_outage()
    await until(lambda: len(states) >= 2)
    assert (states, forgotten) == ([False, True], [False])


async def test_a_closed_bus_sends_nothing_and_closing_twice_is_harmless(network):
    bus = await network.connect()
    await bus.close()
    await bus.close()
    assert not bus.connected
    with pytest.raises(BusError):
        await bus.publish("a.b", b"")


async def test_a_bus_can_be_closed_during_an_outage(network, bus):
    await bus.subscribe("a.b", Heard())
    await network.begin_outage()
    async with asyncio.timeout(2):
        await bus.close()
