"""The settings the command itself needs."""

from __future__ import annotations

from typing import Literal

import msgspec

from avatar_cli.errors import CliError
from avatar_runtime.settings import BusSettings, LogSettings, SettingsError, TelemetrySettings, load


class CliSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, dict=True):
    """The shared sections of the settings, and what the command does beyond starting things.

    Attributes:
        ears_here: Whether `avatar edge` runs ears on its own machine, so that the microphone does not cross the
            network: ``auto`` when the bus, or the ears on it, are elsewhere, ``on`` or ``off``.
        bus: The bus that the stack started here serves, or joins.
        log: The log of the services.
        telemetry: Where traces go.
    """

    ears_here: Literal["auto", "on", "off"] = "auto"
    bus: BusSettings = BusSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()


def load_cli() -> CliSettings:
    """The settings of this folder and environment; raises `CliError` with the plain sentence when they are wrong."""
    try:
        return load("cli", CliSettings, argv=[])
    except SettingsError as error:
        raise CliError(str(error)) from error
