"""A child process that does not outlive its parent."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable


def end_with_parent() -> Callable[[], None] | None:
    """What a child calls before its program starts, to be ended when the thread that started it ends; Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    set_death_signal = 1

    def tie() -> None:
        prctl(set_death_signal, signal.SIGTERM)

    return tie
