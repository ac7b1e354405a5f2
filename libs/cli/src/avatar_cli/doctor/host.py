"""Checks of the machine itself: Python, memory, disk, timer, GPU, browser."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from avatar_cli import machine
from avatar_cli.doctor.check import Check, judge

_DISK_GB = 1.0
_MEMORY_GB = 2.0
"""All five services and the broker together stay below 1.6 GB."""
_OVERSLEEP_MS = 5.0
_BROWSERS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "microsoft-edge", "firefox")
_APPLICATIONS = tuple(f"/Applications/{name}.app" for name in ("Google Chrome", "Safari", "Firefox", "Microsoft Edge"))
_WINDOWS = (
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
    "Mozilla Firefox/firefox.exe",
)


def checks() -> Iterator[Check]:
    """Every check of the host, in the order a reader wants them."""
    yield python()
    yield processor()
    yield memory()
    yield disk(Path.cwd())
    yield timer()
    yield gpu()
    yield browser()


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


def timer() -> Check:
    """How late a sleep of 1 ms ends: frames of sound and picture are paced by it."""
    late_ms = []
    for _ in range(30):
        before = time.perf_counter()
        time.sleep(0.001)
        late_ms.append((time.perf_counter() - before) * 1000 - 1)
    worst = sorted(late_ms)[-3]
    fix = "The system is very busy or its timer is coarse: close other programs."
    return judge("timer", f"a sleep ends {worst:.1f} ms late", fix, good=worst < _OVERSLEEP_MS, otherwise="warn")


def gpu() -> Check:
    """The graphics processor, which nothing that ships with Avatar needs."""
    return Check("gpu", "ok", machine.gpu_name() or "none; nothing that ships with Avatar needs one")


def browser() -> Check:
    """A browser in which the page of `avatar up` can be opened on this machine."""
    found = next((name for name in _BROWSERS if shutil.which(name)), "")
    if not found and sys.platform == "darwin":
        found = next((app.stem for app in map(Path, _APPLICATIONS) if app.exists()), "")
    if not found and sys.platform == "win32":
        roots = [os.environ.get(name, "") for name in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")]
        found = next(
            (path.stem for root in roots for path in (Path(root) / tail for tail in _WINDOWS) if path.exists()), ""
        )
    fix = "Only a call in the browser needs one: install Chrome, Edge, Firefox or Safari, or open the page elsewhere."
    return judge("browser", found or "none found", fix, good=bool(found), otherwise="warn")
