import asyncio
import os
import socket
import sys

import pytest

from avatar_runtime import nats_server
from avatar_runtime.testing.broker import Broker, BrokerError


async def greeting(port):
    """The first bytes a server sends, b"" when it sends none within a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(1):
            return await reader.readline()
    except TimeoutError:
        return b""
    finally:
        writer.close()


async def test_a_broker_is_a_real_nats_server_on_a_port_of_its_own(broker):
    with Broker() as other:
        assert other.port != broker.port
        assert (await greeting(broker.port)).startswith(b"INFO ")
        assert (await greeting(other.port)).startswith(b"INFO ")


async def test_the_limits_for_live_media_are_in_force(broker):
    info = await greeting(broker.port)
    assert b'"max_payload":2097152' in info
    assert b'"host":"127.0.0.1"' in info


async def test_a_killed_broker_refuses_and_comes_back_on_the_same_port(broker):
    port = broker.port
    broker.kill()
    with pytest.raises(OSError):
        await greeting(port)
    broker.restart()
    assert broker.port == port
    assert (await greeting(port)).startswith(b"INFO ")


async def test_a_paused_broker_hangs_until_it_is_resumed(broker):
    broker.pause()
    assert await greeting(broker.port) == b""
    broker.resume()
    assert (await greeting(broker.port)).startswith(b"INFO ")


def test_nothing_is_left_behind():
    with Broker() as broker:
        pid, folder = broker.pid, broker._folder
        os.kill(pid, 0)
        broker.pause()  # even a hung one must go
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not folder.exists()


def test_a_port_that_is_taken_is_an_error_with_the_servers_own_words():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = Broker()
        broker.port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match="address already in use"), broker:
            pass
    assert broker.pid == 0


def test_a_broken_configuration_is_an_error_with_the_servers_own_words():
    with pytest.raises(BrokerError, match="Parse error on line"), Broker(extra_config="\nauthorization { users = 5\n"):
        pass


def test_a_missing_program_is_an_error_that_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(nats_server.ServerMissing, match="make setup"), Broker():
        pass
