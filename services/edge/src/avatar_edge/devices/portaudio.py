"""PortAudio in this process: the device table, opening streams, and looking again for devices that came later.

PortAudio reads the devices once, when it begins, and its functions are not to be called at the same time: everything
goes through one lock here. To see a new device it must end and begin again, which no stream survives; so that is done
only when it is known to help, and the streams that were open are opened again at once.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from avatar_edge.devices.catalogue import Device, System, Table, this_system
from avatar_edge.devices.pulse import SoundServer
from avatar_edge.errors import DeviceMissing, DeviceRefused, PortAudioMissing, SoundServerMissing
from avatar_runtime import log

LATENCY_S = 0.02
BLOCK_S = 0.01
_PROBE_EVERY_S = 3.0
_PROBE_S = 10.0
_PROBE = "import json, sounddevice as sd; print(json.dumps([list(sd.query_devices()), list(sd.query_hostapis())]))"
_BUSY = -9985
_FORMAT = {-9998: "its number of channels", -9997: "its sample rate", -9994: "its sample format"}
_GET: dict[System, str] = {
    "linux": "`apt install libportaudio2`",
    "macos": "`brew install portaudio`",
    "windows": "install the sounddevice package anew: it brings the library along",
}

logger = log.get(__name__)

Find = Callable[[Table], Device]


class Kept(Protocol):
    """A stream that somebody keeps open; its methods are called under the lock."""

    @property
    def running(self) -> bool:
        """It is open."""

    def shut(self) -> None:
        """Close it for a moment."""

    def open(self) -> None:
        """Open it again; what goes wrong is its own affair."""

    def check(self) -> None:
        """Devices have come or gone: is its own still there?"""

    def follow(self) -> None:
        """The system prefers another device: is that the one that was meant?"""


class PortAudio:
    """One per process.

    Attributes:
        lock: Held around everything that reaches the library.
        server: The sound server, None without one.
        without_server: Why there is none, empty where none is expected.
    """

    def __init__(self, *, system: System | None = None) -> None:
        """Load the library.

        Raises:
            PortAudioMissing: It is not there or does not load.
        """
        self.lock = threading.RLock()
        self.server: SoundServer | None = None
        self.without_server = ""
        self._system = system or this_system()
        self._kept: set[Kept] = set()
        self._written: frozenset[str] = frozenset()
        self._defaults: frozenset[str] = frozenset()
        self._probed_at = 0.0
        if self._system == "linux":
            _hush_alsa()
            try:
                self.server = SoundServer()
                self._written = self.server.configure()
            except SoundServerMissing as error:
                self.without_server = str(error)
        try:
            self._sd = _sounddevice(self._system)
        except PortAudioMissing:
            self.close()
            raise
        if self.server is not None:
            self._defaults = self.server.defaults
            self._begin_again()  # it may have been loaded before, with another configuration
            self.server.watch(self._changed)

    def close(self) -> None:
        """Leave the sound server as it was; every stream is closed before."""
        if self.server is not None:
            self.server.close()

    def make_microphone(self) -> None:
        """Make the sound server's virtual microphone, if there is a server; raises `SoundServerMissing`."""
        if self.server is not None:
            self.server.make_microphone()
            self.refresh()

    # --- devices -----------------------------------------------------------------------------------------------

    def table(self) -> Table:
        """The devices as PortAudio knows them, without those the sound server has lost."""
        with self.lock:
            nodes = self.server.nodes if self.server else {}
            return Table.of(
                self._sd.query_devices(),
                self._sd.query_hostapis(),
                self._system,
                nodes,
                self._written - nodes.keys(),
            )

    def seek(self, find: Find) -> Device:
        """The device, looking for new ones if it is not among those known; raises `DeviceMissing`."""
        with self.lock:
            if self.server is not None:
                self.server.revive()
            try:
                return find(self.table())
            except DeviceMissing:
                if not self._would_help(find):
                    raise
            self.refresh()
            return find(self.table())

    def doubt(self, find: Find) -> None:
        """A device of the table would not open: what is known of it may be old."""
        with self.lock:
            if self.server is None and self._would_help(find):
                self.refresh()

    def refresh(self) -> None:
        """Read the devices anew. Streams that are open pause for some 50 ms."""
        with self.lock:
            running = [kept for kept in self._kept if kept.running]
            for kept in running:
                kept.shut()
            if self.server is not None:
                self._written = self.server.configure()
            self._begin_again()
            for kept in running:
                kept.open()

    def _would_help(self, find: Find) -> bool:
        """Whether a PortAudio that begins now would know the device."""
        if self.server is not None:
            return bool(self.server.nodes.keys() - self._written)
        if not any(kept.running for kept in self._kept):
            return True
        now = time.monotonic()
        if now - self._probed_at < _PROBE_EVERY_S:
            return False
        self._probed_at = now
        try:
            find(_probed(self._system))
        except (DeviceMissing, OSError, ValueError, subprocess.SubprocessError):
            return False
        return True

    def _begin_again(self) -> None:
        self._sd._terminate()  # noqa: SLF001 - the only way to see new devices
        self._sd._initialize()  # noqa: SLF001

    def _changed(self) -> None:
        """From the sound server's thread: something came or went."""
        with self.lock:
            for kept in tuple(self._kept):
                kept.check()
            if self.server is None or self.server.defaults == self._defaults:
                return
            self._defaults = self.server.defaults
            if self.server.nodes.keys() - self._written:
                self.refresh()  # each is opened again by its selector
            else:
                for kept in tuple(self._kept):
                    kept.follow()

    # --- streams -----------------------------------------------------------------------------------------------

    def keep(self, kept: Kept) -> None:
        """From now on it is paused when the devices are read anew."""
        with self.lock:
            self._kept.add(kept)

    def leave(self, kept: Kept) -> None:
        """It no longer is."""
        with self.lock:
            self._kept.discard(kept)

    def stream(self, device: Device, rates: tuple[int, ...], callback: Callable[..., None], *, plays: bool) -> Any:
        """An open stream of int16 in blocks of 10 ms that has not started; it has `samplerate` and `channels`.

        Args:
            device: The device.
            rates: Samples per second, tried one after the other.
            callback: See sounddevice; called from PortAudio's thread.
            plays: Output, not input.

        Raises:
            DeviceRefused: Another program holds it, or it takes none of the rates.
        """
        kind = self._sd.OutputStream if plays else self._sd.InputStream
        channels = min(2, device.outputs if plays else device.inputs)
        extra = self._sd.WasapiSettings(auto_convert=True) if device.api == "Windows WASAPI" else None
        refusal: Exception | None = None
        with self.lock:
            for rate in dict.fromkeys(rates):
                try:
                    return kind(
                        samplerate=rate,
                        blocksize=round(rate * BLOCK_S),
                        device=device.index,
                        channels=channels,
                        dtype="int16",
                        latency=LATENCY_S,
                        extra_settings=extra,
                        callback=callback,
                    )
                except (self._sd.PortAudioError, ValueError) as error:
                    refusal = error
                    if _code(error) not in _FORMAT:
                        break
        raise DeviceRefused(_why(device, refusal)) from refusal

    def start(self, stream: Any, device: Device) -> None:
        """Start it; raises `DeviceRefused`."""
        with self.lock:
            try:
                stream.start()
            except self._sd.PortAudioError as error:
                self.end(stream)
                raise DeviceRefused(_why(device, error)) from error

    def end(self, stream: Any) -> None:
        """Stop and close it, whatever state it is in."""
        with self.lock:
            try:
                stream.close(ignore_errors=True)
            except Exception:
                logger.exception("sound.close_failed")


def _sounddevice(system: System) -> ModuleType:
    try:
        import sounddevice  # type: ignore[import-untyped]  # noqa: PLC0415 - begins PortAudio

        return sounddevice  # type: ignore[no-any-return]
    except (ImportError, OSError) as error:
        raise PortAudioMissing(f"no sound devices can be used: {error}; {_GET[system]}") from error


def _hush_alsa() -> None:
    """ALSA writes to stderr about every device a machine does not have."""
    global _handler  # noqa: PLW0603 - the library keeps the pointer for good
    try:
        alsa = ctypes.CDLL("libasound.so.2")
    except OSError:
        return
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
    _handler = kind(lambda *_: None)
    alsa.snd_lib_error_set_handler(_handler)


_handler: Any = None


def _probed(system: System) -> Table:
    """The devices as another process sees them that begins now."""
    ran = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_S, check=True)
    devices, apis = json.loads(ran.stdout)
    return Table.of(devices, apis, system)


def _code(error: Exception) -> int:
    return error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0


def _why(device: Device, error: Exception | None) -> str:
    code = _code(error) if error else 0
    if code == _BUSY:
        return f"{device.name} is busy: close the program that holds it, or let it share the device"
    if code in _FORMAT:
        return f"{device.name} refuses {_FORMAT[code]}: set it to 48000 Hz in the system's sound settings"
    return f"{device.name} cannot be opened: {error.args[0] if error and error.args else 'no reason given'}"
