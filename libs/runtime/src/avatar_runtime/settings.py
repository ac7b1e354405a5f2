"""Settings of a service: defaults < avatar.toml < environment < flags, every mistake an error that names its place.

One file serves a whole machine. ``[bus]``, ``[log]`` and ``[telemetry]`` are shared by all services, ``[tts]`` belongs
to one of them, and ``[tts.bus]`` overrides a shared value for that one. The same key is ``AVATAR_TTS__ENGINE`` in the
environment and ``--engine`` as a flag; shared ones are ``AVATAR_BUS__URL`` and ``--bus.url``.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

from avatar_runtime.sources import (
    DEFAULT_FILE,
    Given,
    SettingsError,
    Values,
    file_key,
    from_environment,
    from_file,
    from_flags,
    variable_name,
)

FILE_VARIABLE = "AVATAR_CONFIG"
_SECRET = re.compile(r"(token|password|secret|seed|key)(?!.*_file$)")
_MASK = "********"


class BusSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to reach the NATS server.

    Attributes:
        url: One URL, or several of one cluster separated by commas: ``nats://``, ``tls://`` or ``ws(s)://``.
        user: User name, with `password`.
        password: Password of `user`.
        token: Token, where the server wants one.
        nkey_seed_file: File that holds the seed of an nkey user.
        connect_timeout_s: How long to wait for a server that is away before that is an error; 0 waits for ever.
        leaf_port: Port at which the server takes the servers of edges elsewhere, which keep their microphones to
            themselves; 0: none.
    """

    url: str = "nats://127.0.0.1:4222"
    user: str = ""
    password: str = ""
    token: str = ""
    nkey_seed_file: str = ""
    connect_timeout_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    leaf_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 7422


class LogSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is logged and how.

    Attributes:
        level: The least severe level that is written.
        format: ``pretty`` for people, ``json`` for machines, ``auto``: pretty on a terminal.
        content: Allow what people said or typed in the log. Off: it never gets there.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "pretty"] = "auto"
    content: bool = False


class TelemetrySettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where traces go.

    Attributes:
        otlp_endpoint: Base URL of an OTLP/HTTP collector, such as ``http://127.0.0.1:4318``. Empty: traces stay here.
    """

    otlp_endpoint: str = ""


class ServiceSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, dict=True):
    """What every service can be told. Each service adds its own fields in a subclass (`kw_only` again).

    Attributes:
        bus: The bus.
        log: The log.
        telemetry: The traces.
        health_port: Port of /healthz, /readyz and /metrics on 127.0.0.1; 0 takes any free one.
        capacity: Sessions one worker serves at a time.
        worker: Name of this worker; empty: a name is made up.
    """

    bus: BusSettings = BusSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    health_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    capacity: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 4
    worker: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9-]{1,38}[a-z0-9])?$")] = ""


class Setting(NamedTuple):
    """One line of `describe`: dotted key, printable value, and where the value came from."""

    key: str
    value: str
    source: str


__all__ = [
    "BusSettings",
    "LogSettings",
    "ServiceSettings",
    "Setting",
    "SettingsError",
    "TelemetrySettings",
    "describe",
    "load",
]

S = TypeVar("S", bound=msgspec.Struct)


def load(
    kind: str,
    cls: type[S],
    argv: Sequence[str] | None = None,
    environ: Mapping[str, str] | None = None,
    path: Path | str | None = None,
) -> S:
    """The settings of service `kind`, an instance of `cls`.

    Args:
        kind: Section of the file and part of the variables' names.
        cls: A subclass of `ServiceSettings`.
        argv: Flags; None takes the process's own. ``--help`` prints all settings and exits.
        environ: Environment; None takes the process's own.
        path: The file; None takes ``--config``, then ``AVATAR_CONFIG``, then ``avatar.toml`` here if there is one.

    Raises:
        SettingsError: An unknown key, a value of the wrong type, broken TOML, or a named file that is not there.
    """
    environ = os.environ if environ is None else environ
    keys = dict(_keys(cls))
    flags, config = from_flags(sys.argv[1:] if argv is None else argv, kind, keys)
    named = path or config or environ.get(FILE_VARIABLE)
    values = from_file(named, kind, keys) | from_environment(environ, kind, keys) | flags
    settings = _build(kind, cls, values)
    if hasattr(settings, "__dict__"):
        settings.__dict__["sources"] = {key: given.source for key, given in values.items()}
    return settings


def describe(settings: msgspec.Struct) -> list[Setting]:
    """Every setting with its value and source; secrets are masked, also inside URLs."""
    sources: Mapping[str, str] = getattr(settings, "__dict__", {}).get("sources", {})
    return [
        Setting(key, _printable(key, _value_at(settings, key)), sources.get(key, "default"))
        for key in dict(_keys(type(settings)))
    ]


def _keys(cls: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and type of every field, nested structs opened."""
    for field in msgspec.structs.fields(cls):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _keys(field.type, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, field.type


def _build(kind: str, cls: type[S], values: Values, prefix: str = "", base: S | None = None) -> S:
    """An instance of `cls`: what `values` give, over the fields of `base`, over the defaults."""
    made: dict[str, Any] = {} if base is None else msgspec.structs.asdict(base)
    for field in msgspec.structs.fields(cls):
        key = prefix + field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            if any(given.startswith(f"{key}.") for given in values) or field.required:
                default = None if field.default is msgspec.NODEFAULT else field.default
                made[field.name] = _build(kind, field.type, values, f"{key}.", made.get(field.name, default))
        elif key in values:
            made[field.name] = _converted(key, values[key], field.type)
        elif field.required and field.name not in made:
            raise SettingsError(
                f"{file_key(kind, key)} is not set; set it in {DEFAULT_FILE}, as --{key}, "
                f"or as {variable_name(file_key(kind, key))}"
            )
    try:
        return cls(**made)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"settings of {kind}: {error}") from error


def _converted(key: str, given: Given, type_: Any) -> Any:
    """The value as the field's type; text from variables and flags may stand for numbers, truth and lists."""
    value = given.value
    try:
        if given.lax and value[:1] in ("[", "{"):
            value = tomllib.loads(f"value = {value}")["value"]
        return msgspec.convert(value, type_, strict=not given.lax, dec_hook=_foreign)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        shown = _printable(key, given.value)
        raise SettingsError(f"{given.source}: {key} = {shown} cannot be used: {error}") from error


def _foreign(type_: type, value: Any) -> Any:
    if type_ is Path and isinstance(value, str):
        return Path(value).expanduser()
    raise msgspec.ValidationError(f"expected {type_.__name__}, got {type(value).__name__}")


def _value_at(settings: msgspec.Struct, key: str) -> Any:
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _printable(key: str, value: Any) -> str:
    if _SECRET.search(key.rsplit(".", 1)[-1]) and value and not isinstance(value, int | float):
        return _MASK
    text = value if isinstance(value, str) else str(value)
    return re.sub(r"(\w+://)[^/@\s,]+@", rf"\1{_MASK}@", text)
