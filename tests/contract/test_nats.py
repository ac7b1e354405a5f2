"""What only a real server can show: permissions, hung and replaced servers, discovery."""

import asyncio
import contextlib
import gc
import socket
import time

import pytest

from avatar_runtime import nats_bus
from avatar_runtime.bus import BusDisconnected, BusError, PublishDenied, RequestTimeout
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings
from avatar_runtime.testing.networks import Heard, NatsNetwork, until
from avatar_runtime.testing.proxy import Proxy

ACCOUNTS = """
authorization {
  users = [
    { user: face, password: secret,
      permissions: { publish: ["av.*.video.frame", "_INBOX_*.>"], subscribe: [">"] } }
    { user: all, password: secret }
  ]
}
"""


@pytest.fixture
async def guarded():
    nats = NatsNetwork(extra_config=ACCOUNTS)
    yield nats
    await nats.close()


async def denied(bus, subject):
    """Publish until the server's refusal, which comes a moment after the first, has become an error."""

    async def insist():
        while True:
            await bus.publish(subject, b"")
            await asyncio.sleep(0.01)

    with pytest.raises(PublishDenied, match="credentials"):
        await asyncio.wait_for(insist(), 2)


async def test_a_publish_the_server_denies_is_an_error_the_caller_sees(guarded):
    bus = await guarded.connect(user="face", password="secret")
    heard = Heard()
    await bus.subscribe("av.>", heard)
    await bus.flush()
    await denied(bus, "av.k3v9w2x7.turn.text")
    assert bus.connected
    await bus.publish("av.k3v9w2x7.video.frame", b"allowed")
    assert await heard.wait(1) == [b"allowed"]


async def test_a_request_the_server_denies_is_told_from_a_slow_answer(guarded):
    bus = await guarded.connect(user="face", password="secret")
    with pytest.raises(PublishDenied):
        await bus.request("svc.tts.claim", b"")


async def test_a_denied_subject_is_tried_again_after_a_reconnect(guarded):
    bus = await guarded.connect(user="face", password="secret")
    await denied(bus, "av.k3v9w2x7.turn.text")
    await guarded.begin_outage()
    await guarded.end_outage()
    await bus.publish("av.k3v9w2x7.turn.text", b"")  # the operator may have changed the permissions
    await denied(bus, "av.k3v9w2x7.turn.text")


async def test_wrong_credentials_are_one_clear_error(guarded):
    with pytest.raises(BusError, match="refuses this client's credentials"):
        async with asyncio.timeout(5):
            await guarded.connect(user="face", password="wrong")


@pytest.mark.parametrize("content", [None, "garbage", "UAT6BWCSCWLUKJT6K6MBJJOEOTXZ5AJDOYKNEVRFC7VNO6OA43N4TRNO"])
async def test_a_seed_that_cannot_be_used_is_one_clear_error(nats, tmp_path, content):
    file = tmp_path / "seed"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BusError, match="seed"):
        await nats.connect(nkey_seed_file=str(file), connect_timeout_s=1.0)


async def test_a_server_that_is_not_there_is_one_clear_error(nats):
    nats.broker.kill()
    started = time.monotonic()
    with pytest.raises(BusError, match="make up"):
        await nats.connect(connect_timeout_s=0.5)
    assert time.monotonic() - started < 2


async def test_a_server_that_comes_up_late_is_waited_for(nats):
    nats.broker.kill()
    connecting = asyncio.create_task(nats.connect(connect_timeout_s=10.0))
    await asyncio.sleep(0.4)
    assert not connecting.done()
    nats.broker.restart()
    assert (await connecting).connected


async def test_of_several_urls_the_one_that_answers_is_used(nats):
    bus = await NatsBus.connect(BusSettings(url=f"nats://127.0.0.1:1, {nats.broker.url}", connect_timeout_s=5), "test")
    assert bus.connected
    await bus.close()


@pytest.mark.parametrize("url", ["", "nonsense", "nats://", "http://127.0.0.1:1", "nats://127.0.0.1:99999"])
async def test_a_url_that_cannot_work_is_a_clear_error(url):
    with pytest.raises(BusError):
        await NatsBus.connect(BusSettings(url=url, connect_timeout_s=0.5), "test")


async def test_what_was_sent_in_the_instant_the_server_died_never_arrives_late(nats):
    listener, sender = await nats.connect(), await nats.connect()
    heard = Heard()
    await listener.subscribe("a.b", heard)
    await listener.flush()
    nats.broker.kill()
    sent = 0
    while sender.connected and sent < 200:  # it does not know yet
        await sender.publish("a.b", b"stale" * 1000)
        sent += 1
        if sent % 20 == 0:
            await asyncio.sleep(0)
    await until(lambda: not sender.connected)
    await nats.end_outage()
    await listener.flush()
    await sender.publish("a.b", b"fresh")
    await until(lambda: b"fresh" in heard.data)
    assert sent > 0
    assert heard.data == [b"fresh"]


async def test_what_a_hung_server_did_not_take_never_arrives_late(nats):
    listener, sender = await nats.connect(), await nats.connect()
    heard = Heard()
    await listener.subscribe("a.b", heard)
    await listener.flush()
    nats.broker.pause()
    started = time.monotonic()
    refused = 0
    for _ in range(400):  # 20 MB: more than every buffer on the way
        try:
            await sender.publish("a.b", bytes(50_000))
        except BusDisconnected:
            refused += 1
        await asyncio.sleep(0)
    assert refused > 100
    assert time.monotonic() - started < 2, "the sender was held up"
    await nats.begin_outage()
    await nats.end_outage()
    await listener.flush()
    await sender.publish("a.b", b"fresh")
    assert await heard.wait(1) == [b"fresh"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nats-py leaves refused sockets open
async def test_refused_for_a_while_it_comes_back_when_the_server_takes_it_again(guarded):
    bus = await guarded.connect(user="face", password="secret")
    heard, early, states = Heard(), Heard(), []
    bus.on_state(states.append)
    await bus.subscribe("av.k3v9w2x7.video.frame", heard)
    await guarded.begin_outage()
    guarded.broker._extra_config = "\nauthorization { token: other }\n"
    guarded.broker.restart()
    await asyncio.sleep(0.6)
    assert not bus.connected
    await bus.subscribe("av.k3v9w2x7.video.frame", early)
    guarded.broker._extra_config = ACCOUNTS
    await guarded.end_outage()
    await bus.flush()
    await bus.publish("av.k3v9w2x7.video.frame", b"1")
    assert await heard.wait(1) == await early.wait(1) == [b"1"]
    assert states == [False, True]
    gc.collect()


async def test_a_hung_server_delays_answers_but_not_the_caller(nats):
    bus = await nats.connect()
    await bus.subscribe("a.b", Heard())
    await bus.flush()
    nats.broker.pause()
    started = time.monotonic()
    with pytest.raises((RequestTimeout, BusDisconnected)):
        await bus.request("a.b", b"", timeout_s=0.2)
    assert time.monotonic() - started < 1
    nats.broker.resume()
    await until(lambda: bus.connected)


async def test_a_connection_that_breaks_comes_back_within_a_second(nats):
    async with Proxy(nats.broker.port) as proxy:
        bus = await NatsBus.connect(BusSettings(url=f"nats://127.0.0.1:{proxy.port}"), "test")
        try:
            heard = Heard()
            await bus.subscribe("a.b", heard)
            for _ in range(3):
                proxy.reset()
                await until(lambda: not bus.connected, within_s=1)
                await until(lambda: bus.connected, within_s=1)
            await bus.flush()
            await bus.publish("a.b", b"1")
            assert await heard.wait(1) == [b"1"]
        finally:
            await bus.close()


async def test_a_connection_that_dies_without_a_word_is_replaced_while_the_sender_goes_on(nats, monkeypatch):
    monkeypatch.setattr(nats_bus, "PROBE_EVERY_S", 0.2)
    monkeypatch.setattr(nats_bus, "DEAD_AFTER_S", 0.8)
    listener = await nats.connect()
    heard = Heard()
    await listener.subscribe("a.b", heard)
    await listener.flush()
    async with Proxy(nats.broker.port) as proxy:
        bus = await NatsBus.connect(BusSettings(url=f"nats://127.0.0.1:{proxy.port}"), "test")
        try:
            states = []
            bus.on_state(states.append)
            proxy.freeze()
            slowest_s = 0.0
            async with asyncio.timeout(5):
                while states != [False, True]:
                    started = time.monotonic()
                    with contextlib.suppress(BusDisconnected):
                        await bus.publish("a.b", b"stale" * 10_000)
                    slowest_s = max(slowest_s, time.monotonic() - started)
                    await asyncio.sleep(0.01)
            await bus.publish("a.b", b"fresh")
            await until(lambda: b"fresh" in heard.data)
            assert slowest_s < 0.5
        finally:
            await bus.close()


async def test_closing_does_not_wait_for_a_peer_that_takes_nothing(nats):
    async with Proxy(nats.broker.port) as proxy:
        bus = await NatsBus.connect(BusSettings(url=f"nats://127.0.0.1:{proxy.port}"), "test")
        proxy.freeze()
        for _ in range(100):
            await bus.publish("a.b", bytes(100_000))
            await asyncio.sleep(0)
            if bus._client.pending_data_size:
                break
        async with asyncio.timeout(3):
            await bus.close()


async def test_a_payload_above_the_servers_limit_is_an_error_and_the_bus_lives_on(nats):
    bus = await nats.connect()
    with pytest.raises(BusError, match=r"a\.b"):
        await bus.publish("a.b", bytes(3_000_000))
    await bus.publish("a.b", b"")
    await bus.flush()
    assert bus.connected


@pytest.mark.parametrize("headers", [b"NATS/1.0 \xff\xff\xff\r\n\r\n", b"NATS/1.0"], ids=["no text", "no line end"])
async def test_headers_nobody_can_read_do_not_make_the_bus_deaf(nats, headers):
    bus = await nats.connect()
    heard = Heard()
    await bus.subscribe("a.b", heard)
    await bus.flush()
    with socket.create_connection(("127.0.0.1", nats.broker.port)) as stranger:
        stranger.recv(4_096)
        size = len(headers)
        stranger.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
        stranger.sendall(b"HPUB a.b %d %d\r\n%sodd\r\n" % (size, size + 3, headers))
        assert await heard.wait(1) == [b"odd"]
    await bus.publish("a.b", b"good")
    assert await heard.wait(2) == [b"odd", b"good"]


async def test_an_announced_service_is_found_also_after_an_outage(nats):
    bus, asking = await nats.connect(), await nats.connect()
    await bus.announce("avatar-tts", {"worker": "tts-1", "engine": "espeak"})
    for _ in range(2):
        found = await asking.request("$SRV.INFO.avatar-tts", b"", timeout_s=2)
        assert b"espeak" in found.data
        await nats.begin_outage()
        await nats.end_outage()
