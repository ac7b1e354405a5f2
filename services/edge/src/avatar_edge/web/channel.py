"""The WebSocket of one page: checked messages in, messages out in order, and no waiting for a page that stalls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from avatar_edge.web.protocol import Bye, FromPage, Problem, ToPage

MALFORMED = 20
"""Messages nobody understands that end the visit."""
UNSENT = 256
"""Messages waiting for a page at most: one that does not read is as good as gone."""
_FLUSH_S = 1.0

_decoder: msgspec.json.Decoder[FromPage] = msgspec.json.Decoder(FromPage)
_encode = msgspec.json.Encoder().encode


class Channel:
    """Runs as an async context manager around the visit, which accepts the WebSocket and closes it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._unsent: asyncio.Queue[ToPage | None] = asyncio.Queue(UNSENT)
        self._malformed = 0
        self._gone = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._socket.accept()
        self._writer = asyncio.create_task(self._write(), name="page writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._writer is not None
        with contextlib.suppress(asyncio.QueueFull):
            self._unsent.put_nowait(None)
        await asyncio.wait((self._writer,), timeout=_FLUSH_S)
        self._writer.cancel()
        await asyncio.wait((self._writer,))
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
                async with asyncio.timeout(_FLUSH_S):
                    await self._socket.close()

    def send(self, message: ToPage) -> None:
        """Send in order; returns at once."""
        try:
            self._unsent.put_nowait(message)
        except asyncio.QueueFull:
            self._gone.set()

    def bye(self, reason: str, *, again: bool) -> None:
        """Tell the page why there is no call, or no more."""
        self.send(Bye(reason=reason, again=again))

    def hang_up(self) -> None:
        """End it from here: `listen` returns."""
        self._gone.set()

    async def listen(self, take: Callable[[FromPage], None]) -> None:
        """Hand over what the page says until it is gone; what cannot be understood is answered here."""
        while (raw := await self._next()) is not None:
            try:
                message = _decoder.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                self._malformed += 1
                if self._malformed >= MALFORMED:
                    self.bye("the page sent too much that cannot be understood; reload it", again=True)
                    return
                told = str(error) if isinstance(error, msgspec.ValidationError) else "it is no JSON message"
                self.send(Problem(service="page", message=f"a message was not understood: {told[:200]}"))
            else:
                take(message)

    async def _next(self) -> str | bytes | None:
        receiving = asyncio.ensure_future(self._socket.receive())
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait((receiving, gone), return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                return None
            message = receiving.result()
        finally:
            for task in (receiving, gone):
                task.cancel()
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        return text if text is not None else bytes(message.get("bytes") or b"")

    async def _write(self) -> None:
        while (message := await self._unsent.get()) is not None:
            try:
                await self._socket.send_text(_encode(message).decode())
            except (WebSocketDisconnect, RuntimeError, OSError):
                self._gone.set()
                return
