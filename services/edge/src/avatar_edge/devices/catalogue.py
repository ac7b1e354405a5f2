"""Which device a person means. Pure logic over PortAudio's device table.

A selector is ``default`` (the system's), ``auto`` (virtual cable or loopback found by known names), ``none``,
``file:PATH``, or ``[HOST API:]PART OF A NAME`` in any case, such as ``jabra`` or ``wasapi:CABLE Input``. On Windows
every device appears once for each host API, and MME cuts names off after 31 characters.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from avatar_edge.devices import cables
from avatar_edge.errors import DeviceMissing

Use = Literal["mic", "meeting", "speaker", "monitor"]
"""What a device is for: own microphone, what the meeting is heard from, virtual microphone, headphones."""
System = Literal["windows", "macos", "linux"]

_PREFERRED: dict[System, tuple[str, ...]] = {
    "windows": ("Windows WASAPI", "Windows DirectSound", "MME", "Windows WDM-KS", "ASIO"),
    "macos": ("Core Audio",),
    "linux": ("ALSA", "JACK Audio Connection Kit", "OSS"),
}
_MME_NAME = 31
_OVERLAP = 6
"""A name that was cut off matches a part that begins with its last characters, so many at least."""
_WORDS: dict[Use, str] = {
    "mic": "a microphone",
    "meeting": "a device to hear the meeting from",
    "speaker": "a virtual microphone",
    "monitor": "headphones",
}
_SHOWN = 6


def this_system() -> System:
    """The system this process runs on."""
    return "windows" if sys.platform == "win32" else "macos" if sys.platform == "darwin" else "linux"


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of the table.

    Attributes:
        index: Its number at PortAudio.
        name: Its name there.
        api: Name of its host API.
        inputs: Channels it records, 0 for none.
        outputs: Channels it plays, 0 for none.
        rate: Samples per second it likes best.
        node: Name of the source or sink of the sound server behind it, empty where there is none.
        monitor: It records what another device plays.
        own: It belongs to the virtual microphone this program made.
        default: The sound server prefers it.
    """

    index: int
    name: str
    api: str
    inputs: int
    outputs: int
    rate: int
    node: str = ""
    monitor: bool = False
    own: bool = False
    default: bool = False

    @property
    def loopback(self) -> bool:
        """It records what another device plays, and may give nothing while that is silent."""
        return self.monitor or self.name.endswith(cables.WASAPI_LOOPBACK)

    @property
    def virtual(self) -> bool:
        """No room lies between it and a program: what is played into it is not heard in the air."""
        return self.own or self.loopback or cables.is_cable(self.name)


class Node(NamedTuple):
    """What the sound server knows of the device PortAudio lists under some name; see `Device`."""

    node: str
    monitor: bool
    own: bool
    default: bool
    plays: bool
    rate: int
    channels: int

    def of(self, device: Device) -> Device:
        """What PortAudio says of the device, made right."""
        return replace(
            device,
            inputs=min(device.inputs, self.channels),
            outputs=min(device.outputs, self.channels),
            rate=self.rate,
            node=self.node,
            monitor=self.monitor,
            own=self.own,
            default=self.default,
        )


@dataclass(frozen=True)
class Table:
    """The devices of a machine at one moment.

    Attributes:
        system: The system.
        devices: All entries, in PortAudio's order.
        default_in: Index of the default input of each host API.
        default_out: Index of its default output.
        served: A sound server stands between PortAudio and the devices.
    """

    system: System
    devices: tuple[Device, ...] = ()
    default_in: Mapping[str, int] = field(default_factory=dict)
    default_out: Mapping[str, int] = field(default_factory=dict)
    served: bool = False

    @classmethod
    def of(
        cls,
        devices: Iterable[Mapping[str, Any]],
        apis: Sequence[Mapping[str, Any]],
        system: System,
        nodes: Mapping[str, Node] | None = None,
        gone: Collection[str] = (),
    ) -> Table:
        """From ``sounddevice.query_devices()`` and ``query_hostapis()``.

        Args:
            devices: The devices.
            apis: The host APIs.
            system: The system.
            nodes: What a sound server knows of them, by name.
            gone: Names that PortAudio still lists but the sound server has no more.
        """
        nodes = nodes or {}
        found = []
        for index, entry in enumerate(devices):
            name = str(entry["name"])
            known = nodes.get(name)
            if name in gone:
                continue
            device = Device(
                index=int(entry.get("index", index)),
                name=name,
                api=str(apis[entry["hostapi"]]["name"]),
                inputs=int(entry["max_input_channels"]),
                outputs=int(entry["max_output_channels"]),
                rate=round(entry["default_samplerate"]),
            )
            found.append(known.of(device) if known else device)
        return cls(
            system=system,
            devices=tuple(found),
            default_in={str(api["name"]): int(api["default_input_device"]) for api in apis},
            default_out={str(api["name"]): int(api["default_output_device"]) for api in apis},
            served=bool(nodes),
        )

    def usable(self, use: Use) -> list[Device]:
        """What can serve a use, the best host API first and there in PortAudio's order."""
        wanted = [device for device in self.devices if (device.inputs if _records(use) else device.outputs)]
        return sorted(wanted, key=lambda device: self._rank(device.api))

    def _rank(self, api: str) -> int:
        preferred = _PREFERRED[self.system]
        return preferred.index(api) if api in preferred else len(preferred)


def find(selector: str, use: Use, table: Table, *, speaker: Device | None = None) -> Device:
    """The device `selector` means; `speaker` is the one the clone's voice goes to, which the ears must not hear.

    Raises:
        DeviceMissing: There is none, or several with different names; the message lists the nearest.
    """
    if selector == "auto":
        return _auto(use, table, speaker)
    if selector == "default":
        return _default(use, table, speaker)
    return _named(selector, use, table, speaker)


def _records(use: Use) -> bool:
    return use in ("mic", "meeting")


def _own_voice(device: Device, speaker: Device | None) -> bool:
    """Whether what is played into `speaker` comes out of `device`."""
    if device.own:
        return True
    return speaker is not None and cables.twins(speaker.name, device.name)


def _auto(use: Use, table: Table, speaker: Device | None) -> Device:
    usable = table.usable(use)
    if use in ("mic", "monitor"):
        return _default(use, table, speaker)
    if use == "speaker":
        for name in cables.VOICE[table.system]:
            for device in usable:
                if device.own or (name and device.name.lower().startswith(name)):
                    return device
        raise DeviceMissing(f"no virtual microphone was found: {cables.INSTALL[table.system]}")
    heard = [device for device in usable if not _own_voice(device, speaker)]
    default_out = _system_default("monitor", table)
    if default_out is not None:
        for device in heard:
            if device.loopback and device.name.startswith(default_out.name):
                return device
            if device.monitor and device.node == f"{default_out.node}.monitor":
                return device
    for name in cables.MEETING[table.system]:
        for device in heard:
            if device.name.lower().startswith(name):
                return device
    raise DeviceMissing(f"nothing was found to hear the meeting from: {cables.HEAR[table.system]}")


def _default(use: Use, table: Table, speaker: Device | None) -> Device:
    usable = table.usable(use)
    default = _system_default(use, table)
    if default is not None and not _misleads(default, use, speaker):
        return default
    # Installing a virtual cable often makes it the default: the clone would hear itself, or the person nothing.
    for device in usable:
        fits = device.node if table.served else default is None or device.api == default.api
        if fits and not _misleads(device, use, speaker):
            return device
    raise DeviceMissing(
        f"{_WORDS[use]} was not found: plug one in, or name one of {_listed(usable)}"
        if usable
        else f"{_WORDS[use]} was not found: this machine has no such device"
    )


def _misleads(device: Device, use: Use, speaker: Device | None) -> bool:
    return device.own or device.virtual or (_records(use) and _own_voice(device, speaker))


def _system_default(use: Use, table: Table) -> Device | None:
    usable = table.usable(use)
    if table.served:
        return next((device for device in usable if device.default), None)
    defaults = table.default_in if _records(use) else table.default_out
    for device in usable:
        if defaults.get(device.api, -1) == device.index:
            return device
    return None


def _named(selector: str, use: Use, table: Table, speaker: Device | None) -> Device:
    api, part = _split(selector, table)
    usable = [device for device in table.usable(use) if api.lower() in device.api.lower()]
    if not part:
        raise DeviceMissing(f"{selector!r} names no device: write a part of its name after {api}:")
    matching = [device for device in usable if _matches(part, device)]
    exact = [device for device in matching if device.name.lower() == part.lower()]
    if not matching:
        raise DeviceMissing(_nothing(selector, part, use, table))
    best = [device for device in exact or matching if device.api == (exact or matching)[0].api]
    if len({device.name for device in best}) > 1:
        raise DeviceMissing(f"{selector!r} fits several devices: {_listed(best)}; write more of the name")
    if _records(use) and _own_voice(best[0], speaker):
        raise DeviceMissing(
            f"{best[0].name} gives back what the clone says: it would hear itself; choose another device for {use}"
        )
    return best[0]


def _split(selector: str, table: Table) -> tuple[str, str]:
    """Host API and part of a name; names hold colons too, so only a known host API counts."""
    head, colon, rest = selector.partition(":")
    known = [device.api.lower() for device in table.devices]
    if colon and head.strip() and any(head.strip().lower() in api for api in known):
        return head.strip(), rest.strip()
    return "", selector.strip()


def _matches(part: str, device: Device) -> bool:
    part, name = part.lower(), device.name.lower()
    if part in name or (device.node and part == device.node.lower()):
        return True
    if device.api != "MME" or len(name) < _MME_NAME:
        return False
    return any(name.endswith(part[:length]) for length in range(len(part), _OVERLAP - 1, -1))


def _nothing(selector: str, part: str, use: Use, table: Table) -> str:
    usable = table.usable(use)
    if not usable:
        return f"{selector!r} was not found: this machine has no device that could be {_WORDS[use]}"
    names = list(dict.fromkeys(device.name for device in usable))
    near = sorted(names, key=lambda name: -_likeness(part, name))
    return f"no device called {selector!r} can be {_WORDS[use]}; there are {_quoted(near)}"


def _likeness(part: str, name: str) -> float:
    return difflib.SequenceMatcher(None, part.lower(), name.lower()).ratio()


def _listed(devices: Sequence[Device]) -> str:
    return _quoted(list(dict.fromkeys(device.name for device in devices)))


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
