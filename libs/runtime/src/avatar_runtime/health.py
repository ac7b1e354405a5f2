"""/healthz, /readyz and /metrics of one service, on loopback, served from a thread of their own.

The thread answers also while the event loop is stuck: that is what /healthz is for.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from avatar_runtime import log, metrics
from avatar_runtime.settings import SettingsError

_log = log.get(__name__)

HOST = "127.0.0.1"
HEARTBEAT_S = 0.5
ALIVE_S = 2.0
"""A heartbeat older than this means the event loop is stuck."""


class Health:
    """The health endpoints of a service; use it as an async context manager around its work.

    Attributes:
        port: The port it listens on, once the context is entered.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        needs: Iterable[str] = (),
        alive_s: float = ALIVE_S,
        registry: CollectorRegistry = metrics.REGISTRY,
    ) -> None:
        """Nothing listens until the context is entered; that raises `SettingsError` when the port is taken.

        Args:
            port: 0 takes any free port.
            needs: What must be marked there before /readyz says 200.
            alive_s: Oldest heartbeat of the event loop that /healthz calls alive.
            registry: What /metrics shows.
        """
        self.port = port
        self._needs = dict.fromkeys(needs, False)
        self._alive_s = alive_s
        self._registry = registry
        self._beat = time.monotonic()
        self._server: _Server | None = None
        self._heart: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    def mark(self, need: str, *, there: bool) -> None:
        """Say whether a need is met, such as ``bus``; a name not seen before becomes a need."""
        self._needs[need] = there

    def answer(self, path: str, accept: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, content type and body for a GET of `path`; called from the server's threads."""
        if path == "/metrics":
            encode, content_type = choose_encoder(accept)
            return HTTPStatus.OK, content_type, encode(self._registry)
        age_s = time.monotonic() - self._beat
        alive = age_s < self._alive_s
        if path == "/healthz":
            return _json(alive, {"loop_age_s": round(age_s, 3)})
        if path == "/readyz":
            missing = [name for name, there in list(self._needs.items()) if not there]
            if not alive:
                missing.append("event loop")
            return _json(not missing, {"missing": missing})
        return HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"try /healthz, /readyz or /metrics\n"

    async def __aenter__(self) -> Self:
        try:
            self._server = _Server((HOST, self.port), self)
        except OSError as error:
            raise SettingsError(
                f"health_port {self.port} on {HOST} cannot be used: {error.strerror}; free it, or set health_port = 0"
            ) from error
        self.port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="health", daemon=True
        ).start()
        self._heart = asyncio.create_task(self._keep_beating(), name="heartbeat")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._heart is not None:
            self._heart.cancel()
        if self._server is not None:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()
            self._server = None

    async def _keep_beating(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(HEARTBEAT_S)


def _json(good: bool, facts: dict[str, object]) -> tuple[HTTPStatus, str, bytes]:
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    body = json.dumps({"ok": good, **facts}).encode() + b"\n"
    return status, "application/json", body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], health: Health) -> None:
        self.health = health
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away in the middle concerns nobody; anything else is a fault of ours."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            _log.exception("health.request_failed")


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        status, content_type, body = self.server.health.answer(
            self.path.partition("?")[0], self.headers.get("Accept", "")
        )
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Polls are not worth a line."""
