"""The session's workers: claims one of each kind, watches them, replaces what dies, hangs or leaves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from avatar_contracts import (
    Claim,
    Claimed,
    ContractError,
    Exchange,
    Kind,
    Pending,
    Ping,
    Pong,
    Refused,
    Release,
    SessionConfig,
    WorkerLease,
    decode_control,
    encode_control,
    ids,
)
from avatar_contracts.control import Control
from avatar_edge.settings import EdgeSettings
from avatar_runtime import log, metrics
from avatar_runtime.bus import Bus, BusDisconnected, BusError, NoResponders, RequestTimeout

KINDS: tuple[Kind, ...] = ("asr", "llm", "tts", "face")
PING_TIMEOUT_S = 0.25
FAR_PING_TIMEOUT_S = 1.0
"""The same on a link whose round trips take longer than a quarter of the first."""
_NOBODY = "nobody"
"""A worker there never is: to ask for it is to ask the server whether it is there."""
QUIET_S = 0.5
"""Nobody has answered for this long: it was the link that stalled."""
RETRY_S = (0.05, 0.1, 0.2, 0.4)
"""Pauses between claims nobody takes; the last one repeats."""
RETURN_S = 1.0
"""After the bus came back its workers get this long to come back too, before their silence counts."""
RELEASE_TIMEOUT_S = 0.5
MISSING_AFTER_S = 2.0
"""How long nobody takes a claim before the person is told."""

WORDS: dict[Kind, str] = {"asr": "ears", "llm": "mind", "tts": "voice", "face": "face"}

_claims = metrics.counter("avatar_edge_claims_total", "Claims for workers", ["stage", "outcome"])
_replaced = metrics.counter("avatar_edge_replacements_total", "Workers replaced", ["stage", "outcome"])

logger = log.get(__name__)


class Owner(Protocol):
    """What the workers' keeper needs of the call it serves."""

    def floors(self, kind: Kind) -> tuple[int, int]:
        """The turn and the reply that lie behind a new worker of `kind`."""

    def transcript(self) -> tuple[Exchange, ...]:
        """What has been said and heard so far."""

    def pending(self) -> Pending | None:
        """The turn a new mind is to answer first."""

    def config(self) -> SessionConfig:
        """What the person chose."""

    def frame_at(self) -> float | None:
        """Edge clock of the newest frame from the face."""

    def answering(self) -> bool:
        """Whether a reply is awaited or being played."""

    async def workers_changed(self, leases: tuple[WorkerLease, ...]) -> None:
        """A worker was claimed or lost."""

    async def worker_lost(self, kind: Kind, why: str) -> None:
        """A worker died or hung; called before another one is claimed."""

    async def tell(self, code: str, message: str, hint: str) -> None:
        """Something the person should know."""


@dataclass
class _Place:
    """One kind's seat: who holds it now and how that is going.

    `tried` is the newest epoch ever asked for; `linked`: the link was known to carry something before the newest ping.
    """

    tried: int = 0
    worker: str = ""
    since: float = 0.0
    answered_at: float = 0.0
    draining_since: float | None = None
    misses: int = 0
    missing: bool = False
    linked: bool = True


class Workers:
    """Keeps one worker of each kind for as long as it runs.

    Attributes:
        leases: The workers held now, by kind.
    """

    def __init__(
        self,
        bus: Bus,
        session_id: str,
        settings: EdgeSettings,
        owner: Owner,
        *,
        on_round_trip: Callable[[Kind, float, bool], None] = lambda _kind, _seconds, _answered: None,
    ) -> None:
        """`on_round_trip(kind, seconds, answered)` is told of every ping, also of one not answered by then."""
        self.leases: dict[Kind, WorkerLease] = {}
        self._bus = bus
        self._session_id = session_id
        self._settings = settings
        self._owner = owner
        self._on_round_trip = on_round_trip
        self._places: dict[Kind, _Place] = {kind: _Place() for kind in KINDS}
        self._connected_at = 0.0
        self._answered_at = 0.0  # any kind
        self._trip_s = 0.0
        self._forget_bus = bus.on_state(self._on_bus)

    async def keep(self, kind: Kind) -> None:
        """Hold a worker of `kind` for ever; run one per kind as a task."""
        place = self._places[kind]
        while True:
            try:
                if not place.worker:
                    await self._claim_until_held(kind, place)
                why = await self._watch(kind, place)
                await self._replace(kind, place, why)
            except Exception:  # without its keeper a kind would be lost for the rest of the call
                logger.exception("keeper.failed", kind=kind)
                await asyncio.sleep(RETRY_S[-1])

    async def release(self) -> None:
        """Give every worker back; done once."""
        self._forget_bus()
        await asyncio.gather(*(self._release(kind, lease.worker, lease.epoch) for kind, lease in self.leases.items()))
        self.leases.clear()

    @property
    def missing(self) -> list[Kind]:
        """Kinds without a worker."""
        return [kind for kind in KINDS if kind not in self.leases]

    def epoch(self, kind: Kind) -> int:
        """The lease of the worker of `kind` that is held now, 0 without one."""
        lease = self.leases.get(kind)
        return lease.epoch if lease is not None else 0

    def _on_bus(self, connected: bool) -> None:
        if connected:
            self._connected_at = time.perf_counter()

    # --- claiming ----------------------------------------------------------------------------------------------

    async def _claim_until_held(self, kind: Kind, place: _Place) -> None:
        since = time.perf_counter()
        while not await self._claim(kind, place):
            _notice_cancellation()
            place.misses += 1
            waited_s = time.perf_counter() - max(since, self._connected_at)
            if waited_s > MISSING_AFTER_S and not place.missing and self._bus.connected:
                place.missing = True
                await self._owner.tell(
                    f"{kind}.missing",
                    f"no {WORDS[kind]}: no {kind} service with room answers on the bus",
                    f"start one with `avatar up {kind}`; it is used as soon as it is there",
                )
            await asyncio.sleep(RETRY_S[min(place.misses, len(RETRY_S)) - 1])
        if place.missing:
            place.missing = False
            await self._owner.tell(f"{kind}.back", f"the {WORDS[kind]} {'are' if kind == 'asr' else 'is'} back", "")
        place.misses = 0

    async def _claim(self, kind: Kind, place: _Place) -> bool:
        """One claim. Every try has an epoch of its own: a worker that answers too late holds nothing."""
        place.tried += 1
        epoch = place.tried
        turn, reply = self._owner.floors(kind)
        claim = Claim(
            session=self._session_id,
            kind=kind,
            epoch=epoch,
            config=self._owner.config(),
            turn=turn,
            reply=reply,
            transcript=self._owner.transcript(),
            pending=self._owner.pending() if kind == "llm" else None,
        )
        answer = await self._ask(ids.claim_subject(kind), claim, self._settings.claim_timeout_s)
        if not isinstance(answer, Claimed):
            outcome = "refused" if isinstance(answer, Refused) else "unanswered"
            if isinstance(answer, Refused):
                logger.info("claim.refused", kind=kind, worker=answer.worker, reason=answer.reason, hint=answer.hint)
            _claims.labels(kind, outcome).inc()
            return False
        _claims.labels(kind, "claimed").inc()
        now = time.perf_counter()
        place.worker, place.since, place.answered_at, place.draining_since = answer.worker, now, now, None
        self.leases[kind] = WorkerLease(kind=kind, worker=answer.worker, epoch=epoch)
        logger.info("worker.claimed", kind=kind, worker=answer.worker, epoch=epoch)
        await self._owner.workers_changed(self._held())
        return True

    def _held(self) -> tuple[WorkerLease, ...]:
        return tuple(self.leases[kind] for kind in KINDS if kind in self.leases)

    # --- watching ----------------------------------------------------------------------------------------------

    async def _watch(self, kind: Kind, place: _Place) -> str:
        """Ping until the worker must be replaced; returns why."""
        while True:
            _notice_cancellation()
            sent_at = time.perf_counter()
            why = await self._ping(kind, place)
            if why:
                return why
            await asyncio.sleep(max(0.01, self._settings.ping_s - (time.perf_counter() - sent_at)))

    async def _ping(self, kind: Kind, place: _Place) -> str:
        subject = ids.worker_subject(kind, place.worker, "ping")
        sent_at = time.perf_counter()
        timeout_s = min(FAR_PING_TIMEOUT_S, max(PING_TIMEOUT_S, 4.0 * self._trip_s))
        try:
            message = await self._bus.request(
                subject, encode_control(Ping(session=self._session_id, epoch=self.epoch(kind))), timeout_s=timeout_s
            )
            pong = decode_control(message.data)
        except BusDisconnected:
            place.answered_at = time.perf_counter()  # nothing can be known of it now
            return ""
        except NoResponders:
            back_for_s = time.perf_counter() - self._connected_at
            return "" if back_for_s < RETURN_S else "died"
        except RequestTimeout:
            self._note_trip(kind, time.perf_counter() - sent_at, answered=False)
            linked, place.linked = place.linked, await self._link_lives(timeout_s)
            if not (linked and place.linked):
                place.answered_at = time.perf_counter()  # nothing can be known of it now
            silent_s = time.perf_counter() - max(place.answered_at, self._connected_at)
            return "hangs" if silent_s > self._settings.hang_s else ""
        except (BusError, ContractError) as error:
            logger.warning("ping.failed", kind=kind, error=str(error))
            return ""
        now = time.perf_counter()
        if self._answered_at and now - max(self._answered_at, self._connected_at) > QUIET_S:
            self._connected_at = now  # what was silent with the link has as much time as after a reconnect
        place.answered_at = self._answered_at = now
        place.linked = True
        self._note_trip(kind, now - sent_at, answered=True)
        return self._judge(kind, place, pong) if isinstance(pong, Pong) else ""

    def _note_trip(self, kind: Kind, seconds: float, *, answered: bool) -> None:
        self._trip_s = seconds if not self._trip_s else 0.8 * self._trip_s + 0.2 * seconds
        self._on_round_trip(kind, seconds, answered)

    async def _link_lives(self, within_s: float) -> bool:
        """Whether the server of the bus answers in the time a worker did not: then the silence is the worker's own."""
        subject = ids.worker_subject("tts", _NOBODY, "ping")
        try:
            await self._bus.request(
                subject, encode_control(Ping(session=self._session_id, epoch=0)), timeout_s=within_s
            )
        except NoResponders:
            return True  # said by the server
        except BusError:
            return False
        return True

    def _judge(self, kind: Kind, place: _Place, pong: Pong) -> str:
        now = time.perf_counter()
        if not pong.holds:
            return "lost the session"
        if pong.stalled_s > self._settings.stall_s:
            return "stalled"
        if pong.draining:
            if place.draining_since is None:
                place.draining_since = now
            if not self._owner.answering() or now - place.draining_since > self._settings.drain_wait_s:
                return "leaves"
        if kind == "face":
            frame_at = self._owner.frame_at()
            fresh = frame_at is not None and frame_at > place.since
            since = max(frame_at if fresh and frame_at is not None else place.since, self._connected_at)
            if now - since > (self._settings.face_gap_s if fresh else self._settings.face_first_s):
                return "sends no picture"
        return ""

    async def _replace(self, kind: Kind, place: _Place, why: str) -> None:
        """Claim another worker. One that leaves is kept until then; one that failed is given up first."""
        logger.warning("worker.replaced", kind=kind, worker=place.worker, why=why)
        _replaced.labels(kind, why.split(maxsplit=1)[0]).inc()
        worker, epoch = place.worker, self.epoch(kind)
        if why == "leaves":
            await self._take_over(kind, place, worker, epoch)
            return
        place.worker = ""
        self.leases.pop(kind, None)
        await self._owner.worker_lost(kind, why)
        await self._owner.workers_changed(self._held())
        if why != "died":  # it may still answer: do not let it work for nothing
            await self._release(kind, worker, epoch)

    async def _take_over(self, kind: Kind, place: _Place, worker: str, epoch: int) -> None:
        if await self._claim(kind, place):
            await self._release(kind, worker, epoch)
            return
        # Nobody else is there: stay with the one that leaves for as long as it stays.
        place.draining_since = time.perf_counter()
        await asyncio.sleep(RETRY_S[-1])

    async def _release(self, kind: Kind, worker: str, epoch: int) -> None:
        await self._ask(
            ids.worker_subject(kind, worker, "release"),
            Release(session=self._session_id, epoch=epoch),
            RELEASE_TIMEOUT_S,
        )

    async def _ask(self, subject: str, control: Control, timeout_s: float) -> Control | None:
        with contextlib.suppress(BusError, ContractError):
            message = await self._bus.request(subject, encode_control(control), timeout_s=timeout_s)
            return decode_control(message.data)
        return None


def _notice_cancellation() -> None:
    """Raise a cancellation that was swallowed: `asyncio.wait_for` of Python 3.11, at work in every request, may."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
