import asyncio
import contextlib

import pytest

from avatar_runtime.testing.proxy import Proxy


@contextlib.asynccontextmanager
async def echoing():
    """A proxy in front of a server that sends back what it gets, and a function that connects through it."""
    writers = []

    async def echo(reader, writer):
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connect():
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(writer)
        return reader, writer

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    try:
        async with Proxy(server.sockets[0].getsockname()[1]) as proxy:
            yield proxy, connect
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)


async def round_trip(reader, writer, data=b"ping"):
    """Seconds until `data` has come back."""
    clock = asyncio.get_running_loop().time
    started = clock()
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    return clock() - started


async def nothing_comes(reader, for_s=0.15):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(for_s):
            await reader.read(1)
    return True


async def test_without_faults_bytes_come_through_unchanged():
    async with echoing() as (proxy, connect):
        data = bytes(range(256)) * 4000
        await round_trip(*await connect(), data)
        assert proxy.connections == 1


async def test_delay_is_added_both_ways_and_can_be_taken_away():
    async with echoing() as (proxy, connect):
        reader, writer = await connect()
        proxy.up.delay_s = proxy.down.delay_s = 0.05
        assert await round_trip(reader, writer) >= 0.1
        proxy.up.delay_s = proxy.down.delay_s = 0.0
        assert await round_trip(reader, writer) < 0.1


async def test_jitter_keeps_the_order_of_bytes():
    async with echoing() as (proxy, connect):
        reader, writer = await connect()
        proxy.up.jitter_s = 0.02
        for number in range(20):
            writer.write(bytes([number]))
            await asyncio.sleep(0.002)
        assert await reader.readexactly(20) == bytes(range(20))


async def test_a_rate_is_shared_by_all_connections():
    async with echoing() as (proxy, connect):
        ends = [await connect(), await connect()]
        proxy.down.rate_bytes_s = 200_000
        clock = asyncio.get_running_loop().time
        started = clock()
        await asyncio.gather(*(round_trip(*end, bytes(20_000)) for end in ends))
        assert clock() - started == pytest.approx(0.2, abs=0.08)


async def test_with_one_queue_a_small_message_waits_behind_what_another_connection_sent_first():
    async with echoing() as (proxy, connect):
        (bulk_reader, bulk_writer), (reader, writer) = await connect(), await connect()
        proxy.up.rate_bytes_s = 100_000
        proxy.up.queue_bytes = 64_000
        bulk_writer.write(bytes(30_000))
        await asyncio.sleep(0.05)
        assert await round_trip(reader, writer) == pytest.approx(0.25, abs=0.08)
        assert await bulk_reader.readexactly(30_000) == bytes(30_000)


async def test_one_queue_holds_no_more_than_its_length_and_its_senders_wait():
    async with echoing() as (proxy, connect):
        ends = [await connect(), await connect(), await connect()]
        proxy.up.rate_bytes_s = 100_000
        proxy.up.queue_bytes = 10_000
        for _, writer in ends[:2]:
            writer.write(bytes(40_000))
        await asyncio.sleep(0.05)
        assert await round_trip(*ends[2]) < 0.35  # 0.1 in the queue, and its turn to get in


async def test_a_slow_link_holds_its_sender_up_rather_than_swallowing_everything():
    async with echoing() as (proxy, connect):
        _, writer = await connect()
        proxy.up.rate_bytes_s = 1_000

        async def flood():
            while True:
                writer.write(bytes(65_536))
                await writer.drain()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood(), 0.3)


async def test_what_was_sent_into_a_stall_arrives_when_it_ends():
    async with echoing() as (proxy, connect):
        reader, writer = await connect()
        proxy.down.stalled = True
        writer.write(b"late")
        assert await nothing_comes(reader)
        proxy.down.stalled = False
        assert await reader.readexactly(4) == b"late"


async def test_what_was_sent_into_a_black_hole_is_gone():
    async with echoing() as (proxy, connect):
        reader, writer = await connect()
        proxy.up.black_hole = True
        writer.write(b"gone")
        assert await nothing_comes(reader)
        proxy.up.black_hole = False
        await round_trip(reader, writer, b"here")


async def test_a_frozen_connection_dies_without_a_word_and_new_ones_work():
    async with echoing() as (proxy, connect):
        reader, writer = await connect()
        await round_trip(reader, writer)
        proxy.freeze()
        writer.write(b"anyone?")
        assert await nothing_comes(reader)
        await round_trip(*await connect())


async def test_a_reset_breaks_connections_and_new_ones_work():
    async with echoing() as (proxy, connect):
        reader, writer = await connect()
        await round_trip(reader, writer)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await round_trip(*await connect())
        assert proxy.connections == 1


async def test_a_refusing_proxy_breaks_new_connections_only():
    async with echoing() as (proxy, connect):
        old = await connect()
        await round_trip(*old)
        proxy.refusing = True
        reader, _ = await connect()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        await round_trip(*old)


async def test_a_server_that_is_away_breaks_the_connection():
    async with Proxy(1) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_a_client_that_leaves_is_noticed_by_the_server():
    left = asyncio.Event()

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.close()
        async with asyncio.timeout(2):
            await left.wait()
    server.close()
