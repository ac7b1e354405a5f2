"""Runs the setup on this machine's devices and saves what was chosen."""

from __future__ import annotations

import sys

from avatar_cli.console import say
from avatar_cli.errors import CliError
from avatar_cli.setup.machine import RealMachine
from avatar_cli.setup.wizard import Wizard
from avatar_edge import EdgeSettings
from avatar_edge.devices.portaudio import PortAudio
from avatar_edge.devices.saved import save
from avatar_edge.errors import PortAudioMissing, SoundServerMissing
from avatar_runtime import log
from avatar_runtime.settings import LogSettings, load


def run(flags: list[str]) -> None:
    """Ask at the terminal, or read the answers from a pipe; raises `CliError` without sound devices."""
    settings = load("edge", EdgeSettings, argv=flags)
    log.configure(LogSettings(level="error"), "cli")
    try:
        portaudio = PortAudio()
    except PortAudioMissing as error:
        raise CliError(str(error)) from error
    try:
        _walk(portaudio, settings)
    finally:
        portaudio.close()


def _walk(portaudio: PortAudio, settings: EdgeSettings) -> None:
    if portaudio.without_server:
        say(" ".join(portaudio.without_server.split()), style="yellow")
    if settings.speaker in ("auto", "none"):
        try:
            portaudio.make_microphone()  # for the time of the setup; `avatar edge` makes it again
        except SoundServerMissing as error:
            say(str(error), style="yellow")
    wizard = Wizard(RealMachine(portaudio), settings, sys.stdin, sys.stdout)
    wizard.run()
    if not wizard.answered:
        say("\nNothing was asked and nothing saved: run `avatar edge --setup` in a terminal to choose.")
        return
    file = save(wizard.choice)
    say(f"\nSaved in {file}. `avatar edge` starts the call; `avatar edge --setup` chooses again.", style="bold")
