"""The parent's end of the espeak worker: starts it, talks frames with it, and starts it again when it dies."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, TypeAlias

import espeakng_loader

from avatar_runtime import log, metrics
from avatar_tts.engines.espeak_worker import FRAME, RATE, READY
from avatar_tts.errors import EngineDied, EngineUnavailable

_restarts = metrics.counter(
    "avatar_tts_engine_restarts_total", "Engine processes that ended and were replaced", ["engine"]
)

logger = log.get(__name__)

START_TIMEOUT_S = 10.0
_RESTART_PAUSE_S = 0.5
"""A process that dies sooner than this after its start is not restarted faster than this."""

Sink: TypeAlias = Callable[[int, bytes], None]
"""Takes (kind, payload) of every frame of one request, on the reader thread."""

DIED = 0
"""The kind given to a sink when the process ended before its request was done; the payload says how."""


class EspeakProcess:
    """One worker process for all sessions.

    A sentence takes it a few milliseconds, so sentences of different sessions queue unnoticed, and twenty sessions
    cost one process of 15 MB instead of twenty.

    A thread reads its frames and hands each to the sink of its request. Sinks must not block.
    """

    def __init__(self) -> None:
        self.rate = 0
        self.restarts = 0
        self._lock = threading.Lock()
        self._sinks: dict[int, Sink] = {}
        self._next = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._ready = threading.Event()
        self._settled = threading.Event()  # it is ready, or it has ended
        self._failure = ""

    @property
    def pid(self) -> int | None:
        """The process id of the worker, None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the worker and wait until it is ready; raises `EngineUnavailable`."""
        with self._lock:
            self._closed = False
        self._settled.clear()
        self._launch()
        self._settled.wait(START_TIMEOUT_S)
        if not self._ready.is_set():
            why = self._failure or f"it was not ready within {START_TIMEOUT_S:.0f} s"
            self.stop()
            raise EngineUnavailable(f"the espeak-ng process did not start: {why}")

    def request(self, frame_kind: int, payload: bytes, sink: Sink) -> int:
        """Send a new request; its frames go to `sink`. Raises `EngineDied` when there is no process."""
        with self._lock:
            if not self._ready.is_set():
                raise EngineDied("the espeak-ng process is not running; it is being started again")
            self._next += 1
            number = self._next
            self._sinks[number] = sink
            try:
                self._write(FRAME.pack(frame_kind, number, len(payload)) + payload)
            except OSError as error:
                del self._sinks[number]
                raise EngineDied("the espeak-ng process has just ended; it is being started again") from error
        return number

    def tell(self, frame_kind: int, number: int) -> None:
        """Send a frame about a running request. A process that is gone needs no telling."""
        with self._lock, contextlib.suppress(OSError):
            self._write(FRAME.pack(frame_kind, number, 0))

    def forget(self, number: int) -> None:
        """Drop every further frame of the request."""
        with self._lock:
            self._sinks.pop(number, None)

    def kill(self) -> None:
        """End a worker that hangs; it is started again."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """End the worker for good."""
        with self._lock:
            self._closed = True
            self._ready.clear()
            process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _write(self, data: bytes) -> None:
        if self._process is None:
            raise BrokenPipeError
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), data)

    def _launch(self) -> None:
        command = [
            sys.executable,
            "-m",
            "avatar_tts.engines.espeak_worker",
            espeakng_loader.get_library_path(),
            espeakng_loader.get_data_path(),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._process = process
        threading.Thread(target=self._read, args=(process,), name="espeak", daemon=True).start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        started = time.monotonic()
        assert process.stdout is not None
        with process.stdout as pipe:
            while header := _exactly(pipe, FRAME.size):
                kind, number, size = FRAME.unpack(header)
                payload = _exactly(pipe, size)
                if len(payload) < size:
                    break
                if kind == READY:
                    (self.rate,) = RATE.unpack(payload)
                    self._ready.set()
                    self._settled.set()
                    continue
                with self._lock:
                    sink = self._sinks.get(number)
                if sink is not None:
                    sink(kind, payload)
        self._on_end(process, time.monotonic() - started)

    def _on_end(self, process: subprocess.Popen[bytes], lived_s: float) -> None:
        code = process.wait()
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        self._failure = f"its process ended ({how})"
        with self._lock:
            if self._process is process:
                self._process = None
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            closed = self._closed
            was_ready = self._ready.is_set()
            self._ready.clear()
            sinks, self._sinks = list(self._sinks.values()), {}
        self._settled.set()
        for sink in sinks:
            sink(DIED, how.encode())
        # One that never became ready is `start`'s to report, not ours to try for ever.
        if closed or (not was_ready and self.restarts == 0):
            return
        pause_s = max(0.0, _RESTART_PAUSE_S - lived_s)
        while not self._restart(how, pause_s):
            pause_s = _RESTART_PAUSE_S

    def _restart(self, how: str, pause_s: float) -> bool:
        """Start the worker again after a pause; False when the machine cannot spare a process for it now."""
        time.sleep(pause_s)
        with self._lock:
            if self._closed:
                return True
            try:
                self._launch()
            except OSError:
                logger.exception("espeak.not_restarted", how=how)
                return False
            self.restarts += 1
        _restarts.labels("espeak").inc()
        logger.warning("espeak.restarted", how=how, restarts=self.restarts)
        return True


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = pipe.read(size - len(data))
        if not part:
            break
        data += part
    return data
