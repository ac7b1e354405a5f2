"""`avatar config show`: every setting in effect, with its source."""

from __future__ import annotations

import importlib
from typing import cast

import msgspec

from avatar_cli.console import table
from avatar_cli.errors import CliError
from avatar_runtime.settings import SettingsError, describe, load

_KINDS = ("asr", "llm", "tts", "face", "edge", "web", "cli")
_MODULES = {"web": "avatar_edge.web.settings", "cli": "avatar_cli.settings"}


def run(service: str | None) -> None:
    """Print the settings of one service, or of all."""
    if service and service not in _KINDS:
        raise CliError(f"There is no service {service!r}; there are: {', '.join(_KINDS)}.")
    for kind in (service,) if service else _KINDS:
        try:
            settings = load(kind, settings_type(kind), argv=[])
        except SettingsError as error:
            raise CliError(str(error)) from error
        table(kind, ("setting", "value", "from"), describe(settings))


def settings_type(kind: str) -> type[msgspec.Struct]:
    """The settings class of a service: the ``…Settings`` struct of its own `settings` module."""
    module = importlib.import_module(_MODULES.get(kind, f"avatar_{kind}.settings"))
    return cast("type[msgspec.Struct]", getattr(module, f"{kind.capitalize()}Settings"))
