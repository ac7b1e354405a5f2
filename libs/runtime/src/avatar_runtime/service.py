"""A service process: starts, gets ready, serves sessions, drains and stops."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from avatar_contracts import Kind, ids
from avatar_runtime import log, telemetry
from avatar_runtime.bus import Bus, BusError, Message
from avatar_runtime.engines import EngineError
from avatar_runtime.health import Health
from avatar_runtime.leases import Leases, Worker
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.session import Session
from avatar_runtime.settings import ServiceSettings, SettingsError, load

S = TypeVar("S", bound=ServiceSettings)

DRAIN_S = 5.0
"""How long a stopping worker waits for the edges to move their sessions to another one."""

CLOCK_SUBJECT = "svc.clock"
"""Any service answers here with its wall clock, Unix nanoseconds in decimal: machines that disagree are found by it."""

logger = log.get(__name__)


class Service:
    """One process of one kind: bus, health endpoints, telemetry and signals, from start to a clean stop.

    Attributes:
        bus: The connected bus.
        worker: This worker's id.
        stopping: Set when the process was asked to stop.
    """

    bus: Bus

    def __init__(self, kind: Kind, settings: ServiceSettings) -> None:
        self.kind: Kind = kind
        self.worker = settings.worker or ids.new_worker_id(kind)
        self.stopping = asyncio.Event()
        self._settings = settings
        self._started_at = time.monotonic()
        self._health = Health(settings.health_port, needs=("bus", "sessions"))
        self._engine: Any = None
        self._telling: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        log.configure(self._settings.log, self.kind, self.worker)
        telemetry.configure(self._settings.telemetry, self.kind, self.worker)
        self._catch_signals()
        await self._health.__aenter__()
        self.bus = await self._connect()
        self._health.mark("bus", there=True)
        self.bus.on_state(lambda connected: self._health.mark("bus", there=connected))
        return self

    async def _connect(self) -> Bus:
        """The bus, however long it takes; leaves at once when asked to stop meanwhile."""
        connecting = asyncio.create_task(NatsBus.connect(self._settings.bus, f"{self.kind}/{self.worker}"))
        stopping = asyncio.create_task(self.stopping.wait())
        await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not connecting.done():
            connecting.cancel()
            raise SystemExit(0)
        return await connecting

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._engine is not None:
            closed = self._engine.close()
            if inspect.isawaitable(closed):
                await closed
        await self.bus.close()
        await self._health.__aexit__(kind, error, traceback)
        telemetry.shutdown()
        logger.info("service.stopped", after_s=round(time.monotonic() - self._started_at, 1))

    async def warm_up(self, engine: Any) -> None:
        """Load `engine` off the event loop. Readiness comes after this, with the first claim it can take."""
        self._engine = engine
        started = time.monotonic()
        if inspect.iscoroutinefunction(engine.load):
            await engine.load()
        else:
            await asyncio.to_thread(engine.load)
        logger.info("engine.loaded", engine=engine.info.name, took_s=round(time.monotonic() - started, 2))

    async def serve_sessions(self, make: Callable[[Session], Worker]) -> None:
        """Take sessions, one `make(session)` each, until asked to stop; then drain."""
        leases = Leases(self.bus, self.kind, self.worker, self._settings.capacity, make)
        await leases.open()
        await self.ready()
        await self.stopping.wait()
        self._health.mark("sessions", there=False)
        await leases.drain(DRAIN_S)

    async def ready(self) -> None:
        """Turn /readyz to 200 and become discoverable."""
        engine = self._engine.info.name if self._engine is not None else ""
        metadata = {
            "worker": self.worker,
            "engine": engine,
            "health": self._health.url,
            "pid": str(os.getpid()),
            "host": platform.node(),
        }
        await self.bus.subscribe(CLOCK_SUBJECT, self._asked_the_time, queue="clock")
        await self.bus.announce(f"avatar-{self.kind}", metadata)
        self._health.mark("sessions", there=True)
        logger.info("service.ready", after_s=round(time.monotonic() - self._started_at, 2), **metadata)

    def _asked_the_time(self, message: Message) -> None:
        async def tell() -> None:
            with contextlib.suppress(BusError):
                await self.bus.publish(message.reply, str(time.time_ns()).encode())

        if message.reply:
            telling = asyncio.create_task(tell())
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def stop(number: int, _frame: object) -> None:
            if self.stopping.is_set():  # asked twice: leave at once
                os._exit(128 + number)
            loop.call_soon_threadsafe(self.stopping.set)

        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), stop)


def run(kind: Kind, settings_type: type[S], serve: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Load the settings and run `serve` as this process; a failure a person can mend ends in one sentence."""
    try:
        settings = load(kind, settings_type)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings))
    except (SettingsError, EngineError, BusError) as error:
        sys.stderr.write(f"avatar {kind}: {error}\n")
        sys.exit(2)
