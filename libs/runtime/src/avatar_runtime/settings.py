"""Settings of a service: defaults < avatar.toml < environment < flags, every mistake an error that names its place.

One file serves a whole machine. ``[bus]``, ``[log]`` and ``[telemetry]`` are shared by all services, ``[tts]`` belongs
to one of them, and ``[tts.bus]`` overrides a shared value for that one. The same key is ``AVATAR_TTS__ENGINE`` in the
environment and ``--engine`` as a flag; shared ones are ``AVATAR_BUS__URL`` and ``--bus.url``.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec

DEFAULT_FILE = "avatar.toml"
FILE_VARIABLE = "AVATAR_CONFIG"
SHARED_SECTIONS = ("bus", "log", "telemetry")
SECTIONS = (*SHARED_SECTIONS, "asr", "llm", "tts", "face", "edge", "cli")
_PREFIX = "AVATAR_"
_SECRET = re.compile(r"token|password|secret|seed|key")
_MASK = "********"


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, where it came from and what to do."""


class BusSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to reach the NATS server.

    Attributes:
        url: One URL, or several of one cluster separated by commas: ``nats://``, ``tls://`` or ``ws(s)://``.
        user: User name, with `password`.
        password: Password of `user`.
        token: Token, where the server wants one.
        nkey_seed_file: File that holds the seed of an nkey user.
        connect_timeout_s: How long to wait for a server that is away before that is an error; 0 waits for ever.
    """

    url: str = "nats://127.0.0.1:4222"
    user: str = ""
    password: str = ""
    token: str = ""
    nkey_seed_file: str = ""
    connect_timeout_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0


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
    worker: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{0,32}$")] = ""


class Setting(NamedTuple):
    """One line of `describe`: dotted key, printable value, and where the value came from."""

    key: str
    value: str
    source: str


class _Given(NamedTuple):
    """A value somebody gave: `lax` ones are text from the environment or a flag."""

    value: Any
    source: str
    lax: bool


S = TypeVar("S", bound=msgspec.Struct)
_Values = dict[str, _Given]


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
    flags, config = _from_flags(sys.argv[1:] if argv is None else argv, kind, keys)
    named = path or config or environ.get(FILE_VARIABLE)
    values = _from_file(named, kind, keys) | _from_environment(environ, kind, keys) | flags
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


def _unknown(what: str, name: str, known: Iterable[str], source: str) -> SettingsError:
    """The error for a name nobody knows, with the nearest known ones."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    return SettingsError(f"{source}: unknown {what} {name!r}; {hint}")


def _from_file(named: Path | str | None, kind: str, keys: Mapping[str, Any]) -> _Values:
    path = Path(named or DEFAULT_FILE)
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        if named:
            raise SettingsError(f"settings file {path} does not exist; create it or name another one") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file {path} is not valid TOML: {error}; correct that line") from error
    values: _Values = {}
    sections = {*SECTIONS, kind}
    for section in sorted(tables, key=kind.__eq__):  # the service's own section last: it overrides the shared ones
        source = f"{path}:{_line_of(text, section)}"
        if section not in sections:
            raise _unknown("section" if isinstance(tables[section], dict) else "key", section, sections, source)
        if not isinstance(tables[section], dict):
            raise SettingsError(f"{source}: {section} must be a section: write [{section}] and its keys below")
        if section == kind or section in SHARED_SECTIONS:
            prefix = "" if section == kind else f"{section}."
            for key, value in _leaves(tables[section], prefix, keys):
                written = f"{section}.{key.removeprefix(prefix)}"
                source = f"{path}:{_line_of(text, written)}"
                if key not in keys:
                    raise _unknown("key", written, (_written(kind, known) for known in keys), source)
                values[key] = _Given(value, source, lax=False)
    return values


def _leaves(table: Mapping[str, Any], prefix: str, keys: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted keys of a TOML table, opened only where the settings have a nested struct."""
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and key not in keys:
            yield from _leaves(value, f"{key}.", keys)
        else:
            yield key, value


def _line_of(text: str, written: str) -> int:
    """The line that sets dotted key `written`, or of the last header on the way to it; 1 when neither is plain."""
    found, header = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
            header = match[1]
            name = header
        elif match := re.match(r"\s*([\w.\-\"]+)\s*=", line):
            name = f"{header}.{match[1]}".lstrip(".")
        else:
            continue
        if name == written:
            return number
        if written.startswith(f"{name}."):
            found = number
    return found


def _from_environment(environ: Mapping[str, str], kind: str, keys: Mapping[str, Any]) -> _Values:
    sections = {*SECTIONS, kind}
    shared: _Values = {}
    own: _Values = {}
    variables = {_variable(_written(kind, key)): key for key in keys}
    almost = {variable.replace("__", "_"): variable for variable in variables}
    for variable, value in sorted(environ.items()):
        if variable in almost and variable not in variables:
            raise SettingsError(f"environment: {variable} is not read; write {almost[variable]}")
        if not variable.startswith(_PREFIX) or "__" not in variable:
            continue
        source = f"environment {variable}"
        section, *rest = variable.removeprefix(_PREFIX).lower().split("__")
        if section not in sections:
            raise _unknown("section", section, sections, source)
        key = ".".join(rest)
        if section in SHARED_SECTIONS:
            key = f"{section}.{key}"
        elif section != kind:
            continue
        if key not in keys:
            raise _unknown("variable", variable, variables, source)
        (own if section == kind else shared)[key] = _Given(value, source, lax=True)
    return shared | own


def _from_flags(argv: Sequence[str], kind: str, keys: Mapping[str, Any]) -> tuple[_Values, str | None]:
    values: _Values = {}
    config: str | None = None
    rest = list(argv)
    while rest:
        flag = rest.pop(0)
        if flag in ("-h", "--help"):
            sys.stdout.write(_usage(kind, keys))
            raise SystemExit(0)
        if not flag.startswith("--"):
            raise SettingsError(f"flags: unexpected {flag!r}; settings are written --key value, see --help")
        name, equals, value = flag[2:].partition("=")
        key = name.replace("-", "_")
        if key != "config" and key not in keys:
            raise _unknown("flag", f"--{name}", ("--config", *(f"--{known}" for known in keys)), "flags")
        if not equals:
            if keys.get(key) is bool and (not rest or rest[0].startswith("--")):
                value = "true"
            elif rest:
                value = rest.pop(0)
            else:
                raise SettingsError(f"flags: --{name} needs a value")
        if key == "config":
            config = value
        else:
            values[key] = _Given(value, f"flag --{name}", lax=True)
    return values, config


def _usage(kind: str, keys: Mapping[str, Any]) -> str:
    lines = [f"Settings of {kind}: a flag, a variable, or a key of {DEFAULT_FILE} (--config FILE names another).", ""]
    lines += [f"  --{key:<28} {_variable(_written(kind, key)):<40} {_written(kind, key)}" for key in keys]
    return "\n".join(lines) + "\n"


def _written(kind: str, key: str) -> str:
    """The key as the file has it: with its section in front."""
    return key if key.split(".", maxsplit=1)[0] in SHARED_SECTIONS else f"{kind}.{key}"


def _variable(written: str) -> str:
    return _PREFIX + written.replace(".", "__").upper()


def _build(kind: str, cls: type[S], values: _Values, prefix: str = "", base: S | None = None) -> S:
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
                f"{_written(kind, key)} is not set; set it in {DEFAULT_FILE}, as --{key}, "
                f"or as {_variable(_written(kind, key))}"
            )
    try:
        return cls(**made)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"settings of {kind}: {error}") from error


def _converted(key: str, given: _Given, type_: Any) -> Any:
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
