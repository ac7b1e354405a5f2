"""The edge as `avatar edge` runs it: ears beside it where the bus is elsewhere, and its terminal."""

import asyncio
import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from avatar_cli import beside, recordings
from avatar_cli.joined import answered
from avatar_cli.probes import broker_answers, free_port
from avatar_cli.stack import Plan, Stack
from avatar_contracts import ErrorRaised
from avatar_edge import Call, EdgeSettings, FileMic, NullCamera, NullOut
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.settings import BusSettings
from avatar_runtime.testing.broker import Broker
from avatar_runtime.testing.proxy import Proxy

MIC_BYTES_S = 32_000
SIDE = 64


class Host:
    """The machine elsewhere: a broker that takes leaves, and all four services.

    Attributes:
        bus: How an edge reaches it.
    """

    def __init__(self, broker: Broker, leaf_port: int, monitor_port: int) -> None:
        self.bus = BusSettings(url=broker.url, leaf_port=leaf_port, connect_timeout_s=5)
        self._monitor = f"http://127.0.0.1:{monitor_port}"

    def received(self) -> int:
        """Bytes that came in by leaf connections."""
        with urllib.request.urlopen(f"{self._monitor}/leafz", timeout=2) as answer:
            return sum(leaf["in_bytes"] for leaf in json.load(answer)["leafs"])


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    leaf_port, monitor_port = free_port(), free_port()
    extra = f'\nhttp: "127.0.0.1:{monitor_port}"\nleafnodes {{ host: "127.0.0.1", port: {leaf_port} }}\n'
    with Broker(extra_config=extra) as broker:
        stack = Stack(tmp_path_factory.mktemp("host"))
        ports = {name: free_port() for name in ("asr", "llm", "tts", "face")}
        stack.start(Plan(bus_url=broker.url, broker_port=0, health_ports=ports), private=True)
        try:
            yield Host(broker, leaf_port, monitor_port)
        finally:
            stack.stop()


@contextlib.asynccontextmanager
async def ears_beside(bus: BusSettings, logs: Path) -> AsyncIterator[str]:
    """The bus beside the edge, ears on it; its processes have ended afterwards."""
    ears = await asyncio.to_thread(beside.start, bus, logs)
    assert ears.url, ears.note
    try:
        yield ears.url
    finally:
        os.close(ears.lifeline)
        deadline = time.monotonic() + 15
        while broker_answers(ears.url):
            assert time.monotonic() < deadline, "the bus beside the edge outlived it"
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def call_on(url: str, video_url: str, mic: FileMic) -> AsyncIterator[Call]:
    async with contextlib.AsyncExitStack() as stack:
        buses = []
        for name, address in (("edge", url), ("edge-video", video_url)):
            bus = await NatsBus.connect(BusSettings(url=address, connect_timeout_s=5), name)
            stack.push_async_callback(bus.close)
            buses.append(bus)
        settings = EdgeSettings(width=SIDE, height=SIDE)
        call = Call(buses[0], settings, mic, NullOut(), NullCamera(), video_bus=buses[1])
        await stack.enter_async_context(call)
        await call.ready(20)
        yield call


def running(module: str) -> list[psutil.Process]:
    """Processes below this one that run `module`."""
    children = psutil.Process().children(recursive=True)
    return [one for one in children if one.status() != psutil.STATUS_ZOMBIE and module in one.cmdline()]


async def until(condition: Any, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


@pytest.mark.timeout(90)
async def test_with_ears_beside_the_edge_the_microphone_does_not_cross_the_network(host: Host, tmp_path: Path) -> None:
    mic = FileMic(noise_dbfs=-75.0)
    async with ears_beside(host.bus, tmp_path) as url, call_on(url, host.bus.url, mic) as call:
        before, began_at = host.received(), time.monotonic()
        await mic.say(recordings.cut("two_cities.wav", recordings.TWO_CITIES[1:2])[0])
        (turn,) = await answered(call, 0)
        crossed_bytes_s = (host.received() - before) / (time.monotonic() - began_at)
    assert turn.heard.lower().startswith("it was the age of wisdom")
    assert turn.reply
    assert turn.first_frame_ms is not None  # the picture came by its own way
    assert crossed_bytes_s < MIC_BYTES_S / 4  # pings, credit and progress


@pytest.mark.timeout(90)
async def test_a_lost_leaf_is_noticed_and_what_was_asked_meanwhile_is_answered_when_it_is_back(
    host: Host, tmp_path: Path
) -> None:
    async with Proxy(host.bus.leaf_port) as link:
        bus = msgspec.structs.replace(host.bus, leaf_port=link.port)
        async with ears_beside(bus, tmp_path) as url, call_on(url, host.bus.url, FileMic()) as call:
            assert call.state == "listening"
            link.refusing = True
            link.reset()
            await until(lambda: call.state == "waiting", 5)
            await until(lambda: any("no mind" in error.message for error in call.errors), 6)
            assert "asr" in call.workers  # the ears here never went away
            await call.type("What is your name?")
            link.refusing = False
            turn = await call.turn_done(1, timeout_s=15)
            await until(lambda: call.state in ("listening", "speaking"), 5)
    assert "Alex" in turn.reply


@pytest.mark.timeout(60)
async def test_ears_that_crash_are_back_and_those_elsewhere_were_never_asked(host: Host, tmp_path: Path) -> None:
    async with ears_beside(host.bus, tmp_path) as url, call_on(url, host.bus.url, FileMic()) as call:
        first = call.workers["asr"].worker
        (asr,) = [one for one in running("avatar_asr") if f"--bus.url={url}" in one.cmdline()]
        asr.kill()
        await until(lambda: "asr" not in call.workers, 5)
        await until(lambda: "asr" in call.workers, 20)
        assert call.workers["asr"].worker != first
        assert not [error for error in call.errors if isinstance(error, ErrorRaised) and "crosses" in error.message]


@pytest.mark.timeout(90)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_the_command_started_beside_the_edge_ends_with_it_however_it_ends(
    host: Host, tmp_path: Path, number: int
) -> None:
    flags = {"bus": host.bus.url, "bus.leaf-port": host.bus.leaf_port, "width": SIDE, "height": SIDE, "camera": "none"}
    command = [Path(sys.executable).with_name("avatar"), "edge", "--ears-here"]
    command += [f"--{name}={value}" for name, value in flags.items()]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as edge:
        assert edge.stdout is not None
        assert "stays on this machine" in edge.stdout.readline()
        started = psutil.Process(edge.pid).children(recursive=True)
        assert {"avatar_cli.keeper", "avatar_asr"} <= {word for one in started for word in one.cmdline()}
        time.sleep(2)
        assert edge.poll() is None
        edge.send_signal(number)
        edge.wait(15)
    _, left = psutil.wait_procs(started, timeout=15)
    assert not left


class Terminal:
    """A person at a terminal of 100 columns.

    Attributes:
        shown: All that has been written, control sequences included.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self.shown = ""
        self._keys, theirs = pty.openpty()
        environment = os.environ | {"COLUMNS": "100", "TERM": "xterm"}
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        self.number = theirs

    def type(self, keys: str) -> None:
        os.write(self._keys, keys.encode())

    def wait_for(self, pattern: str, timeout_s: float = 15.0) -> None:
        """Until what is shown from now on matches `pattern`."""
        start, deadline = len(self.shown), time.monotonic() + timeout_s
        while not re.search(pattern, self.shown[start:]):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown[start:]!r}"
            if select.select([self._keys], [], [], 0.1)[0]:
                self.shown += os.read(self._keys, 65_536).decode(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._keys)
        os.close(self.number)


@pytest.mark.timeout(90)
def test_a_person_at_a_terminal_sees_how_the_call_goes_types_and_presses_keys(host: Host, tmp_path: Path) -> None:
    flags = {"mic": "none", "meeting": "none", "speaker": "none", "camera": "none", "panel": "0"}
    flags |= {"bus": host.bus.url, "width": str(SIDE), "height": str(SIDE)}
    command = [str(Path(sys.executable).with_name("avatar")), "edge", "--no-ears"]
    terminal = Terminal([*command, *(f"--{name}={value}" for name, value in flags.items())], tmp_path)
    try:
        terminal.wait_for("Ctrl-R")
        terminal.wait_for(r"listening · 2\d fps · .*link \d+ ms", 30)
        terminal.type("What is yuo\x7f\x7four name?")
        terminal.wait_for(r"> What is your name\?")
        terminal.type("\r")
        terminal.wait_for(r"clone: .*Alex")
        terminal.wait_for(r"answered in \d+ ms · 2\d fps · lips \d+ ms")
        terminal.type("\x12")
        terminal.wait_for("YOUR OWN FACE AND VOICE", 3)
        terminal.type("\x12")
        terminal.wait_for("listening", 3)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(15) == 0
        assert termios.tcgetattr(terminal.number)[3] & termios.ECHO
    finally:
        terminal.close()
