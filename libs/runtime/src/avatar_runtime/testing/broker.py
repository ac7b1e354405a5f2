"""A real nats-server of its own for a test, which can be killed, hung and brought back."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from avatar_runtime import nats_server

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0


class BrokerError(Exception):
    """The server did not come up; the message holds the end of its log."""


class Broker:
    """A nats-server on a free port of loopback, with the configuration users get.

    Its methods block for the milliseconds they take. Example:
        with Broker() as broker:
            bus = await NatsBus.connect(BusSettings(url=broker.url), name="test")
            broker.kill()
            broker.restart()            # the same port

    Attributes:
        port: The port, the same across restarts.
    """

    def __init__(self, *, extra_config: str = "") -> None:
        """Nothing runs yet.

        Args:
            extra_config: Lines added to the configuration, such as an ``authorization`` block.
        """
        self.port = -1
        self._extra_config = extra_config
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The server's process id; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        file = self._folder / "server.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="avatar-broker-"))
        atexit.register(self.close)
        try:
            self.restart()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def restart(self) -> None:
        """Start the server, killing it first if it runs; returns once clients can connect."""
        self.kill()
        config = self._folder / "nats.conf"
        config.write_text(nats_server.CONFIG.read_text(encoding="utf-8") + self._extra_config, encoding="utf-8")
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*nats_server.command(self.port, config=config), "--ports_file_dir", str(self._folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        # The server writes this file once it listens; it also tells the port when a free one was asked for.
        ports = self._folder / f"{Path(nats_server.program()).name}_{process.pid}.ports"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                url = json.loads(ports.read_text(encoding="utf-8"))["nats"][0]
                self.port = int(url.rsplit(":", 1)[1])
                return
            if process.poll() is not None:
                break
            time.sleep(0.005)
        raise BrokerError(f"nats-server did not start on port {self.port}:\n{self.log[-2_000:]}")

    def kill(self) -> None:
        """End the server at once, as a crash does. Does nothing when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def pause(self) -> None:
        """Hang the server: connections stay open and nothing moves. Not on Windows."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)  # its threads go on for a moment after the signal

    def resume(self) -> None:
        """Let a hung server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the server and remove its files."""
        self.kill()
        atexit.unregister(self.close)
        shutil.rmtree(self._folder, ignore_errors=True)
