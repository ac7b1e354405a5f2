"""The page's paths: its files, its WebSocket, and a sign of life."""

from __future__ import annotations

from typing import Protocol

from fastapi import FastAPI, Request, Response, WebSocket

from avatar_edge.web.channel import Channel
from avatar_edge.web.pages import Page, pages
from avatar_edge.web.security import App, Guard
from avatar_edge.web.settings import WebSettings

INDEX = "index.html"


class Door(Protocol):
    """What lies behind the WebSocket."""

    async def enter(self, channel: Channel) -> None:
        """Attend to one page until it is gone; the channel is open."""


def make_app(door: Door, settings: WebSettings) -> App:
    """The guarded app; nothing of it describes itself to strangers."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    files = pages()

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response(b'{"ok": true}\n', media_type="application/json", headers={"cache-control": "no-store"})

    @app.get("/")
    async def index(request: Request) -> Response:
        return _serve(request, files.get(INDEX))

    @app.get("/page/{path:path}")
    async def file(request: Request, path: str) -> Response:
        return _serve(request, files.get(path))

    @app.websocket("/call")
    async def call(socket: WebSocket) -> None:
        async with Channel(socket) as channel:
            await door.enter(channel)

    return Guard(app, settings)


def _serve(request: Request, page: Page | None) -> Response:
    if page is None:
        return Response(b"There is no such page.\n", 404, media_type="text/plain; charset=utf-8")
    # Kept by the browser, but asked for again each time: an update shows at once, and costs no transfer without one.
    headers = {"cache-control": "no-cache", "etag": page.etag}
    if request.headers.get("if-none-match") == page.etag:
        return Response(status_code=304, headers=headers)
    return Response(page.body, media_type=page.media_type, headers=headers)
