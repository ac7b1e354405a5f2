"""The settings the command itself needs: where the bus is."""

from __future__ import annotations

import msgspec

from avatar_cli.errors import CliError
from avatar_runtime.settings import BusSettings, LogSettings, SettingsError, TelemetrySettings, load


class CliSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, dict=True):
    """The shared sections of the settings; the command has none of its own.

    Attributes:
        bus: The bus that the stack started here serves, or joins.
        log: The log of the services.
        telemetry: Where traces go.
    """

    bus: BusSettings = BusSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()


def load_cli() -> CliSettings:
    """The settings of this folder and environment; raises `CliError` with the plain sentence when they are wrong."""
    try:
        return load("cli", CliSettings, argv=[])
    except SettingsError as error:
        raise CliError(str(error)) from error
