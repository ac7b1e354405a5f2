"""A stack: one NATS server and the services as separate processes on this machine, started, watched and stopped.

`avatar up` keeps one in ``.run``; the demo, the bench and the end-to-end tests use private ones on free ports.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from avatar_cli.errors import NotRunning, StackError, StartFailed
from avatar_cli.names import HEALTH_PORTS, PAGE, SERVICES, STARTABLE
from avatar_cli.probes import (
    HOST,
    broker_answers,
    free_port,
    http_ok,
    is_free,
    last_lines,
    port_of,
    require_free,
    tree_rss_bytes,
    without_password,
)
from avatar_cli.settings import CliSettings
from avatar_cli.supervisor import MARK, Process, Program, Supervisor
from avatar_runtime import nats_server

BROKER = "nats"
READY_TIMEOUT_S = 60.0
_MODULES = {PAGE: "avatar_edge.web"}


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """What a stack consists of; kept in its folder for the next command.

    Attributes:
        bus_url: The NATS server, as the services are told.
        broker_port: Port of the broker this stack runs itself, 0 when it uses another one's.
        health_ports: Port of the health endpoints of each service it runs, the page among them.
        flags: Settings given to single services, as their flags take them.
        leaf_port: Port at which its broker takes those of edges elsewhere, 0 for none.
        page: URL of the page, empty without one.
    """

    bus_url: str
    broker_port: int
    health_ports: dict[str, int]
    flags: dict[str, dict[str, str]] = {}
    leaf_port: int = 0
    page: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every process of the stack."""
        return ((BROKER,) if self.broker_port else ()) + tuple(self.health_ports)


@dataclass(frozen=True)
class Member:
    """One process of a stack as it is now.

    Attributes:
        name: ``nats``, ``web`` or a service.
        process: What the supervisor says.
        url: Where it answers.
        health: Base URL of its health endpoints, empty for the broker.
        ready: It answers that it is ready.
        rss_bytes: Memory of it and its child processes.
    """

    name: str
    process: Process
    url: str
    health: str
    ready: bool
    rss_bytes: int


class Stack:
    """The processes whose files live in `directory`; each method may be called from a fresh process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.supervisor = Supervisor(self.directory)
        self._plan_file = self.directory / "stack.json"

    @property
    def plan(self) -> Plan:
        """What was started here; raises `NotRunning` when nothing was."""
        try:
            return msgspec.json.decode(self._plan_file.read_bytes(), type=Plan)
        except (FileNotFoundError, msgspec.MsgspecError):
            raise NotRunning from None

    def running(self) -> bool:
        """A supervisor of this folder answers."""
        return self.supervisor.running()

    def start(self, plan: Plan, *, private: bool = False) -> None:
        """Start what is in `plan` and does not run yet; returns when everything is ready.

        Call it from the main thread: a private stack ends with the thread that started it.

        Raises:
            PortInUse: Another program has the broker's port.
            StartFailed: A process exited or did not become ready; what this call started is stopped again.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.running():
            self._extend(plan)
            return
        if plan.broker_port:
            require_free("The broker", plan.broker_port)
        self._save(plan)
        self.supervisor.start(self._programs(plan), private=private)
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def _extend(self, plan: Plan) -> None:
        old = self.plan
        if old.bus_url != plan.bus_url or bool(old.broker_port) != bool(plan.broker_port):
            raise StackError(
                f"A stack on {without_password(old.bus_url)} runs here already. `avatar down` stops it; "
                f"then start it on {without_password(plan.bus_url)}."
            )
        missing = {name: port for name, port in plan.health_ports.items() if name not in old.health_ports}
        whole = msgspec.structs.replace(
            old,
            health_ports=old.health_ports | missing,
            flags={**old.flags, **plan.flags},
            page=plan.page or old.page,
        )
        if missing:
            self._require_same_environment()
            self._save(whole)
            programs = self._programs(whole)
            old_names = set(old.names)
            self.supervisor.add(
                [p for p in programs if p.name in old_names], [p for p in programs if p.name not in old_names]
            )
        self.supervisor.restart_failed()
        try:
            self.wait_ready()
        except StartFailed:
            self._save(old)
            self.supervisor.remove(self._programs(old), list(missing))
            raise

    def _require_same_environment(self) -> None:
        theirs, ours = _avatar_variables(self.supervisor.environment()), _avatar_variables(os.environ)
        if theirs != ours:
            names = ", ".join(sorted(name for name, _ in theirs ^ ours))
            raise StackError(f"The stack that runs here was started with other values of {names}: `avatar down` first.")

    def stop(self) -> None:
        """Stop everything that was started here, also what a killed supervisor left behind, and nothing else."""
        self.supervisor.stop(last=BROKER)
        self._plan_file.unlink(missing_ok=True)

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when every process answers that it is ready; raises `StartFailed` at the first that cannot be."""
        deadline = time.monotonic() + timeout_s
        plan = self.plan
        waiting = list(plan.names)
        while True:
            processes = {process.name: process for process in self.supervisor.processes()}
            waiting = [name for name in waiting if not self._ready(plan, name)]
            for name in waiting:
                if processes[name].failed:
                    raise StartFailed(name, "exited while starting", last_lines(self.supervisor.log_path(name), 8))
            if not waiting:
                return
            if time.monotonic() > deadline:
                name = waiting[0]
                lines = last_lines(self.supervisor.log_path(name), 8)
                raise StartFailed(name, f"was not ready after {timeout_s:.0f} s", lines)
            time.sleep(0.05)

    def members(self) -> list[Member]:
        """Every process as it is now; raises `NotRunning` or `StackError`."""
        plan = self.plan
        if not self.running():
            raise NotRunning
        return [
            Member(
                name=process.name,
                process=process,
                url=_address(plan, name),
                health=_health(plan, name),
                ready=process.alive and self._ready(plan, process.name),
                rss_bytes=tree_rss_bytes(process.pid),
            )
            for name in plan.names
            for process in self.supervisor.processes()
            if process.name == name
        ]

    def url(self, name: str) -> str:
        """Where a process of the stack answers."""
        return _address(self.plan, name)

    def _ready(self, plan: Plan, name: str) -> bool:
        if name == BROKER:
            return broker_answers(plan.bus_url)
        return http_ok(f"{_health(plan, name)}/readyz")

    def _save(self, plan: Plan) -> None:
        self._plan_file.touch(mode=0o600)  # the URL of the bus may hold a password
        self._plan_file.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))

    def _programs(self, plan: Plan) -> list[Program]:
        programs = []
        if plan.broker_port:
            config = self._broker_config(plan)
            programs.append(Program(BROKER, nats_server.command(plan.broker_port, config=config), settle_s=1))
        for name, port in plan.health_ports.items():
            flags = {"bus.url": plan.bus_url, "health-port": str(port), **plan.flags.get(name, {})}
            module = _MODULES.get(name, f"avatar_{name}")
            command = [sys.executable, "-m", module, *(f"--{key}={value}" for key, value in flags.items())]
            programs.append(Program(name, command))
        return programs

    def _broker_config(self, plan: Plan) -> Path:
        if not plan.leaf_port:
            return nats_server.CONFIG
        written = self.directory / "nats.conf"
        written.write_text(nats_server.hub_config(plan.leaf_port), encoding="utf-8")
        return written


def plan_here(services: Sequence[str], bus_url: str | None, settings: CliSettings, running: Plan | None = None) -> Plan:
    """The plan of `avatar up`: stable ports where they are free, and no broker when another one is to be used.

    Another one is used when `bus_url` names it, when the settings name one on another machine, or when one that was
    named in the settings answers already. Services join the broker of a stack that is `running`.
    """
    if running is not None and bus_url in (None, running.bus_url):
        return msgspec.structs.replace(running, health_ports=_health_ports(services), page="")
    url = bus_url or settings.bus.url
    parts = urlsplit(url)
    here = (parts.hostname or "") in ("127.0.0.1", "localhost", "::1")
    named = "bus.url" in settings.__dict__.get("sources", {})
    joins = bus_url is not None or not here or (named and broker_answers(url))
    if joins and not broker_answers(url.split(",")[0]):
        raise StackError(
            f"No NATS server answers at {without_password(url)}. Start it there (`avatar up` does), or correct the URL."
        )
    leaf_port = settings.bus.leaf_port
    return Plan(
        bus_url=url,
        broker_port=0 if joins else port_of(url),
        health_ports=_health_ports(services),
        leaf_port=leaf_port if not joins and leaf_port and is_free(leaf_port) else 0,
    )


def _health_ports(services: Sequence[str]) -> dict[str, int]:
    ports = {name: HEALTH_PORTS[name] for name in STARTABLE if name in services}
    return {name: port if is_free(port) else free_port() for name, port in ports.items()}


@contextmanager
def private_stack(
    services: Sequence[str] = SERVICES, flags: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[Stack]:
    """A stack of its own on free ports in a temporary folder, stopped when the block ends or this process dies."""
    with tempfile.TemporaryDirectory(prefix="avatar-") as folder:
        stack = Stack(Path(folder))
        port = free_port()
        plan = Plan(
            bus_url=f"nats://{HOST}:{port}",
            broker_port=port,
            health_ports={name: free_port() for name in services},
            flags={name: dict(given) for name, given in (flags or {}).items()},
        )
        stack.start(plan, private=True)
        try:
            yield stack
        finally:
            stack.stop()


def _address(plan: Plan, name: str) -> str:
    if name == PAGE and plan.page:
        return plan.page
    return plan.bus_url if name == BROKER else _health(plan, name)


def _health(plan: Plan, name: str) -> str:
    return "" if name == BROKER else f"http://{HOST}:{plan.health_ports[name]}"


def _avatar_variables(environment: Mapping[str, str]) -> set[tuple[str, str]]:
    return {(name, text) for name, text in environment.items() if name.startswith("AVATAR_") and name != MARK}
