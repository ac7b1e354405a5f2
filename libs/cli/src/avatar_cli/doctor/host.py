"""Checks of the machine itself: Python, memory, disk, clock, GPU, ports."""

from __future__ import annotations

import ctypes.util
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from avatar_cli import machine
from avatar_cli.doctor.check import Check, judge
from avatar_cli.probes import broker_answers, is_free, port_of
from avatar_cli.settings import load_cli

_DISK_GB = 1.0
_MEMORY_GB = 2.0
"""All five services and the broker together stay below 1.6 GB."""
_OVERSLEEP_MS = 5.0


def checks() -> Iterator[Check]:
    """Every check of the host, in the order a reader wants them."""
    yield python()
    yield processor()
    yield memory()
    yield disk(Path.cwd())
    yield clock()
    yield Check("gpu", "ok", machine.gpu_name() or "none; nothing that ships with Avatar needs one")
    yield broker_port()
    yield portaudio()


def python() -> Check:
    """The interpreter's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    return judge("python", version, "Avatar needs Python 3.11: run `make setup`.", good=sys.version_info[:2] == (3, 11))


def processor() -> Check:
    """Cores, and what they are."""
    cores = machine.usable_cores()
    found = f"{cores} cores of {machine.cpu_name()}"
    return judge(
        "processor", found, "With one core the picture stutters: two are needed.", good=cores >= 2, otherwise="warn"
    )


def memory() -> Check:
    """Memory that is free for use."""
    free_gb = psutil.virtual_memory().available / 1e9
    fix = f"The whole stack takes up to {_MEMORY_GB:g} GB: close other programs."
    return judge("memory", f"{free_gb:.1f} GB free", fix, good=free_gb >= _MEMORY_GB, otherwise="warn")


def disk(folder: Path) -> Check:
    """Room for logs, recordings and avatar packs."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    fix = f"Recordings and logs need up to {_DISK_GB:g} GB: make room on this disk."
    return judge("disk", f"{free_gb:.1f} GB free in {folder}", fix, good=free_gb >= _DISK_GB, otherwise="warn")


def clock() -> Check:
    """How late a sleep of 1 ms ends: frames of sound and picture are paced by it."""
    late_ms = []
    for _ in range(30):
        before = time.perf_counter()
        time.sleep(0.001)
        late_ms.append((time.perf_counter() - before) * 1000 - 1)
    worst = sorted(late_ms)[-3]
    fix = "The system is very busy or its timer is coarse: close other programs."
    return judge("clock", f"a sleep ends {worst:.1f} ms late", fix, good=worst < _OVERSLEEP_MS, otherwise="warn")


def broker_port() -> Check:
    """Whether the broker's port is free, or already serves NATS."""
    url = load_cli().bus.url
    port = port_of(url)
    if broker_answers(url):
        return Check("bus", "ok", f"a NATS server answers at {url}")
    fix = f"Another program uses port {port}: stop it, or set AVATAR_BUS__URL=nats://127.0.0.1:PORT."
    return judge("bus", f"port {port} for {url} is {'free' if is_free(port) else 'taken'}", fix, good=is_free(port))


def portaudio() -> Check:
    """The one system library, needed for real sound devices only."""
    found = ctypes.util.find_library("portaudio")
    fix = "Only a real microphone or loudspeaker needs it: `apt install libportaudio2`. Demo and tests do not."
    return judge("libportaudio", found or "not installed", fix, good=bool(found), otherwise="warn")
