"""Who may open the page: names, origins, the token, and the headers that keep a page to itself."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from avatar_edge.web.settings import WebSettings

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "avatar_token"
GUESSES = 10
"""Wrong tokens an address may send at once; it regains one every `GUESS_EVERY_S`."""
GUESS_EVERY_S = 6.0
_OPEN = "/healthz"
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?")
_ADDRESSES = 1_024


class Allowance:
    """How often something may be done: `burst` times at once, then once every `every_s`. The caller passes the time."""

    def __init__(self, burst: float, every_s: float) -> None:
        self._burst = self._left = burst
        self._every_s = every_s
        self._at = 0.0

    def left(self, now: float) -> bool:
        """Whether it may be done now."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) / self._every_s)
        self._at = now
        return self._left >= 1.0

    def take(self, now: float) -> bool:
        """Do it once; False when it may not be done now."""
        if not self.left(now):
            return False
        self._left -= 1.0
        return True


class Guard:
    """Wraps the app: lets nobody in who has no business there, and sends every page out with the strictest headers.

    A name that is not ours in Host, which DNS rebinding needs, a foreign Origin on the WebSocket, or a missing token
    is refused before anything else is looked at.
    """

    def __init__(self, app: App, settings: WebSettings) -> None:
        self._app = app
        self._tls = bool(settings.cert)
        self._token = settings.token.encode()
        self._pass = hmac.new(self._token, b"the page of the clone", hashlib.sha256).hexdigest()
        self._names = {"localhost", *(name.lower() for name in settings.hosts)}
        if not settings.loopback:
            self._names |= {settings.bind.lower(), socket.gethostname().lower()}
        self._loopback = settings.loopback
        self._guesses: OrderedDict[str, Allowance] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        host = _only(headers, b"host")
        cookies: list[tuple[bytes, bytes]] = []
        if not self._ours(host):
            status, why = 403, "This address is not known here; add its name to [web] hosts to allow it.\n"
        elif scope["type"] == "websocket" and not _same_origin(_only(headers, b"origin"), host):
            status, why = 403, "Only the page itself may do that.\n"
        else:
            status, why = self._admit(scope, headers, cookies)
        if status != 200:
            await _refuse(scope, send, status, why)
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_headers(host), *cookies]
            await send(message)

        await self._app(scope, receive, guarded)

    def _ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower().rstrip(".")
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in self._names
        return address.is_loopback or not self._loopback or name in self._names  # no rebinding to an address

    def _admit(
        self, scope: Scope, headers: Iterable[tuple[bytes, bytes]], cookies: list[tuple[bytes, bytes]]
    ) -> tuple[int, str]:
        if not self._token or scope["path"] == _OPEN:
            return 200, ""
        if hmac.compare_digest(_cookie(headers).encode(), self._pass.encode()):
            return 200, ""
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if not given or scope["type"] == "websocket":
            return 401, "This page asks for its token: open the whole address that was given to you.\n"
        now = time.monotonic()
        guesses = self._guesses_of((scope.get("client") or ("",))[0])
        if not guesses.left(now):
            return 429, "Too many wrong tokens; wait a minute.\n"
        if not hmac.compare_digest(given.encode(), self._token):
            guesses.take(now)
            return 401, "That is not the token.\n"
        attributes = f"Path=/; HttpOnly; SameSite=Strict{'; Secure' if self._tls else ''}"
        cookies.append((b"set-cookie", f"{COOKIE}={self._pass}; {attributes}".encode()))
        return 200, ""

    def _guesses_of(self, address: str) -> Allowance:
        guesses = self._guesses.setdefault(address, Allowance(GUESSES, GUESS_EVERY_S))
        self._guesses.move_to_end(address)
        if len(self._guesses) > _ADDRESSES:
            self._guesses.popitem(last=False)
        return guesses


def _only(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The header's value; empty where it is absent or given twice."""
    values = [value for key, value in headers if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _cookie(headers: Iterable[tuple[bytes, bytes]]) -> str:
    try:
        found = SimpleCookie(_only(headers, b"cookie")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _headers(host: str) -> list[tuple[bytes, bytes]]:
    """`host` has been checked: it is a name or an address, perhaps with a port."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        f"connect-src 'self' ws://{host} wss://{host}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"permissions-policy", b"microphone=(self), camera=(), geolocation=(), display-capture=(), payment=()"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why.strip()[:120]})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"), *_headers("localhost")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why.encode()})
