import asyncio
import json
import socket
import time
import urllib.error
import urllib.request

import pytest

from avatar_runtime import metrics
from avatar_runtime.health import Health
from avatar_runtime.settings import SettingsError


def fetch(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["Content-Type"]


async def get(health, path, **headers):
    return await asyncio.to_thread(fetch, health.url + path, **headers)


async def test_ready_only_when_every_need_is_met_and_not_after_one_is_lost():
    async with Health(needs=["bus", "engine"]) as health:
        health.mark("bus", there=True)
        status, body, _ = await get(health, "/readyz")
        assert status == 503
        assert json.loads(body)["missing"] == ["engine"]
        health.mark("engine", there=True)
        assert (await get(health, "/readyz"))[0] == 200
        health.mark("bus", there=False)
        assert (await get(health, "/readyz"))[0] == 503
        assert (await get(health, "/healthz"))[0] == 200


async def test_a_stuck_event_loop_is_told_from_a_healthy_one():
    async with Health(alive_s=0.7) as health:
        assert (await get(health, "/healthz"))[0] == 200
        asked = asyncio.get_running_loop().run_in_executor(None, ask_later, health.url, 1.0)
        time.sleep(1.3)  # noqa: ASYNC251 - this is the stuck loop
        statuses = await asked
        assert statuses == [503, 503]
        await asyncio.sleep(0.6)
        assert (await get(health, "/healthz"))[0] == 200


def ask_later(url, after_s):
    time.sleep(after_s)
    return [fetch(url + path)[0] for path in ("/healthz", "/readyz")]


async def test_metrics_come_in_the_format_that_was_asked_for():
    metrics.gauge("avatar_test_shown", "Shown").set(7)
    async with Health() as health:
        status, body, kind = await get(health, "/metrics")
        assert status == 200
        assert "avatar_test_shown 7.0" in body
        assert kind.startswith("text/plain")
        _, body, kind = await get(health, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert kind.startswith("application/openmetrics-text")
        assert body.endswith("# EOF\n")


async def test_another_path_names_the_right_ones():
    async with Health() as health:
        status, body, _ = await get(health, "/")
        assert status == 404
        assert "/readyz" in body


async def test_it_listens_on_loopback_only_and_frees_its_port():
    async with Health() as health:
        port = health.port
        assert health._server.server_address[0] == "127.0.0.1"
    async with Health(port) as again:
        assert again.port == port


async def test_a_taken_port_is_a_clear_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"health_port {port}"):
            async with Health(port):
                pass


async def test_garbage_on_the_port_harms_nobody():
    async with Health() as health:
        for garbage in (b"\x00" * 100 + b"\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", health.port)
            writer.write(garbage)
            writer.close()
            await reader.read()
        assert (await get(health, "/healthz"))[0] == 200
