import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest

from avatar_cli.doctor import network
from avatar_cli.doctor.network import Measured, judged, measure
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.service import CLOCK_SUBJECT
from avatar_runtime.settings import BusSettings
from avatar_runtime.testing.broker import Broker
from avatar_runtime.testing.proxy import Proxy


@contextlib.asynccontextmanager
async def clock(broker: Broker, ahead_s: float) -> AsyncIterator[None]:
    """A service whose machine's clock is wrong by `ahead_s`."""
    bus = await NatsBus.connect(BusSettings(url=broker.url), "clock")
    telling = set()

    def answer(message):
        text = str(time.time_ns() + round(ahead_s * 1e9)).encode()
        telling.add(asyncio.create_task(bus.publish(message.reply, text)))

    await bus.subscribe(CLOCK_SUBJECT, answer, queue="clock")
    yield
    await bus.close()


async def test_a_narrow_far_link_is_measured_as_what_it_is(broker: Broker) -> None:
    async with Proxy(broker.port) as link, clock(broker, 7.0):
        link.down.rate_bytes_s, link.up.rate_bytes_s = 225_000, 60_000  # 1.8 and 0.48 Mbit/s
        link.down.delay_s = link.up.delay_s = 0.05
        began = time.monotonic()
        found = await measure(BusSettings(url=f"nats://127.0.0.1:{link.port}"))
        assert time.monotonic() - began < 8
    assert 100 <= found.rtt_ms < 180
    assert found.down_mbit_s == pytest.approx(1.8, rel=0.3)
    assert found.up_mbit_s == pytest.approx(0.48, rel=0.5)
    assert found.offset_s == pytest.approx(7.0, abs=0.2)


async def test_a_bus_on_this_machine_is_near_and_wide(broker: Broker) -> None:
    found = await measure(BusSettings(url=broker.url))
    assert found.rtt_ms < 20
    assert found.down_mbit_s > 20
    assert found.up_mbit_s > 20
    assert found.offset_s is None


@pytest.mark.parametrize(
    ("found", "levels"),
    [
        (Measured(0.3, 900, 900, 0.0), {"ok"}),
        (Measured(80, 1.9, 0.5, 0.4), {"ok"}),
        (Measured(200, 1.0, 0.2, 3.0), {"warn"}),
    ],
)
def test_what_a_link_means_for_a_call_is_said(found: Measured, levels: set[str]) -> None:
    checks = judged(found)
    assert {check.level for check in checks} == levels
    assert all(check.fix for check in checks if check.level != "ok")


def test_a_link_that_cannot_carry_a_call_fails() -> None:
    assert [check.name for check in judged(Measured(20, 0.3, 5, None)) if check.level == "fail"] == ["bus: to here"]


def test_a_bus_elsewhere_that_does_not_answer_fails_and_one_to_be_started_here_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "CONNECT_S", 0.3)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("AVATAR_BUS__URL", f"nats://127.0.0.1:{port}")
    (here,) = network.checks()
    assert (here.level, "avatar up" in here.found) == ("ok", True)
    monkeypatch.setenv("AVATAR_BUS__URL", f"nats://me:secret@gpu.invalid:{port}")
    (away,) = network.checks()
    assert away.level == "fail"
    assert "secret" not in away.found
    assert "tunnel" in away.fix
