"""Keeps one stream open: looks for its device, tells when it is lost, takes it up again when it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from avatar_edge.devices.catalogue import Device
from avatar_edge.devices.portaudio import Find, PortAudio
from avatar_edge.errors import DeviceMissing, DeviceRefused
from avatar_runtime import log, metrics

Trouble = Callable[[str, str, str], None]
"""Told of a code, what happened and what to do, from any thread."""

SILENT_S = 0.5
"""A device that has not asked for this long is lost."""
_FIRST_S = 4.0
"""It may take this long until it asks steadily: an idle sound server works in blocks of 2 s."""
_LOOK_S = 1.0
_LOOK_LATER_S = 5.0
_LATER_S = 60.0
_WATCH_S = 0.1
_STOP_S = 3.0

_lost = metrics.counter("avatar_edge_device_lost_total", "Times a sound device was lost", ["stage"])

logger = log.get(__name__)


class Run(Protocol):
    """A stream from its opening to its end.

    Attributes:
        stream: PortAudio's stream.
        beat: Edge clock of the newest callback, 0 before the first.
    """

    stream: Any
    beat: float


class Keeper:
    """One device's stream and the thread that looks after it.

    Attributes:
        device: The device in use, None while there is none.
    """

    def __init__(
        self, portaudio: PortAudio, use: str, find: Find, begin: Callable[[Device], Run], ended: Callable[[], None]
    ) -> None:
        """How the stream is made.

        Args:
            portaudio: The library.
            use: What the device is, in a word: ``microphone``.
            find: Finds the device in the table; raises `DeviceMissing`.
            begin: Opens and starts a stream of it; raises `DeviceRefused`.
            ended: The stream has ended; what it left is of no use.
        """
        self.trouble: Trouble = lambda *_: None
        self.device: Device | None = None
        self._portaudio = portaudio
        self._use = use
        self._find = find
        self._begin = begin
        self._ended = ended
        self._run: Run | None = None
        self._began_at = 0.0
        self._without_since = 0.0
        self._told = ""
        self._stopping = threading.Event()
        self._look = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"{use}-keeper", daemon=True)

    def start(self) -> None:
        """Begin to look for the device."""
        self._portaudio.keep(self)
        self._without_since = time.perf_counter()
        self._thread.start()

    def stop(self) -> None:
        """Close the stream."""
        self._stopping.set()
        self._look.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)
        self._portaudio.leave(self)
        self.shut()

    # --- under the library's lock --------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """See `Kept.running`."""
        return self._run is not None

    def shut(self) -> None:
        """See `Kept.shut`."""
        with self._portaudio.lock:
            run, self._run, self.device = self._run, None, None
            if run is not None:
                self._ended()
                self._portaudio.end(run.stream)

    def open(self) -> None:
        """See `Kept.open`."""
        with self._portaudio.lock:
            if self._run is not None or self._stopping.is_set():
                return
            try:
                device = self._portaudio.seek(self._find)
                if self._run is None:  # reading the devices anew has not opened it meanwhile
                    self._run, self.device = self._begin(device), device
            except DeviceMissing as error:
                self._tell("missing", str(error), f"the {self._use} is looked for all the time; nothing else stops")
                return
            except DeviceRefused as error:
                self._tell("refused", str(error), f"the {self._use} is tried again all the time; nothing else stops")
                self._portaudio.doubt(self._find)
                return
            self._began_at = time.perf_counter()
            logger.info("device.opened", use=self._use, device=self.device.name if self.device else "")
            if self._told:
                self._told = ""
                self.trouble(f"{self._use}.back", f"the {self._use} is there: {device.name}", "")

    def check(self) -> None:
        """See `Kept.check`."""
        if self._run is None:
            self._look.set()
            return
        assert self.device is not None
        present = self._portaudio.server is None or not self.device.node or self._node_present(self.device)
        if not present:
            self._lose()

    def follow(self) -> None:
        """See `Kept.follow`."""
        if self._run is None or self.device is None:
            return
        try:
            meant = self._find(self._portaudio.table())
        except DeviceMissing:
            return
        if meant.node != self.device.node:
            self.shut()  # its thread opens the other at once

    def _node_present(self, device: Device) -> bool:
        assert self._portaudio.server is not None
        return any(node.node == device.node for node in self._portaudio.server.nodes.values())

    def _lose(self) -> None:
        name = self.device.name if self.device else ""
        _lost.labels(self._use).inc()
        self.shut()
        self._without_since = time.perf_counter()
        self._tell("lost", f"the {self._use} is gone: {name}", "plug it in again; silence takes its place meanwhile")

    def _tell(self, code: str, message: str, hint: str) -> None:
        """Each thing once until the device is back."""
        if message != self._told and not (self._told and code == "missing"):
            logger.warning("device.trouble", use=self._use, code=code)
            self.trouble(f"{self._use}.{code}", message, hint)
        self._told = message

    # --- on its thread -----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except Exception:
                logger.exception("device.failed", use=self._use)
                self._stopping.wait(_LOOK_S)

    def _step(self) -> None:
        run = self._run
        if run is None:
            self.open()
            if self._run is None:
                long = time.perf_counter() - self._without_since > _LATER_S
                self._look.clear()
                self._look.wait(_LOOK_LATER_S if long else _LOOK_S)
            return
        self._stopping.wait(_WATCH_S)
        with self._portaudio.lock:
            if self._run is run and not self._stopping.is_set() and not self._alive(run):
                self._lose()

    def _alive(self, run: Run) -> bool:
        if not run.stream.active:
            return False
        if self.device is not None and self.device.loopback:
            return True  # where nothing is played, some loopbacks give nothing
        return time.perf_counter() - max(run.beat, self._began_at + _FIRST_S - SILENT_S) < SILENT_S
