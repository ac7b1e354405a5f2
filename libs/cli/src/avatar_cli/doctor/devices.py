"""Checks of the devices of a call: microphone, meeting, virtual microphone, virtual camera, webcam."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from avatar_cli.doctor.check import Check
from avatar_edge import EdgeSettings
from avatar_edge.devices import cables
from avatar_edge.devices.catalogue import Device, Table, Use, find, this_system
from avatar_edge.devices.portaudio import PortAudio
from avatar_edge.devices.virtual_camera import VirtualCamera
from avatar_edge.errors import CameraError, DeviceMissing, PortAudioMissing
from avatar_runtime.settings import SettingsError, load

_NONE = ("", "none")
_FILE = "file:"
_NAMES: dict[Use, str] = {
    "mic": "microphone",
    "meeting": "meeting",
    "speaker": "virtual microphone",
    "monitor": "headphones",
}


def checks() -> list[Check]:
    """Every device the settings choose. What is missing only warns: a call in the browser needs none of them."""
    try:
        settings = load("edge", EdgeSettings, argv=[])
    except SettingsError as error:
        return [Check("devices", "fail", str(error), "Correct it; `avatar config show edge` shows what is in effect.")]
    return [*sound(settings), camera(settings), webcam(settings)]


def sound(settings: EdgeSettings) -> list[Check]:
    """The sound system, and each device by its selector."""
    try:
        portaudio = PortAudio()
    except PortAudioMissing as error:
        found, fix = split(str(error))
        return [Check("sound", "warn", found, f"{fix} (a call in the browser works without)")]
    try:
        table = portaudio.table()
        made = portaudio.server is not None
        found = f"PortAudio, {len(table.devices)} devices"
        server = Check("sound", "ok", f"{found}, with a sound server" if made else found)
        if portaudio.without_server:
            what, fix = split(portaudio.without_server, "; ")
            server = Check("sound", "warn", f"{found}; {what}", fix)
        return [server, *chosen(settings, table, makes_microphone=made)]
    finally:
        portaudio.close()


def chosen(settings: EdgeSettings, table: Table, *, makes_microphone: bool) -> Iterator[Check]:
    """The devices by their selectors; `makes_microphone`: `avatar edge` makes the virtual microphone itself."""
    voice: Device | None = None
    if settings.speaker == "auto" and makes_microphone:
        yield Check(_NAMES["speaker"], "ok", f'`avatar edge` makes it: "{cables.MICROPHONE}"')
    elif settings.speaker in _NONE:
        yield Check(_NAMES["speaker"], "ok", "switched off by speaker = none")
    else:
        check, voice = _device("speaker", settings.speaker, table, None)
        yield check
    uses: tuple[tuple[Use, str], ...] = (
        ("mic", settings.mic),
        ("meeting", "none" if settings.ears == "mic" else settings.meeting),
        ("monitor", settings.monitor),
    )
    for use, selector in uses:
        if selector not in _NONE:
            yield _device(use, selector, table, voice)[0]


def _device(use: Use, selector: str, table: Table, voice: Device | None) -> tuple[Check, Device | None]:
    name = _NAMES[use]
    if selector.startswith(_FILE):
        path = Path(selector.removeprefix(_FILE))
        if use == "speaker" or path.exists():
            return Check(name, "ok", f"the file {path}"), None
        return Check(name, "fail", f"there is no file {path}", "Name another file, or a device."), None
    try:
        device = find(selector, use, table, speaker=voice)
    except DeviceMissing as error:
        found, fix = split(str(error))
        return Check(name, "warn", found, fix), None
    return Check(name, "ok", f"{device.name} ({device.api}, {device.rate} Hz)"), device


def camera(settings: EdgeSettings) -> Check:
    """The virtual camera, opened for a moment."""
    name = "virtual camera"
    if settings.camera == "none":
        return Check(name, "ok", "switched off by camera = none")
    device = VirtualCamera(settings.camera, settings.camera_width, settings.camera_height)
    try:
        device.open(settings.width, settings.height, settings.fps)
    except CameraError as error:
        found, fix = split(str(error), "; ")
        return Check(name, "warn", found, fix)
    shown = f"{device.name}, {settings.camera_width}x{settings.camera_height} at {settings.fps}"
    device.close()
    return Check(name, "ok", shown)


def webcam(settings: EdgeSettings) -> Check:
    """The person's own camera; not opened, its light would go on."""
    if not settings.webcam:
        return Check("own webcam", "ok", "none chosen (webcam); needed to show yourself in place of the clone")
    if sys.platform == "linux" and settings.webcam.isdigit():
        path = Path(f"/dev/video{settings.webcam}")
    else:
        path = Path(settings.webcam)
    if settings.webcam.isdigit() and this_system() != "linux":
        return Check("own webcam", "ok", f"camera {settings.webcam}")
    if path.exists():
        return Check("own webcam", "ok", str(path))
    return Check("own webcam", "warn", f"there is no {path}", "Plug it in, or choose another with `webcam`.")


def split(sentence: str, between: str = ": ") -> tuple[str, str]:
    """What is wrong, and what to do, of a message that says both."""
    found, _, fix = sentence.rpartition(between) if between == "; " else sentence.partition(between)
    if not found or not fix:
        return sentence, ""
    if fix.startswith("this machine has no"):
        return sentence, "Plug one in. A call in the browser, and typed lines, need none."
    return found, fix[:1].upper() + fix[1:]
