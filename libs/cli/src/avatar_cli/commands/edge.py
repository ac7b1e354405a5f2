"""`avatar edge`: the edge service in the foreground, its flags passed through, with ears beside it where that helps."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Literal

import msgspec

from avatar_cli import beside, discovery
from avatar_cli.console import say
from avatar_cli.settings import load_cli
from avatar_edge import EdgeSettings
from avatar_edge.__main__ import main as edge
from avatar_runtime import log
from avatar_runtime.bus import BusError
from avatar_runtime.settings import load

_LOGS = Path(".run") / "logs"
_LOOK_S = 0.5
"""Everybody on a bus across an ocean has answered by then."""

_OWN = """The command's own flags:

  --bus URL       short for --bus.url
  --setup         choose the devices, hear and see each of them
  --ears-here     run ears on this machine, so that the microphone does not cross the network; by itself where it helps
  --no-ears       run none here
"""


def run(arguments: list[str]) -> None:
    """Run ``python -m avatar_edge`` in this process; ``--bus URL`` is the short form of its ``--bus.url``.

    Three flags are the command's own: ``--setup`` chooses devices, ``--ears-here`` runs ears on this machine in any
    case, ``--no-ears`` in none.
    """
    flags = ["--bus.url" + flag[5:] if flag.split("=")[0] == "--bus" else flag for flag in arguments]
    own = {flag for flag in flags if flag in ("--setup", "--ears-here", "--no-ears")}
    flags = [flag for flag in flags if flag not in own]
    if "--setup" in own:
        from avatar_cli.setup import command

        command.run(flags)
        return
    if sys.stdin.isatty():  # somebody talks here: the log would stand between the lines
        os.environ.setdefault("AVATAR_LOG__LEVEL", "error")
    if {"-h", "--help"} & set(flags):
        say(_OWN)
    settings = load("edge", EdgeSettings, argv=flags)
    choice = "off" if "--no-ears" in own else "on" if "--ears-here" in own else load_cli().ears_here
    ears = _ears(settings, choice) if choice != "off" else beside.Ears()
    if ears.note:
        say(ears.note, style="yellow")
    if ears.url:  # the picture has a connection of its own: it must not stand before the sound in one pipe
        os.environ["AVATAR_EDGE__VIDEO_BUS"] = settings.video_bus or settings.bus.url  # may hold a password: no flag
        flags.append(f"--bus.url={ears.url}")
        say("The ears run here: your microphone stays on this machine.")
    sys.argv[1:] = flags
    edge()  # what hangs on the lifeline ends with this process


def _ears(settings: EdgeSettings, choice: Literal["auto", "on"]) -> beside.Ears:
    if choice == "on":
        return beside.start(settings.bus, _LOGS)
    bus = msgspec.structs.replace(settings.bus, connect_timeout_s=2.0)
    log.configure(msgspec.structs.replace(settings.log, level="error"), "cli")
    try:
        found = asyncio.run(discovery.instances(bus, wait_s=0.2 if beside.is_loopback(bus) else _LOOK_S))
    except BusError:
        return beside.Ears()  # it may come; the edge waits for it and says so
    if not beside.wanted(bus, found):
        return beside.Ears()
    ears = beside.start(settings.bus, _LOGS)
    # Behind a loopback address may be a tunnel or a container of this machine: not known to cross anything.
    return ears._replace(note="") if beside.is_loopback(bus) else ears
