import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import msgspec
import nkeys
import psutil
import pytest

from avatar_cli import beside
from avatar_cli.discovery import Found
from avatar_cli.keeper import Order, _Child
from avatar_cli.probes import free_port
from avatar_runtime import nats_server
from avatar_runtime.settings import BusSettings
from avatar_runtime.testing.broker import Broker

HERE, AWAY = "laptop", "gpu-host"


def found(kind: str, host: str) -> Found:
    return Found(kind=kind, worker=f"{kind}-abc", engine="", health="", pid=1, host=host)


@pytest.mark.parametrize(
    ("url", "who", "wanted"),
    [
        ("nats://gpu-host:4222", [("asr", AWAY), ("tts", AWAY)], True),
        ("nats://gpu-host:4222", [], True),
        ("nats://gpu-host:4222", [("asr", HERE), ("asr", AWAY)], False),
        ("nats://127.0.0.1:4222", [("asr", HERE)], False),
        ("nats://127.0.0.1:4222", [], False),
        ("nats://localhost:4222", [("asr", AWAY)], True),  # a tunnel
    ],
)
def test_ears_are_wanted_here_where_the_microphone_would_cross_a_network(
    url: str, who: list[tuple[str, str]], wanted: bool
) -> None:
    assert beside.wanted(BusSettings(url=url), [found(*one) for one in who], HERE) is wanted


@pytest.mark.parametrize(
    ("bus", "urls"),
    [
        (BusSettings(url="nats://gpu:4222"), ["nats://gpu:7422"]),
        (BusSettings(url="nats://a:1, nats://b:2", leaf_port=3), ["nats://a:3", "nats://b:3"]),
        (BusSettings(url="tls://gpu", user="me", password="pw"), ["tls://me:pw@gpu:7422"]),
        (BusSettings(url="nats://u:p@gpu:4222", user="me", password="pw"), ["nats://u:p@gpu:7422"]),
        (BusSettings(url="nats://gpu:4222", token="abc"), ["nats://abc@gpu:7422"]),
        (BusSettings(url="nats://[fd00::1]:4222"), ["nats://[fd00::1]:7422"]),
        (BusSettings(url="wss://gpu:443"), []),
        (BusSettings(url="nats://gpu:4222", leaf_port=0), []),
    ],
)
def test_leaves_join_at_the_same_hosts_with_the_same_credentials(bus: BusSettings, urls: list[str]) -> None:
    assert beside.leaf_urls(bus) == urls


def test_where_no_leaf_is_taken_the_note_says_that_the_microphone_crosses_the_network(tmp_path: Path) -> None:
    port = free_port()
    ears = beside.start(BusSettings(url="nats://127.0.0.1:4222", leaf_port=port), tmp_path)
    assert ears.url == ""
    assert "microphone crosses the network" in ears.note
    assert f"port {port}" in ears.note


def test_a_server_that_takes_no_leaf_is_a_note_with_its_reason_and_nothing_stays_behind(tmp_path: Path) -> None:
    port = free_port()
    # Its leaves must log in, and this edge has no password.
    extra = f'\nleafnodes {{ host: "127.0.0.1", port: {port}, authorization {{ user: me, password: secret }} }}\n'
    with Broker(extra_config=extra) as broker:
        ears = beside.start(BusSettings(url=broker.url, leaf_port=port), tmp_path, ["--log.level=error"])
    assert ears.url == ""
    assert "crosses the network" in ears.note
    assert "uthorization" in ears.note
    left = psutil.Process().children(recursive=True)
    assert not [one for one in left if one.status() != psutil.STATUS_ZOMBIE and "avatar_asr" in one.cmdline()]


def test_a_child_that_crashes_again_and_again_is_started_later_each_time(tmp_path: Path) -> None:
    child = _Child([sys.executable, "-c", "print('up')"], tmp_path / "log")
    child.start()
    deadline = time.monotonic() + 8
    while (tmp_path / "log").read_text().count("up") < 3:
        assert time.monotonic() < deadline
        child.revive()
        time.sleep(0.02)
    assert child._crashes >= 2
    child.stop()


def test_a_keeper_whose_parent_ends_before_it_is_ready_ends_too(tmp_path: Path) -> None:
    order = Order(remotes=["nats://127.0.0.1:1"], logs=str(tmp_path / "logs"), ears=[sys.executable, "-c", "exit(3)"])
    keeper = subprocess.run(
        [sys.executable, "-m", "avatar_cli.keeper"],
        input=msgspec.json.encode(order) + b"\n", capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    assert keeper.returncode == 0
    assert msgspec.json.decode(keeper.stdout)["url"] == ""
    assert keeper.stderr == b""


@pytest.mark.parametrize("way", ["user", "token", "nkey"])
def test_a_leaf_logs_in_with_what_the_bus_is_joined_with(way: str, tmp_path: Path) -> None:
    leaf_port, monitor = free_port(), free_port()
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    rule, given = {
        "user": ("user: me, password: 'p w/d'", {"user": "me", "password": "p w/d"}),
        "token": ("token: 'a-token-that-is-long'", {"token": "a-token-that-is-long"}),
        "nkey": (f"users: [{{ nkey: {public} }}]", {}),
    }[way]
    extra = f'\nauthorization {{ {rule} }}\nhttp: "127.0.0.1:{monitor}"\n'
    extra += f'leafnodes {{ host: "127.0.0.1", port: {leaf_port} }}\n'
    with Broker(extra_config=extra) as broker:
        bus = BusSettings(url=broker.url, leaf_port=leaf_port, **given)
        config = tmp_path / "leaf.conf"
        config.write_text(
            nats_server.leaf_config(beside.leaf_urls(bus), nkey_seed=seed.decode() if way == "nkey" else "")
        )
        with subprocess.Popen(nats_server.command(-1, config=config), stderr=subprocess.DEVNULL) as leaf:
            deadline = time.monotonic() + 8
            while True:
                with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/leafz", timeout=2) as answer:
                    if json.load(answer)["leafnodes"] == 1:
                        break
                assert time.monotonic() < deadline, broker.log[-800:]
                time.sleep(0.05)
            leaf.terminate()
