"""The bus over a real NATS server: nats-py with the defaults a live call needs."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats.errors
import nkeys
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.micro import add_service

from avatar_runtime import log, metrics
from avatar_runtime.bus import BusDisconnected, BusError, Message, NoResponders, PublishDenied, RequestTimeout
from avatar_runtime.settings import BusSettings

MINIMUM_SERVER = (2, 11)
"""Older servers let one frozen subscriber delay the others by seconds."""
RECONNECT_WAIT_S = 0.25
CLOGGED_BYTES = 1024 * 1024
"""More than this unsent means the connection takes nothing: two of the largest frames."""
PROBE_EVERY_S = 1.0
DEAD_AFTER_S = 4.0
"""A connection on which a ping is not answered for this long is dead, though nobody has closed it."""
FLUSH_S = 2.0
CLOSE_S = 1.0
_DENIED = re.compile(r'permissions violation for publish to "([^"]+)"', re.IGNORECASE)

_bad_headers = metrics.counter("avatar_bus_bad_headers_total", "Messages whose headers could not be read")

logger = log.get(__name__)


class _Client(Client):  # type: ignore[misc]  # nats-py is checked without its own annotations
    """A client that survives headers nobody can read."""

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        # nats-py ends its reader for some of them and is then deaf for 15 s. The message goes on without its headers.
        try:
            found: dict[str, str] | None = await super()._process_headers(headers)
        except (ValueError, IndexError):
            _bad_headers.inc()
            return None
        return found


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
        running, self.running = self.running, None
        if running is not None:
            # While away this only makes the client forget it. A client that has closed hears nothing any more anyway.
            with contextlib.suppress(nats.errors.Error):
                await running.unsubscribe()


def _read_seed(path: str) -> str:
    try:
        seed = Path(path).read_text(encoding="ascii").strip()
        nkeys.from_seed(bytearray(seed, "ascii")).wipe()
    except (OSError, UnicodeDecodeError) as error:
        raise BusError(f"bus.nkey_seed_file {path} cannot be read: {error}") from error
    except Exception as error:  # nkeys raises many kinds for a string that is no seed
        raise BusError(f"bus.nkey_seed_file {path} does not hold the seed of an nkey user") from error
    return seed


class NatsBus:
    """See `avatar_runtime.bus.Bus`. It reconnects for ever, and nothing sent while away is delivered late."""

    def __init__(self, settings: BusSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._client: Client = _Client()
        self._subscriptions: list[_Subscribed] = []
        self._state_callbacks: list[Callable[[bool], None]] = []
        self._denied: set[str] = set()
        self._last_error = ""
        self._opened = False
        self._told = True
        self._closing = False
        self._rebuild: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._announced: tuple[str, Mapping[str, str]] | None = None

    @classmethod
    async def connect(cls, settings: BusSettings, name: str) -> NatsBus:
        """Connect, waiting for a server that is away as long as the settings say.

        Raises:
            BusError: Nothing answered in time, the server refuses the credentials, or it is too old.
        """
        bus = cls(settings, name)
        credentials = await bus._credentials()
        try:
            async with asyncio.timeout(settings.connect_timeout_s or None):
                await bus._open(credentials)
        except TimeoutError:
            await bus.close()
            raise BusError(
                f"no NATS server answers at {settings.url}: start one with `make up`, or correct the URL"
            ) from None
        except BusError:
            await bus.close()
            raise
        except nats.errors.Error as error:
            raise BusError(f"bus.url {settings.url!r} cannot be used: {error}") from error
        bus._opened = True
        bus._probing = asyncio.create_task(bus._probe(), name="bus probe")
        return bus

    async def _credentials(self) -> dict[str, Any]:
        settings = self._settings
        found: dict[str, Any] = {}
        if settings.user:
            found |= {"user": settings.user, "password": settings.password}
        if settings.token:
            found["token"] = settings.token
        if settings.nkey_seed_file:
            found["nkeys_seed_str"] = await asyncio.to_thread(_read_seed, settings.nkey_seed_file)
        return found

    async def _open(self, credentials: dict[str, Any]) -> None:
        settings = self._settings
        await self._client.connect(
            [url.strip() for url in settings.url.split(",")],
            name=self._name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            connect_timeout=2,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT_S,
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

    async def _probe(self) -> None:
        """Cut a connection that died without a word, as after a change of network or a laptop's sleep.

        nats-py's own pings do not help: it then closes the socket and waits until all that is unsent has been sent.
        """
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            if not self.connected:
                continue
            client = self._client
            try:
                async with asyncio.timeout(DEAD_AFTER_S):
                    await client.flush(timeout=DEAD_AFTER_S)
            except (TimeoutError, nats.errors.TimeoutError):
                logger.warning("bus.dead", url=self._settings.url, silent_s=DEAD_AFTER_S)
                self._cut(client)
            except (nats.errors.Error, OSError):  # it broke meanwhile, and nats-py knows
                continue

    @staticmethod
    def _cut(client: Client) -> None:
        """End the connection at once, unsent bytes and all; nats-py then reconnects unless it is closing."""
        writer = getattr(client._transport, "_io_writer", None)  # noqa: SLF001 - nats-py offers no other way
        if writer is not None:
            writer.transport.abort()

    async def _on_error(self, error: Exception) -> None:
        if denied := _DENIED.search(str(error)):
            self._denied.add(denied[1])
        text = str(error) or type(error).__name__
        if not self._opened and "authorization" in text.lower():
            # nats-py would try again for ever; raised from here, it ends the connect that is going on.
            raise BusError(
                f"the NATS server at {self._settings.url} refuses this client's credentials: check bus.user, "
                "bus.password, bus.token and bus.nkey_seed_file"
            )
        if text != self._last_error:  # once per change: a server that is away repeats itself four times a second
            self._last_error = text
            logger.warning("bus.error", error=text, url=self._settings.url)

    async def _on_disconnected(self) -> None:
        self._denied.clear()  # permissions may be others next time
        # What was not written yet would be sent after the reconnect, when it is stale.
        self._client._pending.clear()  # noqa: SLF001 - nats-py offers no other way
        self._client._pending_data_size = 0  # noqa: SLF001
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
        while True:
            await asyncio.sleep(RECONNECT_WAIT_S)
            self._client = _Client()
            try:
                await self._open(await self._credentials())
                for subscription in list(self._subscriptions):
                    await subscription.start(self._client)
                if self._announced:
                    await self.announce(*self._announced)
            except (nats.errors.Error, BusError, OSError) as error:
                logger.warning("bus.reopen_failed", error=str(error), url=self._settings.url)
            else:
                await self._on_reconnected()
                return

    def _tell(self, *, connected: bool) -> None:
        if connected == self._told:
            return
        self._told = connected
        for callback in tuple(self._state_callbacks):
            callback(connected)

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return bool(self._client.is_connected)

    def on_state(self, callback: Callable[[bool], None]) -> Callable[[], None]:
        """See `Bus.on_state`."""
        self._state_callbacks.append(callback)
        return lambda: self._state_callbacks.remove(callback)

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
        # nats-py would buffer and deliver late: up to 2 MB while away, and then make the caller wait.
        if not self.connected or self._client.pending_data_size > CLOGGED_BYTES:
            raise BusDisconnected(subject)

    @staticmethod
    def _translate(error: nats.errors.Error, subject: str) -> BusError:
        if isinstance(error, nats.errors.ConnectionClosedError | nats.errors.ConnectionDrainingError):
            return BusDisconnected(subject)
        return BusError(f"{subject} was not sent: {error}")

    async def subscribe(self, subject: str, callback: Callable[[Message], None], *, queue: str = "") -> _Subscribed:
        """See `Bus.subscribe`."""
        if self._closing:
            raise BusDisconnected(subject)
        subscription = _Subscribed(self, subject, callback, queue)
        self._subscriptions.append(subscription)
        with contextlib.suppress(nats.errors.ConnectionClosedError):  # it starts with the next connection
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
        """See `Bus.flush`. Raises `BusDisconnected` when the connection breaks meanwhile."""
        if not self.connected:
            return
        try:
            # Alone, nats-py's flush sends its ping ahead of commands that are still pending.
            await self._client._flush_pending(force_flush=True)  # noqa: SLF001 - nats-py offers no other way
            await self._client.flush(timeout=FLUSH_S)
        except (nats.errors.Error, TimeoutError) as error:
            raise BusDisconnected("a flush") from error

    async def announce(self, name: str, metadata: Mapping[str, str]) -> None:
        """Register with NATS micro, so that ``$SRV.INFO`` lists this instance with `metadata`."""
        self._announced = (name, metadata)
        await add_service(self._client, name=name, version="0.1.0", metadata=dict(metadata))
        await self.flush()

    async def close(self) -> None:
        """See `Bus.close`."""
        self._closing = True
        for task in (self._rebuild, self._probing):
            if task is not None:
                task.cancel()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._client.close()
        except TimeoutError:  # it waits for a peer that takes nothing
            self._cut(self._client)
        except (nats.errors.Error, OSError) as error:  # closing while disconnected can raise
            logger.debug("bus.close", error=str(error))
