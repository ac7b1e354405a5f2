"""The sound server of Linux: the virtual microphone made in it, and its devices under their own names for PortAudio.

PortAudio knows ALSA only. ALSA's plugin for PulseAudio, which PipeWire serves too, reaches any source or sink by name,
so a configuration for this process alone gives each of them an ALSA name: the one people see in the sound settings.
All of this is done by ``pactl``, a program of its own: nothing of it belongs on the event loop.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avatar_edge.devices import cables
from avatar_edge.devices.catalogue import Node
from avatar_edge.errors import SoundServerMissing
from avatar_runtime import log

_TIMEOUT_S = 5.0
_PLUGIN = "libasound_module_pcm_pulse.so"
_PLUGIN_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_CONFIG_VARIABLE = "ALSA_CONFIG_PATH"
_MADE = re.compile(r"(?:sink_name|source_name)=(?:avatar_voice|avatar_microphone)\S*.*avatar\.pid='?(\d+)'?")
_SUBSCRIBED_S = 0.5
"""After this it tells of everything; what came before is looked up."""
_SHAPE = re.compile(r"(?P<channels>\d+)ch (?P<rate>\d+)Hz")

logger = log.get(__name__)


class SoundServer:
    """One connection's worth of commands to the running sound server.

    Attributes:
        nodes: Its sources and sinks by the names PortAudio lists them under; replaced, never changed.
        microphone: How the virtual microphone is called that was made in it, empty before.
    """

    def __init__(self) -> None:
        """Find the server.

        Raises:
            SoundServerMissing: There is none, or a program that is needed to talk to it; the message says which.
        """
        if shutil.which("pactl") is None:
            raise SoundServerMissing(
                "pactl, which makes the virtual microphone, is not installed: `apt install pulseaudio-utils`"
            )
        if not _plugin_installed():
            raise SoundServerMissing("ALSA has no plugin for PulseAudio and PipeWire: `apt install libasound2-plugins`")
        self._folder: Path | None = None
        self._system_config = os.environ.get(_CONFIG_VARIABLE)
        self._modules: list[str] = []
        self._made: tuple[str, ...] = ()
        self._watcher: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._changed: Callable[[], None] = lambda: None
        self.nodes: dict[str, Node] = {}
        self.microphone = ""
        self.look()

    # --- what is there -----------------------------------------------------------------------------------------

    def look(self) -> dict[str, Node]:
        """Ask for the sources and sinks anew; raises `SoundServerMissing` when the server is gone."""
        info = _ask("info")
        nodes: dict[str, Node] = {}
        for kind, default in (("sources", info["default_source_name"]), ("sinks", info["default_sink_name"])):
            for entry in _ask("list", kind):
                node = str(entry["name"])
                shape = _SHAPE.search(str(entry.get("sample_specification", "")))
                known = Node(
                    node=node,
                    monitor=kind == "sources" and bool(entry.get("monitor_source")),
                    own=node.removesuffix(".monitor") in self._made,
                    default=node == default,
                    plays=kind == "sinks",
                    rate=int(shape["rate"]) if shape else 48_000,
                    channels=int(shape["channels"]) if shape else 2,
                )
                nodes[_alsa_name(str(entry.get("description") or node), nodes)] = known
        self.nodes = nodes
        return nodes

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` from a thread of its own whenever a source or sink comes or goes, until `close`."""
        self._changed = changed
        self._watcher = subprocess.Popen(
            ["pactl", "subscribe"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._thread = threading.Thread(target=self._follow, args=(self._watcher,), name="sound-server", daemon=True)
        self._thread.start()

    def revive(self) -> bool:
        """Whether the server is there; one that is back after it had gone is given its virtual microphone again."""
        gone = not self.nodes
        try:
            self.look()
            if not gone:
                return True
            if self._made:
                self._modules = []
                self.make_microphone()
        except SoundServerMissing:
            self.nodes = {}
            return False
        self.watch(self._changed)
        return True

    def _follow(self, watcher: subprocess.Popen[str]) -> None:
        assert watcher.stdout is not None
        if not self._closing.wait(_SUBSCRIBED_S):
            self._look_again()
        for line in watcher.stdout:
            if re.search(r"'(new|remove)' on (source|sink) #|'change' on server", line):
                self._look_again()
        watcher.wait()
        watcher.stdout.close()
        if self._watcher is watcher:  # it ended by itself: the server is gone
            self._watcher = None
            self.nodes = {}
            self._changed()

    @property
    def defaults(self) -> frozenset[str]:
        """Names of the source and the sink it prefers."""
        return frozenset(node.node for node in self.nodes.values() if node.default)

    def _look_again(self) -> None:
        try:
            self.look()
        except SoundServerMissing:
            self.nodes = {}
        if not self._closing.is_set():
            self._changed()

    # --- the virtual microphone --------------------------------------------------------------------------------

    def make_microphone(self) -> None:
        """Make the virtual microphone, after removing those whose makers are dead.

        Raises:
            SoundServerMissing: The server refuses; the message says what it said.
        """
        living = self._remove_dead()
        number, suffix = (f" {living + 1}", f"_{living + 1}") if living else ("", "")
        sink, source = cables.VOICE_SINK + suffix, cables.VOICE_SOURCE + suffix
        shape = ("rate=48000", "channels=1", "channel_map=mono")
        self._load("module-null-sink", f"sink_name={sink}", *shape, _properties("sink", cables.FEED + number))
        self._load(
            "module-remap-source",
            f"master={sink}.monitor",
            f"source_name={source}",
            _properties("source", cables.MICROPHONE + number),
        )
        self._made = (sink, source)
        self.microphone = cables.MICROPHONE + number
        self.look()

    def _load(self, module: str, *arguments: str) -> None:
        self._modules.append(_run("load-module", module, *arguments).strip())

    @staticmethod
    def _remove_dead() -> int:
        """Unload what dead makers left; returns how many virtual microphones of living ones there are."""
        living = set()
        for line in reversed(_run("list", "short", "modules").splitlines()):
            if made := _MADE.search(line):
                pid = int(made[1])
                if _alive(pid):
                    living.add(pid)
                else:
                    with contextlib.suppress(SoundServerMissing):
                        _run("unload-module", line.split()[0])
        return len(living)

    # --- ALSA --------------------------------------------------------------------------------------------------

    def configure(self) -> frozenset[str]:
        """Give ALSA in this process a name for every source and sink, before PortAudio begins; returns the names."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="avatar-sound-"))
        system = f"<{self._system_config}>" if self._system_config else "<confdir:alsa.conf>"
        entries = [system]
        nodes = self.nodes  # replaced by another thread when something comes or goes
        for name, node in nodes.items():
            # One direction only: the plugin would take either and fail as late as the stream begins.
            way = "playback" if node.plays else "capture"
            entries.append(f'pcm."{name}" {{ type asym {way}.pcm {{ type pulse device "{node.node}" }} }}')
        path = self._folder / "asound.conf"
        path.write_text("\n".join(entries) + "\n", encoding="utf-8")
        os.environ[_CONFIG_VARIABLE] = str(path)
        return frozenset(nodes)

    def close(self) -> None:
        """Remove the virtual microphone and what was written."""
        watcher, self._watcher = self._watcher, None
        self._closing.set()
        if watcher is not None:
            watcher.terminate()
        if self._thread is not None:
            self._thread.join(_TIMEOUT_S)
        for module in reversed(self._modules):
            with contextlib.suppress(SoundServerMissing):  # the server may have ended before
                _run("unload-module", module)
        self._modules = []
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            if self._system_config is None:
                os.environ.pop(_CONFIG_VARIABLE, None)
            else:
                os.environ[_CONFIG_VARIABLE] = self._system_config


def _run(*arguments: str) -> str:
    try:
        ran = subprocess.run(
            ["pactl", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SoundServerMissing(f"the sound server does not answer ({error}): start it anew") from error
    if ran.returncode:
        said = next(iter(ran.stderr.strip().splitlines()), f"code {ran.returncode}")
        raise SoundServerMissing(
            f"the sound server does not answer ({said}): start PulseAudio, or PipeWire with pipewire-pulse"
        )
    return ran.stdout


def _ask(*arguments: str) -> Any:
    text = _run("--format=json", *arguments)
    try:
        return json.loads(text)
    except ValueError as error:
        raise SoundServerMissing(
            "pactl is too old to tell what there is: version 16 or newer is needed (Debian 12, Ubuntu 22.10)"
        ) from error


def _alsa_name(description: str, taken: dict[str, Node]) -> str:
    """A name that ALSA can hold: it reads dots, colons and quotes itself; and that no other device has."""
    name = re.sub(r"\s+", " ", re.sub(r"[\".:,{}\\\x00-\x1f]", " ", description)).strip() or "device"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name} {number}", number + 1
    return unique


def _properties(kind: str, description: str) -> str:
    return f"{kind}_properties=\"device.description='{description}' avatar.pid='{os.getpid()}'\""


def _plugin_installed() -> bool:
    places = (f"alsa-lib/{_PLUGIN}", f"*/alsa-lib/{_PLUGIN}")
    return any(next(Path(folder).glob(place), None) for folder in _PLUGIN_FOLDERS for place in places)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
