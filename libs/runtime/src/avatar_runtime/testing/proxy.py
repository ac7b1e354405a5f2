"""A bad network between a client and a server: a TCP proxy whose faults can be changed while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK_BYTES = 4096
"""Small, so that two connections share a slow link fairly."""
_SOCKET_BYTES = 32_768
"""What the system may hold of a connection at the proxy's end: the queue is to be in the proxy."""
_ABORT = struct.pack("ii", 1, 0)


@dataclass
class Faults:
    """What the network does to bytes in one direction. Change any field at any time.

    Attributes:
        delay_s: Time every byte spends on the way.
        jitter_s: Up to this much more, at random; order is kept, as TCP keeps it.
        rate_bytes_s: Capacity shared by all connections; 0 is unlimited.
        queue_bytes: Length of the one queue in front of that bottleneck, in which everything waits in the order it
            came, as in a plain router; senders are held up while it is full. 0: every connection has a queue of its
            own and they take turns, as behind fair queueing.
        stalled: Nothing moves; what was sent arrives when this ends.
        black_hole: What is sent is swallowed for good, and the sender never learns.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate_bytes_s: float = 0.0
    queue_bytes: int = 0
    stalled: bool = False
    black_hole: bool = False


class Proxy:
    """Listens on a free port of loopback and forwards to a server.

    Example:
        async with Proxy(broker.port) as proxy:
            proxy.down.rate_bytes_s = 1_000_000        # 8 Mbit/s towards the client
            bus = await NatsBus.connect(BusSettings(url=f"nats://127.0.0.1:{proxy.port}"), name="test")
            proxy.reset()                              # every connection breaks

    Attributes:
        port: Where clients connect.
        up: Faults on the way to the server.
        down: Faults on the way to the client.
        refusing: New connections are broken at once.
    """

    def __init__(self, target_port: int, *, target_host: str = "127.0.0.1", buffer_bytes: int = 65_536) -> None:
        """Nothing listens yet.

        Args:
            target_port: The server's port.
            target_host: The server's host.
            buffer_bytes: How much a connection may have on the way before its sender is held up.
        """
        self.port = 0
        self.up = Faults()
        self.down = Faults()
        self.refusing = False
        self._target = (target_host, target_port)
        self._buffer_bytes = buffer_bytes
        self._free_at = {"up": 0.0, "down": 0.0}
        self._random = random.Random(1)
        self._writers: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        listening = _small_socket()
        listening.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=CHUNK_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.reset()
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._writers) // 2

    def reset(self) -> None:
        """Break every connection with a TCP reset."""
        for writer in self._writers:
            _abort(writer)

    def freeze(self) -> None:
        """Let every connection open now die without a word, as a change of network does; new ones work."""
        self._frozen |= self._writers

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be the network of one connection until it ends."""
        if self.refusing:
            _abort(writer)
            return
        calling = _small_socket()
        try:
            await asyncio.get_running_loop().sock_connect(calling, self._target)
            server_reader, server_writer = await asyncio.open_connection(sock=calling, limit=CHUNK_BYTES)
        except OSError:
            calling.close()
            _abort(writer)
            return
        ends = {writer, server_writer}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._direction("up", reader, server_writer))
                both.create_task(self._direction("down", server_reader, writer))
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # one end is gone: the other is told below
        finally:
            self._writers -= ends
            self._frozen -= ends
            for end in ends:
                _abort(end)

    async def _direction(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way until the sender closes, then break the connection."""
        carrying = _Carried(self._buffer_bytes)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._collect(way, reader, carrying))
            both.create_task(self._deliver(way, writer, carrying))

    async def _collect(self, way: str, reader: asyncio.StreamReader, carried: _Carried) -> None:
        clock = asyncio.get_running_loop().time
        due = 0.0
        while chunk := await reader.read(CHUNK_BYTES):
            faults: Faults = getattr(self, way)
            if faults.black_hole:
                continue
            passed = await self._queue(way, faults, len(chunk)) if faults.queue_bytes else clock()
            due = max(due, passed + faults.delay_s + self._random.uniform(0, faults.jitter_s))
            await carried.put(due, chunk)
        await carried.put(due, b"")

    async def _queue(self, way: str, faults: Faults, size: int) -> float:
        """When `size` bytes have passed the bottleneck, behind all that came before them on any connection."""
        clock = asyncio.get_running_loop().time
        if not faults.rate_bytes_s:
            return clock()
        # A fault is a plain field anyone may set: how long it is full may change meanwhile.
        while (full_s := self._free_at[way] - clock() - (faults.queue_bytes - size) / faults.rate_bytes_s) > 0:  # noqa: ASYNC110
            await asyncio.sleep(full_s)
        self._free_at[way] = max(self._free_at[way], clock()) + size / faults.rate_bytes_s
        return self._free_at[way]

    async def _deliver(self, way: str, writer: asyncio.StreamWriter, carried: _Carried) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, chunk = await carried.get()
            faults: Faults = getattr(self, way)
            while faults.stalled or writer in self._frozen or clock() < due:  # noqa: ASYNC110 - a fault is a plain field anyone may set
                await asyncio.sleep(max(due - clock(), 0.005))
            if not chunk:
                raise ConnectionResetError
            if faults.rate_bytes_s and not faults.queue_bytes:
                start = max(self._free_at[way], clock())
                self._free_at[way] = start + len(chunk) / faults.rate_bytes_s
                await asyncio.sleep(self._free_at[way] - clock())
            writer.write(chunk)
            await writer.drain()


class _Carried:
    """Chunks on the way, each with the time it may arrive; the sender waits when there are too many bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._limit = limit_bytes
        self._changed = asyncio.Condition()

    async def put(self, due: float, chunk: bytes) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes < self._limit)
            self._chunks.append((due, chunk))
            self._bytes += len(chunk)
            self._changed.notify_all()

    async def get(self) -> tuple[float, bytes]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._chunks)
            due, chunk = self._chunks.popleft()
            self._bytes -= len(chunk)
            self._changed.notify_all()
        return due, chunk


def _small_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
    return made


def _abort(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket | None = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    writer.transport.abort()
