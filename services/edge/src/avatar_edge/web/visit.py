"""Visits: each open page is a call of its own, as long as its WebSocket lives."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable

import msgspec

from avatar_edge.call import Call
from avatar_edge.errors import CallNotReady
from avatar_edge.settings import EdgeSettings
from avatar_edge.web.camera import PeerCamera
from avatar_edge.web.channel import Channel
from avatar_edge.web.desk import Desk
from avatar_edge.web.feed import Feed
from avatar_edge.web.microphone import PeerMic
from avatar_edge.web.peer import Devices, OfferRefused, Peer, PeerState
from avatar_edge.web.protocol import Answer, FromPage, Hello, Offer, Problem
from avatar_edge.web.security import Allowance
from avatar_edge.web.settings import IceServer, WebSettings, ice_server
from avatar_edge.web.together import together
from avatar_edge.web.voice import PeerOut
from avatar_runtime import log, metrics
from avatar_runtime.bus import Bus, BusError

VISITS_AT_ONCE = 20
"""New visits in a short time; afterwards one every `VISIT_EVERY_S`."""
VISIT_EVERY_S = 1.0
OFFERS_AT_ONCE = 10
OFFER_EVERY_S = 2.0
_RETRY_S = 0.2

_visits = metrics.counter("avatar_edge_visits_total", "Pages that came", ["outcome"])
_open = metrics.gauge("avatar_edge_open_visits", "Pages that have a call now")

logger = log.get(__name__)


class Lobby:
    """Gives every page a call, up to a limit; the next one is told so. See `app.Door`."""

    def __init__(self, bus: Bus, video_bus: Bus, settings: WebSettings, edge: EdgeSettings) -> None:
        """The buses are shared by all visits; `edge` is what holds for their calls."""
        self._buses = (bus, video_bus)
        self._settings = settings
        self._edge = edge
        self._ice = tuple(map(ice_server, settings.ice))
        self._visits: dict[asyncio.Task[None], Channel] = {}
        self._arrivals = Allowance(VISITS_AT_ONCE, VISIT_EVERY_S)
        self._closing = False

    @property
    def visits(self) -> int:
        """Pages that have a call now."""
        return len(self._visits)

    async def enter(self, channel: Channel) -> None:
        """See `app.Door`."""
        if not self._arrivals.take(time.monotonic()):
            self._turn_away(channel, "hurried", "too many visits in a short time; wait a moment")
            return
        if self._closing:
            self._turn_away(channel, "closing", "the service is being stopped")
            return
        if len(self._visits) >= self._settings.sessions:
            who = "somebody is" if self._settings.sessions == 1 else f"{self._settings.sessions} people are"
            self._turn_away(channel, "full", f"{who} talking with the clone already, as many as it takes at a time")
            return
        task = asyncio.current_task()
        assert task is not None
        self._visits[task] = channel
        _visits.labels("let_in").inc()
        _open.set(len(self._visits))
        try:
            await Visit(channel, self._buses, self._edge, self._ice).run()
        finally:
            del self._visits[task]
            _open.set(len(self._visits))

    async def close(self) -> None:
        """End every visit."""
        self._closing = True
        for channel in self._visits.values():
            channel.bye("the service is being stopped", again=True)
            channel.hang_up()
        if self._visits:
            await asyncio.wait(set(self._visits))

    @staticmethod
    def _turn_away(channel: Channel, outcome: str, reason: str) -> None:
        _visits.labels(outcome).inc()
        channel.bye(reason, again=True)


class Visit:
    """One page and its call. What fails in it ends it, and nothing else."""

    def __init__(
        self, channel: Channel, buses: tuple[Bus, Bus], edge: EdgeSettings, ice: tuple[IceServer, ...]
    ) -> None:
        self._channel = channel
        self._disclosure = edge.disclosure
        self._ice = ice
        loop = asyncio.get_running_loop()
        self._devices = Devices(
            PeerMic(), PeerOut(), PeerCamera(lambda: _later(loop, self._call.need_keyframe), edge.bitrate_bps)
        )
        self._edge = msgspec.structs.replace(edge, disclosure="")  # it is said once somebody hears it
        self._call = Call(
            buses[0],
            self._edge,
            self._devices.mic,
            self._devices.out,
            self._devices.camera,
            video_bus=buses[1],
            units=self._devices.camera.unit,
        )
        self._peer: Peer | None = None
        self._offers = Allowance(OFFERS_AT_ONCE, OFFER_EVERY_S)
        self._newest: asyncio.Queue[Offer] = asyncio.Queue()
        self._heard = asyncio.Event()

    async def run(self) -> None:
        """Until the page is gone."""
        channel, call = self._channel, self._call
        desk, feed = Desk(call, channel.send), Feed(call, channel.send)
        try:
            async with call:
                channel.send(self._hello())
                await together(
                    channel.listen(functools.partial(self._take, desk)),
                    desk.run(),
                    feed.run(),
                    self._connect(),
                    self._disclose(),
                )
        except Exception:
            logger.exception("visit.failed", session=call.session_id)
            channel.bye("the call ended because something failed here; the log tells what", again=True)
        finally:
            await self._hang_up()

    def _hello(self) -> Hello:
        return Hello(
            session=self._call.session_id,
            media=True,
            real=False,
            width=self._edge.width,
            height=self._edge.height,
            disclosure=self._disclosure,
            ice=tuple(server.url for server in self._ice if server.url.startswith("stun:")),
        )

    def _take(self, desk: Desk, message: FromPage) -> None:
        if not isinstance(message, Offer):
            desk.ask(message)
        elif self._offers.take(time.monotonic()):
            self._newest.put_nowait(message)
        else:
            self._problem("too many offers of a media connection; wait a moment")

    async def _connect(self) -> None:
        """Answer offers one after the other; each replaces the connection before it."""
        while True:
            offer = await self._newest.get()
            if not self._newest.empty():
                continue
            await self._hang_up()
            peer = Peer(self._devices, self._ice, self._on_state)
            try:
                answer = await peer.answer(offer.sdp)
            except OfferRefused as refused:
                await peer.close()
                self._problem(str(refused))
            except BaseException:
                await peer.close()
                raise
            else:
                self._peer = peer
                self._channel.send(Answer(sdp=answer))

    async def _hang_up(self) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close()

    def _on_state(self, state: PeerState) -> None:
        logger.info("peer.state", session=self._call.session_id, state=state)
        if state == "connected":
            self._heard.set()
        else:
            self._problem("the media connection is lost; sound and picture come back with a new one")

    async def _disclose(self) -> None:
        """Say the line the person must hear first, once they can."""
        if not self._disclosure:
            return
        await self._heard.wait()
        while True:
            with contextlib.suppress(CallNotReady, BusError):
                await self._call.ready()
                await self._call.say(self._disclosure, interruptible=False)
                return
            await asyncio.sleep(_RETRY_S)

    def _problem(self, message: str) -> None:
        self._channel.send(Problem(service="page", message=message))


def _later(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop may be closing
        loop.call_soon_threadsafe(function)
