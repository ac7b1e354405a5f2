"""Engines by name: ``avatar_tts.engines.espeak`` is the tts engine ``espeak``, imported when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from typing import Any

from avatar_contracts import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineInfo:
    """What a person should know of an engine before choosing it.

    Attributes:
        name: As in the setting `engine`.
        device: Where it runs: ``cpu``, ``cuda`` or ``remote``.
        licence: Of code and weights, with attribution.
        languages: ISO 639 codes it understands, answers in or speaks, its usual one first; empty where language does
            not matter or its model decides.
        rate: Samples per second it hears or speaks; 0 where there is no sound.
        needs: What must be installed or downloaded first; empty for nothing.
    """

    name: str
    device: str
    licence: str
    languages: tuple[str, ...] = ()
    rate: int = 0
    needs: str = ""


class EngineError(Exception):
    """An engine cannot be used; the message says what to do."""


class UnknownEngine(EngineError):
    """No such engine."""


class EngineUnavailable(EngineError):
    """The engine exists, but what it needs is not installed or not there."""


def names(kind: Kind) -> list[str]:
    """The engines a service comes with."""
    package = importlib.import_module(f"avatar_{kind}.engines")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if _is_engine(kind, module.name))


def _is_engine(kind: Kind, name: str) -> bool:
    # An engine's module is told from its neighbours (base, worker processes) by the `create` it must define.
    spec = importlib.util.find_spec(f"avatar_{kind}.engines.{name}")
    source = spec.loader.get_source(spec.name) if spec and spec.loader else ""  # type: ignore[attr-defined]
    return "\ndef create(" in (source or "")


def create(kind: Kind, name: str, settings: Any) -> Any:
    """Import engine `name` of `kind` and build it with `settings`; it is loaded later, by `Service.warm_up`.

    A named engine never silently becomes another one.

    Raises:
        UnknownEngine: The service has no engine of that name.
        EngineUnavailable: A package it needs is not installed.
    """
    known = names(kind)
    if name not in known:
        raise UnknownEngine(
            f"{kind} has no engine {name!r}; it has: {', '.join(known)}. Set [{kind}] engine in avatar.toml"
        )
    try:
        module = importlib.import_module(f"avatar_{kind}.engines.{name}")
    except ImportError as error:
        raise EngineUnavailable(
            f"the {kind} engine {name} needs {error.name or error}: run `uv sync --extra {name}`"
        ) from error
    return module.create(settings)
