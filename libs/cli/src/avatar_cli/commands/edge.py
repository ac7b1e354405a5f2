"""`avatar edge`: the edge service in the foreground, its flags passed through."""

from __future__ import annotations

import os
import sys


def run(arguments: list[str]) -> None:
    """Become ``python -m avatar_edge``; ``--bus URL`` is the short form of its ``--bus.url``."""
    flags = ["--bus.url" + flag[5:] if flag.split("=")[0] == "--bus" else flag for flag in arguments]
    if sys.stdin.isatty():  # somebody talks here: the log would stand between the lines
        os.environ.setdefault("AVATAR_LOG__LEVEL", "error")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "avatar_edge", *flags])  # noqa: S606  this is the command itself
