"""The machine a figure was measured on, in the words that stand beside the figure."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import psutil


def describe() -> dict[str, str | int | float]:
    """Processor, cores this process may use, memory, system, Python and GPU."""
    return {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "gpu": gpu_name() or "none",
    }


def sentence(machine: dict[str, str | int | float]) -> str:
    """The description in one line."""
    gpu = "no GPU" if machine["gpu"] == "none" else machine["gpu"]
    return f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']} GB, {gpu}, Python {machine['python']}"


def cpu_name() -> str:
    """The processor's name, or the architecture where the system does not tell."""
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        match = None
    return match[1] if match else platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_name() -> str:
    """The first NVIDIA GPU and its memory; empty when there is none."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip().splitlines()[0] if answer.stdout.strip() else ""
