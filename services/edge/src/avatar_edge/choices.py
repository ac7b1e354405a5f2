"""What the person chose for the call, and may choose otherwise while it lasts."""

from __future__ import annotations

from typing import Any

import msgspec

from avatar_contracts import SessionConfig
from avatar_edge.errors import BadChoice

CHANGEABLE = ("mode", "respond", "patience", "speculate")


class Choices:
    """The configuration that holds now.

    Attributes:
        config: What workers are told.
        changed: It is not what the call began with.
    """

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self.changed = False

    def change(self, **chosen: object) -> SessionConfig:
        """Choose otherwise where a value other than None is given; raises `BadChoice`."""
        given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        config = msgspec.structs.replace(self.config, **given)
        try:
            msgspec.convert(msgspec.to_builtins(config), SessionConfig)
        except msgspec.ValidationError:
            wrong = next(name for name, value in given.items() if not _valid(name, value))
            raise BadChoice(f"{wrong} cannot be {given[wrong]!r}; it is {_allowed(wrong)}") from None
        self.changed |= config != self.config
        self.config = config
        return config


def options(name: str) -> tuple[str, ...]:
    """The words one may choose from."""
    kind = next(field.type for field in msgspec.structs.fields(SessionConfig) if field.name == name)
    return tuple(getattr(kind, "__args__", ())) or ("on", "off")


def _valid(name: str, value: object) -> bool:
    return isinstance(value, bool) if name == "speculate" else value in options(name)


def _allowed(name: str) -> str:
    *most, last = options(name)
    return f"{', '.join(most)} or {last}"
