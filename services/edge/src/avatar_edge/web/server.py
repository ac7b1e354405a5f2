"""The HTTP server of a page, inside a process that has other things to do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from avatar_edge.web.app import Door, make_app
from avatar_edge.web.settings import WebSettings
from avatar_runtime.settings import SettingsError

PING_S = 4.0
PONG_S = 5.0
"""A page that has answered no ping for this long is gone."""
MESSAGE_BYTES = 128 * 1024
CONNECTIONS = 256
"""Open at most; those beyond are told to come back."""
_STOP_S = 3.0


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's own business."""
        yield


@contextlib.asynccontextmanager
async def serving(door: Door, settings: WebSettings) -> AsyncIterator[str]:
    """Serve the page while the block lasts; gives its URL.

    Raises:
        SettingsError: It would be open to others, its port is taken, or its certificate cannot be used.
    """
    settings.check()
    listener = _listen(settings.bind, settings.port)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        make_app(door, settings),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PONG_S,
        ssl_certfile=settings.cert or None,
        ssl_keyfile=settings.key or None,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=int(_STOP_S),
    )
    try:
        config.load()
    except (OSError, ValueError) as error:
        listener.close()
        raise SettingsError(f"web.cert {settings.cert} and web.key cannot be used: {error}") from error
    server = _Server(config)
    running = asyncio.create_task(server.serve([listener]), name="page server")
    try:
        while not server.started:
            if running.done():
                running.result()
                raise SettingsError(f"the page cannot be served on port {port}")
            await asyncio.sleep(0.01)
        yield settings.url.removesuffix(f":{settings.port}") + f":{port}"
    finally:
        server.should_exit = True
        await asyncio.wait((running,), timeout=2 * _STOP_S)
        running.cancel()
        listener.close()


def _listen(bind: str, port: int) -> socket.socket:
    """A listening socket; raises `SettingsError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"web.bind {bind} is no address of this machine: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(64)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"port {port} on {bind} cannot be used for the page: {error.strerror or error}; "
            "free it, or set another one (AVATAR_WEB__PORT)"
        ) from error
    return listener
