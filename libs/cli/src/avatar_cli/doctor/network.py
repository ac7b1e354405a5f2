"""Checks of the way to the bus: whether it answers, how far and how wide it is, and whether the clocks agree."""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from typing import NamedTuple

import msgspec

from avatar_cli.beside import is_loopback
from avatar_cli.doctor.check import Check
from avatar_cli.probes import without_password
from avatar_cli.settings import load_cli
from avatar_runtime import log
from avatar_runtime.bus import BusError
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.service import CLOCK_SUBJECT
from avatar_runtime.settings import BusSettings, LogSettings

CONNECT_S = 2.0
_ROUNDS = 8
_BLOCK = 8_192
_COPIES = 8
"""What is sent once comes back so often, so that the way down can be measured when the way up is narrower."""
_BURST_S = 0.8
"""A narrow link is measured for so long."""
_BURSTS = (4, 64)
"""Blocks sent per burst: the second one only where the first was too short to tell."""
_SHORT_S = 0.2
_FULL_MBIT_S = 1.8
"""Enough for the voice and a picture of full rate."""
_LEAST_MBIT_S = 0.7
"""The voice and a picture of 300 kbit/s."""
_MIC_MBIT_S = 0.4
_FAR_MS = 150.0
_CLOCK_S = 1.0


class Measured(NamedTuple):
    """The way to a bus.

    Attributes:
        rtt_ms: Median round trip.
        down_mbit_s: To this machine, at least.
        up_mbit_s: From it, at least.
        offset_s: The other machine's wall clock minus this one's; None where no service was there to ask.
    """

    rtt_ms: float
    down_mbit_s: float
    up_mbit_s: float
    offset_s: float | None


def checks() -> list[Check]:
    """Every check of the network; takes some three seconds on a narrow link."""
    log.configure(LogSettings(level="error"), "cli")
    bus = load_cli().bus
    where = without_password(bus.url)
    try:
        found = asyncio.run(measure(bus))
    except BusError as error:
        if is_loopback(bus):
            return [Check("bus", "ok", f"nothing answers at {where} yet; `avatar up` starts it")]
        fix = "Start it there (`avatar up`), correct the URL, or open the port or the tunnel to it."
        return [Check("bus", "fail", without_password(str(error)).partition(": ")[0], fix)]
    return [Check("bus", "ok", f"a NATS server answers at {where}"), *judged(found)]


def judged(found: Measured) -> list[Check]:
    """What the figures mean for a call."""
    ears = "`avatar edge` hears beside you instead where it can: leave ears_here on, and open the leaf port."
    checks = [
        _judge("bus: round trip", f"{found.rtt_ms:.1f} ms", found.rtt_ms <= _FAR_MS, "Each answer starts later by this "
               "time twice: choose a host that is nearer."),
    ]  # fmt: skip
    down = f"{_amount(found.down_mbit_s)} Mbit/s"
    if found.down_mbit_s >= _LEAST_MBIT_S:
        full = found.down_mbit_s >= _FULL_MBIT_S
        fix = "" if full else "The picture will have fewer bits: nothing to do, or use a wire in place of Wi-Fi."
        checks.append(Check("bus: to here", "ok" if full else "warn", down, fix))
    else:
        fix = f"Voice and picture need {_LEAST_MBIT_S} Mbit/s: use a faster link, or run the face on this side of it."
        checks.append(Check("bus: to here", "fail", down, fix))
    up = f"{_amount(found.up_mbit_s)} Mbit/s"
    checks.append(_judge("bus: from here", up, found.up_mbit_s >= _MIC_MBIT_S, ears))
    if found.offset_s is None:
        checks.append(Check("clock", "ok", "no service is on the bus to compare with"))
    else:
        off = abs(found.offset_s)
        text = f"{found.offset_s:+.3f} s against the services" if off >= 0.001 else "the same as the services'"
        checks.append(
            _judge("clock", text, off <= _CLOCK_S, "Only traces suffer: switch on the time service (NTP) on both.")
        )
    return checks


def _judge(name: str, found: str, good: bool, fix: str) -> Check:
    return Check(name, "ok", found) if good else Check(name, "warn", found, fix)


def _amount(mbit_s: float) -> str:
    return f"{mbit_s:.1f}" if mbit_s < 100 else "over 100"


async def measure(settings: BusSettings) -> Measured:
    """Round trip, width and clock of the way to a bus; raises `BusError` when there is none."""
    settings = msgspec.structs.replace(settings, connect_timeout_s=CONNECT_S)
    name = f"doctor-{secrets.token_hex(4)}"
    bus = await NatsBus.connect(settings, name)
    try:
        rtt_s = await _round_trip_s(bus)
        down = await _width(bus, f"_INBOX_{name}.down", _COPIES, rtt_s)
        up = await _width(bus, f"_INBOX_{name}.up", 0, rtt_s)
        return Measured(rtt_s * 1000, down, up, await _offset_s(bus))
    finally:
        await bus.close()


async def _round_trip_s(bus: NatsBus) -> float:
    taken = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        await bus.flush()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


async def _width(bus: NatsBus, subject: str, copies: int, rtt_s: float) -> float:
    """Mbit/s of a burst that comes back `copies` times; with none, on the way there alone."""
    arrived: list[tuple[float, int]] = []
    subscriptions = [
        await bus.subscribe(subject, lambda message: arrived.append((time.perf_counter(), len(message.data))))
        for _ in range(copies)
    ]
    block = secrets.token_bytes(_BLOCK)  # nothing that a link could compress
    found = 0.0
    for blocks in _BURSTS:
        arrived.clear()
        began = time.perf_counter()
        for _ in range(blocks):
            await bus.publish(subject, block)
        size = blocks * (copies or 1)
        if copies:
            while len(arrived) < size and time.perf_counter() - began < _BURST_S + rtt_s:  # noqa: ASYNC110 - it is timed
                await asyncio.sleep(0.002)
            took_s = (arrived[-1][0] - arrived[0][0]) if len(arrived) > copies else _BURST_S
            got = sum(length for _, length in arrived[1:])
        else:
            await bus.flush()
            took_s, got = time.perf_counter() - began - rtt_s, size * _BLOCK
        found = got * 8 / max(took_s, 1e-4) / 1e6
        if took_s > _SHORT_S:
            break
    for subscription in subscriptions:
        await subscription.unsubscribe()
    return found


async def _offset_s(bus: NatsBus) -> float | None:
    best: tuple[float, float] | None = None
    for _ in range(_ROUNDS):
        began, at = time.perf_counter(), time.time()
        try:
            answer = await bus.request(CLOCK_SUBJECT, b"", timeout_s=1.0)
        except BusError:
            break
        took_s = time.perf_counter() - began
        offset_s = int(answer.data) / 1e9 - (at + took_s / 2)
        if best is None or took_s < best[0]:  # the quicker, the closer
            best = (took_s, offset_s)
    return best[1] if best else None
