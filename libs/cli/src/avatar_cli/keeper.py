"""Keeps ears beside an edge: ``python -m avatar_cli.keeper``, started by `avatar edge`.

It reads one JSON `Order` from standard input, runs a nats-server that is a leaf of the remote one and an asr service
on it, answers with one JSON `Outcome`, restarts what crashes, and ends everything when standard input ends: however
its parent came to its end, nothing stays behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from avatar_cli.lifeline import end_with_parent
from avatar_cli.probes import HOST, broker_answers, free_port, http_ok, last_lines
from avatar_runtime import nats_server

_JOIN_S = 5.0
"""A leaf that has not joined by then will not: the address or the credentials are wrong."""
_READY_S = 60.0
_BACKOFF_S = (0.2, 1.0, 3.0, 10.0)
_STOP_S = 6.0
"""The ears give their session five seconds to move elsewhere."""
_LOG_BYTES = 2_000_000


class Order(msgspec.Struct, kw_only=True, frozen=True):
    """What to keep.

    Attributes:
        remotes: Where the server to join takes leaves.
        nkey_seed: Seed to log in there with, empty for none.
        logs: Folder of the logs.
        ears: The ears' command without the URL of the bus and the port of their health endpoints.
    """

    remotes: list[str]
    nkey_seed: str = ""
    logs: str
    ears: list[str]


class Outcome(msgspec.Struct, kw_only=True, frozen=True):
    """`url` of the server beside the edge, or in `error` why there is none."""

    url: str = ""
    error: str = ""


class KeeperError(Exception):
    """What was ordered could not be started."""


class _Child:
    """A program that is started again when it ends, a little later each time it ended soon."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log = log
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._next_at = 0.0
        self._crashes = 0

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.unlink()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent(),  # noqa: PLW1509  one prctl call, no locks
            )
        self._started_at = time.monotonic()
        self._next_at = 0.0

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def revive(self) -> None:
        """Start it again when it has ended and its pause is over."""
        now = time.monotonic()
        if not self.ended:
            return
        if not self._next_at:
            self._crashes = 1 if now - self._started_at > _BACKOFF_S[-1] else self._crashes + 1
            self._next_at = now + _BACKOFF_S[min(self._crashes, len(_BACKOFF_S)) - 1]
        elif now >= self._next_at:
            self.start()

    def stop(self) -> None:
        if self._process is None or self.ended:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def keep(order: Order, folder: Path, ended: threading.Event, tell: Callable[[Outcome], None]) -> None:
    """Run what is ordered until `ended`; `tell` is called once, when it is ready. Raises `KeeperError` before that."""
    logs = Path(order.logs)
    logs.mkdir(parents=True, exist_ok=True)
    config = folder / "leaf.conf"
    config.touch(mode=0o600)  # it may hold a password
    config.write_text(nats_server.leaf_config(order.remotes, nkey_seed=order.nkey_seed), encoding="utf-8")
    port, health = free_port(), free_port()
    url = f"nats://{HOST}:{port}"
    server = _Child(
        [*nats_server.command(port, config=config), "--ports_file_dir", str(folder)], logs / "edge-nats.log"
    )
    ears = _Child([*order.ears, f"--bus.url={url}", f"--health-port={health}"], logs / "edge-asr.log")
    try:
        server.start()
        _await(lambda: broker_answers(url), server, ended, _JOIN_S, "the bus beside the edge did not start")
        ears.start()  # they load while the leaf joins
        _await(
            lambda: _leaves(folder, server.pid) > 0, server, ended, _JOIN_S, "the bus elsewhere did not take the leaf"
        )
        _await(lambda: http_ok(f"http://{HOST}:{health}/readyz"), ears, ended, _READY_S, "the ears did not get ready")
        tell(Outcome(url=url))
        while not ended.wait(0.1):
            server.revive()
            ears.revive()
    finally:
        ears.stop()
        server.stop()


def _await(done: Callable[[], bool], child: _Child, ended: threading.Event, patience_s: float, failed: str) -> None:
    deadline = time.monotonic() + patience_s
    while not done():
        if ended.is_set():
            raise KeeperError("stopped")
        if child.ended or time.monotonic() > deadline:
            told = [line.split("] ", 1)[-1] for line in last_lines(child.log, 12) if "rror" in line]
            raise KeeperError(f"{failed}: {told[-1]}" if told else failed)
        time.sleep(0.05)


def _leaves(folder: Path, pid: int) -> int:
    """How many servers the one beside the edge is joined to."""
    try:
        ports = json.loads((folder / f"{Path(nats_server.program()).name}_{pid}.ports").read_text(encoding="utf-8"))
        with urllib.request.urlopen(f"{ports['monitoring'][0]}/leafz", timeout=1) as answer:  # noqa: S310  loopback
            return int(json.load(answer)["leafnodes"])
    except (OSError, ValueError, LookupError):
        return 0


def main() -> None:
    """Keep what standard input orders until it ends."""
    ended = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda _number, _frame: ended.set())
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)

    def wait_for_the_end() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        ended.set()

    threading.Thread(target=wait_for_the_end, name="parent", daemon=True).start()
    try:
        with tempfile.TemporaryDirectory(prefix="avatar-edge-") as folder:
            keep(order, Path(folder), ended, _tell)
    except (KeeperError, OSError, nats_server.ServerMissing) as error:
        with contextlib.suppress(OSError):
            _tell(Outcome(error=str(error)))


def _tell(outcome: Outcome) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
