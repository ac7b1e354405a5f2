"""The bus as the rest of the code sees it: subjects, bytes, requests, and what can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class BusError(Exception):
    """Base of everything a bus raises."""


class BusDisconnected(BusError):
    """The server is away. Nothing was buffered: live media that comes late is worse than none."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"the bus is away, {subject} was not sent; it reconnects by itself")
        self.subject = subject


class NoResponders(BusError):
    """Nobody listens on the subject of a request."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"nobody answers on {subject}")
        self.subject = subject


class RequestTimeout(BusError):
    """Somebody listens but did not answer in time."""

    def __init__(self, subject: str, timeout_s: float) -> None:
        super().__init__(f"no answer on {subject} within {timeout_s * 1000:.0f} ms")
        self.subject = subject
        self.timeout_s = timeout_s


class PublishDenied(BusError):
    """The server's permissions forbid this client to publish there."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"this client's credentials do not allow publishing to {subject}: check the keys it uses")
        self.subject = subject


class CommandFailed(BusError):
    """An acknowledged command got no acknowledgement, retries included."""

    def __init__(self, tag: str, why: str) -> None:
        super().__init__(f"{tag} was not taken: {why}")
        self.tag = tag


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `reply` is where to answer, empty when nobody waits."""

    subject: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    reply: str = ""


class Subscription(Protocol):
    """A running subscription."""

    async def unsubscribe(self) -> None:
        """Stop; messages already handed to the callback stay handed."""


class Bus(Protocol):
    """Publish, subscribe and request over subjects.

    Callbacks are synchronous and only enqueue: a slow consumer must never hold up the reader of the connection.
    """

    @property
    def connected(self) -> bool:
        """Whether a publish would reach the server now."""

    def on_state(self, callback: Callable[[bool], None]) -> Callable[[], None]:
        """Call `callback` with True or False at every change of `connected`, until what is returned is called."""

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """Send once, now. Raises `BusDisconnected` or `PublishDenied`."""

    async def subscribe(self, subject: str, callback: Callable[[Message], None], *, queue: str = "") -> Subscription:
        """Hear a subject (``*`` and ``>`` match as in NATS); members of a `queue` group share the messages."""

    async def request(
        self,
        subject: str,
        data: bytes,
        *,
        timeout_s: float = 0.25,
        headers: Mapping[str, str] | None = None,
    ) -> Message:
        """Send and wait for one answer. Raises `NoResponders`, `RequestTimeout`, `BusDisconnected`, `PublishDenied`."""

    async def flush(self) -> None:
        """Return when the server has handled everything sent so far, subscriptions included; at once while away.

        Raises `BusDisconnected` when the connection breaks meanwhile.
        """

    async def announce(self, name: str, metadata: Mapping[str, str]) -> None:
        """Register as a discoverable service instance."""

    async def close(self) -> None:
        """Leave the bus; never raises."""
