"""Memory and processor time of every process, while the call is idle and while the clone talks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from avatar_cli import recordings
from avatar_cli.bench.figures import Figure, Limit, value
from avatar_cli.errors import BenchFailed
from avatar_cli.probes import free_port, http_ok, tree_rss_bytes
from avatar_cli.stack import Stack

_COMMAND = "avatar bench --only load"
_START_S = 20.0
_LINE_S = 9.5
"""A line of the reading, its answer and a breath."""
_SETTLE_S = 1.0
_RSS_LIMIT = Limit("value", 1600.0)
_IDLE_LIMIT = Limit("value", 40.0)


def measure(stack: Stack, idle_s: float, lines: int) -> list[Figure]:
    """Run an edge of its own on `stack`: `idle_s` of silence, then `lines` lines, sampling every process."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "mic.wav"
        _write_sound(sound, idle_s + _SETTLE_S, lines)
        with _edge(stack, sound) as edge:
            pids = {member.name: member.process.pid for member in stack.members()} | {"edge": edge.pid}
            time.sleep(_SETTLE_S)
            idle_rss, idle_cpu = _watch(pids, idle_s - _SETTLE_S)
            time.sleep(_SETTLE_S)
            talking_rss, talking_cpu = _watch(pids, lines * _LINE_S)
            if edge.poll() is not None:
                raise BenchFailed(f"The edge exited with {edge.returncode} while its load was measured.")
    return [
        *_figures("rss_idle_mb", idle_rss, ()),
        *_figures("rss_talking_mb", talking_rss, (_RSS_LIMIT,)),
        *_figures("cpu_idle_percent", idle_cpu, (_IDLE_LIMIT,)),
        *_figures("cpu_talking_percent", talking_cpu, ()),
    ]


def _write_sound(path: Path, silence_s: float, lines: int) -> None:
    rate = recordings.RATE
    chosen = [recordings.TWO_CITIES[index % len(recordings.TWO_CITIES)] for index in range(lines)]
    parts = [np.zeros(round(silence_s * rate), np.float32)]
    for sound in recordings.cut("two_cities.wav", chosen):
        parts += [sound, np.zeros(max(0, round(_LINE_S * rate) - len(sound)), np.float32)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.concatenate(parts) * 32_767).astype(np.int16).tobytes())


@contextmanager
def _edge(stack: Stack, sound: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An edge process on the stack's bus whose microphone plays `sound` from the moment the block begins."""
    port = free_port()
    flags = {"bus.url": stack.plan.bus_url, "health-port": str(port), "mic": f"file:{sound}", "mic-noise-dbfs": "-70"}
    command = [sys.executable, "-m", "avatar_edge", *(f"--{key}={given}" for key, given in flags.items())]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as edge:
        try:
            deadline = time.monotonic() + _START_S
            while not http_ok(f"http://127.0.0.1:{port}/readyz"):
                if edge.poll() is not None or time.monotonic() > deadline:
                    raise BenchFailed(f"The edge was not ready within {_START_S:.0f} s.")
                time.sleep(0.05)
            yield edge
        finally:
            edge.terminate()


def _watch(pids: dict[str, int], seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """The largest memory in MB and the processor time in percent of one core of each process over `seconds`."""
    largest = dict.fromkeys(pids, 0.0)
    before = {name: _cpu_s(pid) for name, pid in pids.items()}
    began_at = time.perf_counter()
    while (elapsed := time.perf_counter() - began_at) < seconds:
        for name, pid in pids.items():
            largest[name] = max(largest[name], tree_rss_bytes(pid) / 1e6)
        time.sleep(min(0.5, max(0.0, seconds - elapsed)))
    elapsed = time.perf_counter() - began_at
    used = {name: 100 * (_cpu_s(pid) - before[name]) / elapsed for name, pid in pids.items()}
    return largest, used


def _cpu_s(pid: int) -> float:
    """Processor seconds used so far by a process and its descendants."""
    try:
        root = psutil.Process(pid)
        times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    except psutil.Error as error:
        raise BenchFailed(f"A process ended while its load was measured: {error}.") from error
    return sum(each.user + each.system for each in times)


def _figures(name: str, by_process: dict[str, float], limits: tuple[Limit, ...]) -> list[Figure]:
    single = [
        Figure(name=f"{name}.{process}", statistics=value(v), command=_COMMAND) for process, v in by_process.items()
    ]
    return [*single, Figure(name=name, statistics=value(sum(by_process.values())), command=_COMMAND, limits=limits)]
