"""One session as a service sees it: typed events in, typed events out."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from avatar_contracts import (
    Ack,
    Claim,
    ErrorRaised,
    Event,
    Kind,
    SessionWorkers,
    Spec,
    codec,
    encode_control,
    ids,
    spec_of,
)
from avatar_contracts.errors import ContractError, MalformedEvent, PayloadTooLarge, UnknownEvent
from avatar_runtime import log, metrics, telemetry
from avatar_runtime.bus import (
    Bus,
    BusDisconnected,
    BusError,
    CommandFailed,
    Message,
    NoResponders,
    RequestTimeout,
    Subscription,
)
from avatar_runtime.fence import Fence
from avatar_runtime.lanes import CONTROL_ALARM, LaneQueue

E = TypeVar("E", bound=Event)
Handler = Callable[[E], Awaitable[None]]

SCHEMA_MAJOR = "1"
COMMAND_TIMEOUTS_S = (0.25, 0.3, 0.4)
"""Of the tries of a command: a crowded link takes its time, a person waits a second at most."""
_AGAIN_S = 0.25
CLOSE_TRIES = 4
CLOSE_TRY_S = 0.5

RECEIVED = metrics.counter("avatar_bus_events_total", "Events taken from the bus", ["service", "stage", "outcome"])
_failures = metrics.counter("avatar_handler_errors_total", "Handlers that raised", ["service", "stage"])
_unsent = metrics.counter("avatar_bus_unsent_total", "Events dropped because the bus was away", ["service", "stage"])

logger = log.get(__name__)


class _Inlet:
    """All handlers of one event type: its lane, its consumer task, its subscription."""

    def __init__(self, spec: Spec, *, ack: bool) -> None:
        self.spec = spec
        self.ack = ack
        self.handlers: list[Handler[Any]] = []
        self.lane: LaneQueue[tuple[Event, Message]] = LaneQueue(spec.lane)
        self.failing = False
        self.subscription: Subscription | None = None


async def command(bus: Bus, tag: str, subject: str, data: bytes, headers: Mapping[str, str] | None) -> None:
    """Send a command until it is acknowledged; raises `CommandFailed`."""
    why = ""
    for timeout_s in COMMAND_TIMEOUTS_S:
        try:
            await bus.request(subject, data, timeout_s=timeout_s, headers=headers)
        except (NoResponders, RequestTimeout, BusDisconnected) as error:
            why = str(error)
            if not isinstance(error, RequestTimeout):
                await asyncio.sleep(_AGAIN_S)
        else:
            return
    raise CommandFailed(tag, why)


class Session:
    """Publishes and hears the events of one session for one service, under one lease.

    Register handlers with `on` first, then `start`. Everything a handler sees has passed the size caps, the codec
    and the fence; everything that has not is counted in ``avatar_bus_events_total{outcome}`` and dropped.

    Attributes:
        id: The session id.
        kind: The service this end belongs to.
        epoch: This end's lease; stamped on everything it publishes.
        claim: What the edge asked for.
    """

    def __init__(self, bus: Bus, session_id: str, kind: Kind, epoch: int, claim: Claim | None = None) -> None:
        self.id = ids.check_session_id(session_id)
        self.kind = kind
        self.epoch = epoch
        self.claim = claim or Claim(session=session_id, kind=kind, epoch=epoch)
        self._bus = bus
        self._fence = Fence()
        self._inlets: dict[str, _Inlet] = {}
        self._seqs: dict[str, int] = {}
        self._streams: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._progress_at = time.monotonic()
        self.on(SessionWorkers, self._on_workers)

    def on(self, event_type: type[E], handler: Handler[E], *, ack: bool = False) -> None:
        """Hear `event_type`. Handlers of one type run one after another, in order, each in the sender's trace.

        A handler must be quick: it hands work to a queue or task of its own. With `ack`, this end also
        acknowledges the event when it is sent as a command.
        """
        spec = spec_of(event_type)
        inlet = self._inlets.setdefault(spec.tag, _Inlet(spec, ack=ack))
        inlet.ack |= ack
        inlet.handlers.append(handler)

    async def start(self) -> None:
        """Subscribe everything registered; returns when the server knows."""
        for inlet in self._inlets.values():
            self.spawn(self._consume(inlet), f"lane {inlet.spec.tag}")
            subject = ids.event_subject(self.id, inlet.spec.tag)
            inlet.subscription = await self._bus.subscribe(subject, functools.partial(self._take, inlet))
        await self._bus.flush()

    async def close(self) -> None:
        """Leave the session: unsubscribe, cancel what was spawned."""
        for inlet in self._inlets.values():
            if inlet.subscription is not None:
                with contextlib.suppress(BusError):
                    await inlet.subscription.unsubscribe()
        tasks = self._tasks - {asyncio.current_task()}
        for _ in range(CLOSE_TRIES):  # a library's wait_for can swallow a cancellation that comes with its answer
            for task in tasks:
                task.cancel()
            if tasks:
                _, tasks = await asyncio.wait(tasks, timeout=CLOSE_TRY_S)
        if tasks:
            logger.error("session.tasks_left", tasks=[task.get_name() for task in tasks])

    # --- coming in ---------------------------------------------------------------------------------------------

    def _take(self, inlet: _Inlet, message: Message) -> None:
        outcome = self._admit(inlet, message)
        RECEIVED.labels(self.kind, inlet.spec.tag, outcome or "taken").inc()
        if message.reply and inlet.ack and outcome in ("", "repeat"):
            self.spawn(self._acknowledge(message.reply), "acknowledge")

    def _admit(self, inlet: _Inlet, message: Message) -> str:
        """Queue the event in `message`, or say why not."""
        if message.headers.get("Av-V", SCHEMA_MAJOR) != SCHEMA_MAJOR:
            return "version"
        try:
            event = codec.decode(inlet.spec.tag, message.data)
        except PayloadTooLarge:
            return "oversized"
        except (MalformedEvent, UnknownEvent) as error:
            logger.debug("event.malformed", tag=inlet.spec.tag, error=str(error))
            return "malformed"
        if stale := self._fence.judge(inlet.spec, event):
            return stale
        if not inlet.lane.put((event, message)):
            return "overflow"
        if len(inlet.lane) == CONTROL_ALARM:
            logger.error("lane.stuck", tag=inlet.spec.tag, depth=CONTROL_ALARM)
        return ""

    async def _consume(self, inlet: _Inlet) -> None:
        while True:
            event, message = await inlet.lane.get()
            with telemetry.attached(telemetry.extract(message.headers)):
                for handler in inlet.handlers:
                    await self._handle(inlet, handler, event)

    async def _handle(self, inlet: _Inlet, handler: Handler[Any], event: Event) -> None:
        try:
            await handler(event)
        except Exception as error:
            _failures.labels(self.kind, inlet.spec.tag).inc()
            if not inlet.failing:  # once per change of state
                inlet.failing = True
                logger.exception("handler.failed", tag=inlet.spec.tag)
                await self.report("handler.failed", f"{self.kind} failed on {inlet.spec.tag}: {error}")
        else:
            inlet.failing = False

    async def _acknowledge(self, reply: str) -> None:
        with contextlib.suppress(BusError):
            await self._bus.publish(reply, encode_control(Ack()))

    async def _on_workers(self, event: SessionWorkers) -> None:
        for lease in event.workers:
            self.fence(lease.kind, lease.epoch)

    def fence(self, kind: Kind, epoch: int) -> None:
        """Drop everything from leases of `kind` older than `epoch` from now on."""
        self._fence.raise_to(kind, epoch)

    # --- going out ---------------------------------------------------------------------------------------------

    async def publish(self, event: Event) -> None:
        """Send `event`, stamped with this lease and its seq, in the current trace.

        While the bus is away the event is dropped and counted: nothing live is worth hearing late.

        Raises:
            PayloadTooLarge: Above the cap of its tag.
            PublishDenied: This client may not send it.
        """
        subject, data, headers = self._seal(event)
        try:
            await self._bus.publish(subject, data, headers)
        except BusDisconnected:
            _unsent.labels(self.kind, spec_of(event).tag).inc()
        self._progress_at = time.monotonic()

    async def command(self, event: Event) -> None:
        """Send `event` until whoever owns its handling acknowledges it; raises `CommandFailed`.

        Every try carries the same seq, so a receiver that already has it acknowledges without acting twice.
        """
        await command(self._bus, spec_of(event).tag, *self._seal(event))

    def _seal(self, event: Event) -> tuple[str, bytes, dict[str, str] | None]:
        spec = spec_of(event)
        seq = self._seqs.get(spec.tag, 0) + 1
        data = codec.encode(msgspec.structs.replace(event, epoch=self.epoch, seq=seq))
        self._seqs[spec.tag] = seq
        headers: dict[str, str] | None = None
        if not spec.media or self._begins_stream(spec, event):
            headers = {"Av-V": SCHEMA_MAJOR, "Av-Src": self.kind, "Av-Ts": str(time.time_ns())}
            telemetry.inject(headers)
        return ids.event_subject(self.id, spec.tag), data, headers

    def _begins_stream(self, spec: Spec, event: Event) -> bool:
        """Whether a media event is the first of its reply, or of its kind where it belongs to none."""
        reply: int = getattr(event, "reply", 0)
        first = self._streams.get(spec.tag) != reply
        self._streams[spec.tag] = reply
        return first

    async def report(self, code: str, message: str, hint: str = "", *, turn: int = 0, reply: int = 0) -> None:
        """Tell the user that something failed, as an error.raised event."""
        logger.warning("error.raised", code=code, turn=turn, reply=reply)
        event = ErrorRaised(
            service=self.kind, code=code[:120], message=message[:2_000], hint=hint[:1_000], turn=turn, reply=reply
        )
        with contextlib.suppress(BusError, ContractError):
            await self.publish(event)

    # --- running -----------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` for as long as the session lives; a failure is logged and reported."""
        task = asyncio.create_task(work, name=f"{self.kind} {self.id} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        logger.error("task.failed", task=task.get_name(), exc_info=task.exception())
        self.spawn(self.report("task.failed", f"{task.get_name()} failed: {task.exception()}"), "report")

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Wrap engine work, so that an engine that hangs can be told from one with nothing to do."""
        if not self._busy:
            self._progress_at = time.monotonic()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    @property
    def stalled_s(self) -> float:
        """Seconds of engine work without any event published; 0 when idle."""
        return time.monotonic() - self._progress_at if self._busy else 0.0
