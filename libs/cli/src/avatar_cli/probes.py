"""What can be seen from outside: ports, servers that answer, memory of processes, the end of a log."""

from __future__ import annotations

import os
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from avatar_cli.errors import PortInUse

HOST = "127.0.0.1"


def free_port() -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_of(url: str) -> int:
    """The port of a NATS URL."""
    return urlsplit(url).port or 4222


def broker_answers(url: str) -> bool:
    """A NATS server greets at `url`."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or HOST, port_of(url)), timeout=0.5) as connection:
            return connection.recv(5).startswith(b"INFO")
    except OSError:
        return False


def http_ok(url: str) -> bool:
    """A GET of `url` answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own loopback endpoint
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def tree_rss_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants; 0 when it is gone."""
    try:
        root = psutil.Process(pid) if pid else None
        tree = [root, *root.children(recursive=True)] if root else []
        return sum(process.memory_info().rss for process in tree)
    except psutil.Error:
        return 0


def is_free(port: int) -> bool:
    """This process could listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def require_free(what: str, port: int) -> None:
    """Raise `PortInUse` unless this process could listen on `port` for `what`."""
    if not is_free(port):
        raise PortInUse(what, port, holder(port))


def holder(port: int) -> str:
    """Who listens on `port`, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass  # only root sees other users' sockets
    return "another program"


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, or none when there is no such file."""
    try:
        with path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 400 * count - 4096))
            return log.read().decode("utf-8", "replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def without_password(url: str) -> str:
    """`url` as it may be shown."""
    return re.sub(r"(\w+://)[^/@\s,]+@", r"\1", url)
