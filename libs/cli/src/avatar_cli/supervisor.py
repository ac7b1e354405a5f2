"""The stack's processes under supervisord: what crashes is restarted with backoff, logs rotate, control is a socket.

supervisord (PyPI `supervisor`) is driven by a configuration written here and by its XML-RPC over a unix socket.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.client
import os
import shlex
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport

from avatar_cli.errors import StackError
from avatar_cli.lifeline import end_with_parent
from avatar_cli.probes import last_lines

MARK = "AVATAR_STACK"
"""Environment variable that every process of a stack carries: the stack's folder."""

_SOCKET_PATH_BYTES = 100
"""A unix socket's path must fit into 104 bytes on macOS, 108 on Linux, supervisord's temporary suffix included."""
_STOP_WAIT_S = 7
"""A service gives its sessions five seconds to move elsewhere."""
_ANSWER_S = 10
_UP_STATES = ("STARTING", "RUNNING")
_FAILED_STATES = ("BACKOFF", "EXITED", "FATAL", "UNKNOWN")


@dataclass(frozen=True)
class Program:
    """One process to keep running.

    Attributes:
        name: Its name in the supervisor and of its log file.
        command: Program and arguments.
        settle_s: An exit sooner than this after its start is a failed start: the next try waits longer each time.
    """

    name: str
    command: Sequence[str]
    settle_s: int = 10


@dataclass(frozen=True)
class Process:
    """What the supervisor knows of one program."""

    name: str
    state: str
    pid: int
    uptime_s: float

    @property
    def alive(self) -> bool:
        """It runs now."""
        return self.state in _UP_STATES

    @property
    def failed(self) -> bool:
        """It exited by itself and waits for its next try, or was given up."""
        return self.state in _FAILED_STATES


class Supervisor:
    """One supervisord and its programs, all of whose files live in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.config = self.directory / "supervisord.conf"
        self.socket = _socket_path(self.directory)
        self._daemon: subprocess.Popen[bytes] | None = None

    def log_path(self, program: str) -> Path:
        """The log of one program, or of the supervisor itself under the name ``supervisord``."""
        return self.directory / "logs" / f"{program}.log"

    def start(self, programs: Sequence[Program], *, private: bool) -> None:
        """Start supervisord with `programs`.

        Args:
            programs: What to run.
            private: The stack ends with this process, whatever ends it (on Linux also a kill).
        """
        self.sweep()
        (self.directory / "logs").mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self._write(programs)
        log = self.log_path("supervisord")
        with log.open("ab") as output:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {MARK: str(self.directory)},
                start_new_session=True,
                preexec_fn=end_with_parent() if private else None,  # noqa: PLW1509  one prctl call, no locks
            )
        self._daemon = daemon
        deadline = time.monotonic() + _ANSWER_S
        while not self.running():
            if daemon.poll() is not None:
                tail = "\n    ".join(last_lines(log, 5))
                raise StackError(f"supervisord exited with {daemon.returncode} at its start:\n    {tail}")
            if time.monotonic() > deadline:
                daemon.terminate()
                raise StackError(f"supervisord did not answer on {self.socket} within {_ANSWER_S} s; see {log}")
            time.sleep(0.02)
        if not private:
            daemon.returncode = 0  # it outlives this process on purpose: no warning about an unfinished child

    def add(self, present: Sequence[Program], new: Sequence[Program]) -> None:
        """Let the running supervisord run `new` besides the programs it has."""
        self._write([*present, *new])
        self._call("reloadConfig")
        for program in new:
            self._call("addProcessGroup", program.name)

    def remove(self, present: Sequence[Program], names: Sequence[str]) -> None:
        """Stop the programs called `names` and forget them; `present` are those that stay."""
        for name in names:
            with contextlib.suppress(xmlrpc.client.Fault):  # it was not running
                self._call("stopProcess", name, False)
        self._wait(functools.partial(self._stopped, names))
        for name in names:
            self._call("removeProcessGroup", name)
        self._write(present)

    def running(self) -> bool:
        """The supervisor answers."""
        try:
            return self.socket.exists() and bool(self._call("getState")["statename"] == "RUNNING")
        except StackError:
            return False

    def processes(self) -> list[Process]:
        """Every program and its state; raises `StackError` when the supervisor does not answer."""
        return [
            Process(i["name"], i["statename"], i["pid"], max(0.0, float(i["now"] - i["start"])) if i["pid"] else 0.0)
            for i in self._call("getAllProcessInfo")
        ]

    def environment(self) -> dict[str, str]:
        """The variables the supervisor and all its programs were started with; empty when it cannot be told."""
        try:
            return psutil.Process(self._call("getPID")).environ()
        except psutil.Error:
            return {}

    def restart_failed(self) -> None:
        """Start again what was given up or stopped."""
        for process in self.processes():
            if not process.alive and process.state != "BACKOFF":
                self._call("startProcess", process.name, False)

    def stop(self, *, last: str = "") -> None:
        """Stop every program, `last` after all others, then the supervisor, then whatever is left of them."""
        if self.running():
            names = [process.name for process in self.processes()]
            for group in ([name for name in names if name != last], [name for name in names if name == last]):
                for name in group:
                    with contextlib.suppress(xmlrpc.client.Fault):  # it was not running
                        self._call("stopProcess", name, False)
                self._wait(functools.partial(self._stopped, group))
            with contextlib.suppress(StackError):  # it may end before it answers; the sweep sees to what is left
                self._call("shutdown")
            self._wait(lambda: not self.running())
        self.sweep()
        if self._daemon is not None:
            self._daemon.wait()
        self.socket.unlink(missing_ok=True)

    def sweep(self) -> None:
        """End every process that carries this stack's mark: what a killed supervisor left behind."""
        left = [process for process in psutil.process_iter() if self._is_ours(process)]
        for process in left:
            _signal(process.terminate)
        _, stubborn = psutil.wait_procs(left, timeout=_STOP_WAIT_S)
        for process in stubborn:
            _signal(process.kill)
        psutil.wait_procs(stubborn, timeout=_STOP_WAIT_S)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and process.environ().get(MARK) == str(self.directory)
        except psutil.Error:
            return False  # gone, or another user's

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            server = cast("Any", xmlrpc.client.ServerProxy("http://localhost", transport=transport))
            return getattr(server.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise StackError(f"The supervisor of {self.directory} does not answer: {error}") from error
        finally:
            transport.close()

    def _stopped(self, names: Sequence[str]) -> bool:
        return not any(process.name in names and process.pid for process in self.processes())

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _STOP_WAIT_S + 2
        while time.monotonic() < deadline:
            try:
                if done():
                    return
            except StackError:
                return  # the supervisor is gone, and its programs with it
            time.sleep(0.05)

    def _write(self, programs: Sequence[Program]) -> None:
        sections = [
            "[supervisord]",
            f"logfile={_value(str(self.log_path('supervisord.events')))}",
            "logfile_maxbytes=1MB",
            "logfile_backups=1",
            f"pidfile={_value(str(self.directory / 'supervisord.pid'))}",
            "nodaemon=true",
            "silent=true",
            *(["user=root"] if os.geteuid() == 0 else []),
            "",
            "[unix_http_server]",
            f"file={_value(str(self.socket))}",
            "chmod=0600",
            "",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for program in programs:
            sections += [
                "",
                f"[program:{program.name}]",
                f"command={_value(shlex.join(program.command))}",
                "autostart=true",
                "autorestart=true",
                f"startsecs={program.settle_s}",
                "startretries=10",
                f"stopwaitsecs={_STOP_WAIT_S}",
                "stopasgroup=true",
                "killasgroup=true",
                "redirect_stderr=true",
                f"stdout_logfile={_value(str(self.log_path(program.name)))}",
                "stdout_logfile_maxbytes=5MB",
                "stdout_logfile_backups=3",
            ]
        self.config.touch(mode=0o600)
        self.config.write_text("\n".join(sections) + "\n", encoding="utf-8")


def _socket_path(directory: Path) -> Path:
    path = directory / "supervisor.sock"
    if len(str(path).encode()) <= _SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"avatar-{digest}.sock"


def _value(text: str) -> str:
    """`text` as supervisord's configuration takes it."""
    if " ;" in text or " #" in text or "\n" in text:
        raise StackError(f"supervisord cannot take {text!r}: a space before ; or # begins a comment. Rename it.")
    return text.replace("%", "%%")


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
