"""The worker's side of claim, lease and release: which sessions it serves, and until when."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from avatar_contracts import (
    Ack,
    Claim,
    Claimed,
    Kind,
    Ping,
    Pong,
    Refused,
    Release,
    decode_control,
    encode_control,
    ids,
)
from avatar_contracts.control import Control
from avatar_contracts.errors import ContractError
from avatar_runtime import log, metrics
from avatar_runtime.bus import Bus, BusError, Message, Subscription
from avatar_runtime.session import RECEIVED, Session

C = TypeVar("C", Ping, Release)

LEASE_S = 3.0
"""A session whose edge has not pinged for this long is freed; edges ping every 100 ms."""

_held = metrics.gauge("avatar_sessions", "Sessions held by this worker", ["service"])
_claims = metrics.counter("avatar_claims_total", "Claims answered", ["service", "outcome"])

logger = log.get(__name__)


class Worker(Protocol):
    """What a service makes for each session; it holds all state of that session."""

    async def close(self) -> None:
        """Free everything; called once, after the session has stopped hearing events."""


@dataclass
class _Held:
    session: Session
    worker: Worker
    until: float = field(default_factory=lambda: asyncio.get_running_loop().time() + LEASE_S)


class Leases:
    """Answers claims, pings and releases for one worker; closes sessions whose edge is gone."""

    def __init__(self, bus: Bus, kind: Kind, worker: str, capacity: int, make: Callable[[Session], Worker]) -> None:
        self._bus = bus
        self._kind = kind
        self.worker = ids.check_worker_id(worker)
        self._capacity = capacity
        self._make = make
        self._held: dict[str, _Held] = {}
        self._lock = asyncio.Lock()
        self._claiming: Subscription | None = None
        self._control: list[Subscription] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.draining = False

    async def open(self) -> None:
        """Begin to take sessions."""
        for verb, handler in (("ping", self._on_ping), ("release", self._on_release)):
            subject = ids.worker_subject(self._kind, self.worker, verb)
            self._control.append(await self._bus.subscribe(subject, handler))
        self._spawn(self._expire())
        await self._update_queue()

    async def drain(self, patience_s: float) -> None:
        """Take no more, let the edges move their sessions away, and close what is left after `patience_s`."""
        self.draining = True
        await self._update_queue()
        if self._bus.connected:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._empty.wait()
        for session_id in list(self._held):
            await self._free(session_id, "drained")
        for subscription in self._control:
            await subscription.unsubscribe()
        for task in self._tasks:
            task.cancel()

    async def _update_queue(self) -> None:
        """Stand in the claim queue exactly while there is room: a full worker must not swallow claims."""
        room = not self.draining and len(self._held) < self._capacity
        if room and self._claiming is None:
            subject = ids.claim_subject(self._kind)
            self._claiming = await self._bus.subscribe(subject, self._on_claim, queue=self._kind)
            with contextlib.suppress(BusError):  # away meanwhile: the queue is joined when it is back
                await self._bus.flush()
        elif not room and self._claiming is not None:
            claiming, self._claiming = self._claiming, None
            await claiming.unsubscribe()
        _held.labels(self._kind).set(len(self._held))
        if self._held:
            self._empty.clear()
        else:
            self._empty.set()

    def _on_claim(self, message: Message) -> None:
        self._spawn(self._answer_claim(message))

    async def _answer_claim(self, message: Message) -> None:
        try:
            claim = decode_control(message.data)
            if not isinstance(claim, Claim) or claim.kind != self._kind:
                raise ContractError(f"a claim for {self._kind} was expected")
            ids.check_session_id(claim.session)
        except ContractError as error:
            await self._reply(message, Refused(worker=self.worker, reason="malformed", hint=str(error)[:120]))
            return
        async with self._lock:
            if self.draining or (claim.session not in self._held and len(self._held) >= self._capacity):
                await self._reply(message, Refused(worker=self.worker, reason="full"))
                return
            held = self._held.get(claim.session)
            if held is not None and claim.epoch < held.session.epoch:  # it was overtaken by the edge's next claim
                await self._reply(message, Refused(worker=self.worker, reason="stale"))
                return
            if held is not None and claim.epoch == held.session.epoch:  # sent twice; the first one stands
                await self._reply(message, Claimed(worker=self.worker, lease_s=LEASE_S))
                return
            await self._free(claim.session, "claimed again")
            try:
                await self._take(claim)
            except Exception as error:
                logger.exception("session.refused", session=claim.session)
                await self._reply(message, Refused(worker=self.worker, reason="failed", hint=str(error)[:120]))
                return
        await self._reply(message, Claimed(worker=self.worker, lease_s=LEASE_S))

    async def _take(self, claim: Claim) -> None:
        session = Session(self._bus, claim.session, self._kind, claim.epoch, claim)
        worker: Worker | None = None
        try:
            worker = self._make(session)
            await session.start()
        except Exception:
            await self._end(session, worker)
            raise
        self._held[claim.session] = _Held(session, worker)
        await self._update_queue()
        logger.info("session.claimed", session=claim.session, epoch=claim.epoch)

    async def _reply(self, message: Message, answer: Control) -> None:
        outcome = answer.reason if isinstance(answer, Refused) else "claimed"
        _claims.labels(self._kind, outcome).inc()
        await self._answer(message, answer)

    async def _answer(self, message: Message, answer: Control) -> None:
        if not message.reply:
            return
        try:
            await self._bus.publish(message.reply, encode_control(answer))
        except BusError as error:
            logger.warning("answer.unsent", error=str(error))

    def _on_ping(self, message: Message) -> None:
        ping = self._decode(message, Ping)
        if ping is None:
            return
        held = self._held.get(ping.session)
        holds = held is not None and held.session.epoch == ping.epoch
        if held is not None and holds:
            held.until = asyncio.get_running_loop().time() + LEASE_S
        stalled_s = held.session.stalled_s if held is not None else 0.0
        self._spawn(self._answer(message, Pong(holds=holds, draining=self.draining, stalled_s=stalled_s)))

    def _on_release(self, message: Message) -> None:
        release = self._decode(message, Release)
        if release is not None:
            self._spawn(self._release(message, release))

    async def _release(self, message: Message, release: Release) -> None:
        async with self._lock:
            held = self._held.get(release.session)
            if held is not None and held.session.epoch == release.epoch:
                await self._free(release.session, "released")
        await self._answer(message, Ack())

    def _decode(self, message: Message, expected: type[C]) -> C | None:
        """The control message; anything else is counted and dropped."""
        verb = message.subject.rsplit(".", 1)[-1]
        try:
            control = decode_control(message.data)
            if not isinstance(control, expected):
                raise ContractError(f"a {verb} was expected")
        except ContractError as error:
            RECEIVED.labels(self._kind, verb, "malformed").inc()
            logger.debug("control.malformed", verb=verb, error=str(error))
            return None
        RECEIVED.labels(self._kind, verb, "taken").inc()
        return control

    async def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LEASE_S / 6)
            for session_id, held in list(self._held.items()):
                if not self._bus.connected:  # no ping can come: the edge may be well, and its history is worth keeping
                    held.until = loop.time() + LEASE_S
                elif loop.time() > held.until:
                    async with self._lock:
                        # While this waited, the edge may have come back with a ping or a new claim.
                        if self._held.get(session_id) is held and loop.time() > held.until:
                            await self._free(session_id, "expired")

    async def _free(self, session_id: str, reason: str) -> None:
        held = self._held.pop(session_id, None)
        if held is None:
            return
        await self._end(held.session, held.worker)
        logger.info("session.freed", session=session_id, reason=reason)
        await self._update_queue()

    @staticmethod
    async def _end(session: Session, worker: Worker | None) -> None:
        for end in (session, worker):
            try:
                if end is not None:
                    await end.close()
            except Exception:
                logger.exception("session.close_failed", session=session.id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("lease.task_failed", exc_info=task.exception())
