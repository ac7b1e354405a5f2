"""The bus over a real NATS server: nats-py with the defaults a live call needs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.micro import add_service

from avatar_runtime import log
from avatar_runtime.bus import BusDisconnected, BusError, Message, NoResponders, PublishDenied, RequestTimeout
from avatar_runtime.settings import BusSettings

MINIMUM_SERVER = (2, 11)
"""Older servers let one frozen subscriber delay the others by seconds."""
_DENIED = re.compile(r'permissions violation for publish to "([^"]+)"', re.IGNORECASE)

logger = log.get(__name__)


@dataclass(eq=False)
class _Subscribed:
    """A subscription that outlives the client object it currently runs on."""

    bus: NatsBus
    subject: str
    callback: Callable[[Message], None]
    queue: str
    running: Subscription | None = None

    async def start(self, client: Client) -> None:
        async def forward(message: Msg) -> None:
            self.callback(Message(message.subject, message.data, message.headers or {}, message.reply))

        self.running = await client.subscribe(self.subject, queue=self.queue, cb=forward)

    async def unsubscribe(self) -> None:
        self.bus.forget(self)
        if self.running is not None and self.bus.connected:
            await self.running.unsubscribe()


def _read_seed(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").strip()


class NatsBus:
    """See `avatar_runtime.bus.Bus`. It reconnects for ever, and nothing sent while away is delivered late."""

    def __init__(self, settings: BusSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._client = Client()
        self._subscriptions: list[_Subscribed] = []
        self._state_callbacks: list[Callable[[bool], None]] = []
        self._denied: set[str] = set()
        self._last_error = ""
        self._closing = False
        self._rebuild: asyncio.Task[None] | None = None
        self._announced: tuple[str, Mapping[str, str]] | None = None

    @classmethod
    async def connect(cls, settings: BusSettings, name: str) -> NatsBus:
        """Connect, waiting for a server that is away as long as the settings say.

        Raises:
            BusError: Nothing answered in time, or the server is too old.
        """
        bus = cls(settings, name)
        try:
            async with asyncio.timeout(settings.connect_timeout_s or None):
                await bus._open()
        except TimeoutError:
            await bus.close()
            raise BusError(
                f"no NATS server answers at {settings.url}: start one with `make up`, or correct the URL"
            ) from None
        return bus

    async def _open(self) -> None:
        settings = self._settings
        credentials: dict[str, Any] = {}
        if settings.user:
            credentials |= {"user": settings.user, "password": settings.password}
        if settings.token:
            credentials["token"] = settings.token
        if settings.nkey_seed_file:
            credentials["nkeys_seed_str"] = await asyncio.to_thread(_read_seed, settings.nkey_seed_file)
        await self._client.connect(
            settings.url,
            name=self._name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            connect_timeout=2,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,
            ping_interval=5,
            max_outstanding_pings=2,
            inbox_prefix=f"_INBOX_{self._name.replace('/', '_')}",
            **credentials,
        )
        version = self._client.connected_server_version
        if (version.major, version.minor) < MINIMUM_SERVER:
            await self.close()
            raise BusError(
                f"the server at {settings.url} is nats-server {version.major}.{version.minor}, "
                f"at least {MINIMUM_SERVER[0]}.{MINIMUM_SERVER[1]} is needed: run the one `make up` starts"
            )
        self._last_error = ""

    async def _on_error(self, error: Exception) -> None:
        if denied := _DENIED.search(str(error)):
            self._denied.add(denied[1])
        text = str(error) or type(error).__name__
        if text != self._last_error:  # once per change: a server that is away repeats itself four times a second
            self._last_error = text
            logger.warning("bus.error", error=text, url=self._settings.url)

    async def _on_disconnected(self) -> None:
        if not self._closing:
            logger.warning("bus.away", url=self._settings.url)
            self._tell(connected=False)

    async def _on_reconnected(self) -> None:
        self._last_error = ""
        logger.info("bus.back", url=self._settings.url)
        self._tell(connected=True)

    async def _on_closed(self) -> None:
        # nats-py gives up for good on some server errors; a service must come back from every one of them.
        if not self._closing:
            self._rebuild = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        await asyncio.sleep(0.25)
        self._client = Client()
        await self._open()
        for subscription in list(self._subscriptions):
            await subscription.start(self._client)
        if self._announced:
            await self.announce(*self._announced)
        await self._on_reconnected()

    def _tell(self, *, connected: bool) -> None:
        for callback in self._state_callbacks:
            callback(connected)

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return bool(self._client.is_connected)

    def on_state(self, callback: Callable[[bool], None]) -> None:
        """See `Bus.on_state`."""
        self._state_callbacks.append(callback)

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """See `Bus.publish`."""
        self._check(subject)
        try:
            await self._client.publish(subject, data, reply=reply, headers=dict(headers) if headers else None)
        except nats.errors.Error as error:
            raise self._translate(error, subject) from error

    def _check(self, subject: str) -> None:
        if subject in self._denied:
            raise PublishDenied(subject)
        if not self.connected:  # nats-py would buffer and deliver it late
            raise BusDisconnected(subject)

    @staticmethod
    def _translate(error: nats.errors.Error, subject: str) -> BusError:
        if isinstance(error, nats.errors.ConnectionClosedError | nats.errors.ConnectionDrainingError):
            return BusDisconnected(subject)
        return BusError(f"{subject} was not sent: {error}")

    async def subscribe(self, subject: str, callback: Callable[[Message], None], *, queue: str = "") -> _Subscribed:
        """See `Bus.subscribe`."""
        subscription = _Subscribed(self, subject, callback, queue)
        self._subscriptions.append(subscription)
        await subscription.start(self._client)
        return subscription

    def forget(self, subscription: _Subscribed) -> None:
        """Stop restoring a subscription after a reconnect."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    async def request(
        self,
        subject: str,
        data: bytes,
        *,
        timeout_s: float = 0.25,
        headers: Mapping[str, str] | None = None,
    ) -> Message:
        """See `Bus.request`."""
        self._check(subject)
        try:
            answer = await self._client.request(
                subject, data, timeout=timeout_s, headers=dict(headers) if headers else None
            )
        except nats.errors.NoRespondersError:
            raise NoResponders(subject) from None
        except (nats.errors.TimeoutError, TimeoutError):
            if subject in self._denied:
                raise PublishDenied(subject) from None
            raise RequestTimeout(subject, timeout_s) from None
        except nats.errors.Error as error:
            raise self._translate(error, subject) from error
        return Message(answer.subject, answer.data, answer.headers or {}, answer.reply)

    async def flush(self) -> None:
        """See `Bus.flush`."""
        if self.connected:
            await self._client.flush()

    async def announce(self, name: str, metadata: Mapping[str, str]) -> None:
        """Register with NATS micro, so that ``$SRV.INFO`` lists this instance with `metadata`."""
        self._announced = (name, metadata)
        await add_service(self._client, name=name, version="0.1.0", metadata=dict(metadata))

    async def close(self) -> None:
        """See `Bus.close`."""
        self._closing = True
        if self._rebuild is not None:
            self._rebuild.cancel()
        try:
            await self._client.close()
        except (nats.errors.Error, OSError) as error:  # closing while disconnected can raise
            logger.debug("bus.close", error=str(error))
