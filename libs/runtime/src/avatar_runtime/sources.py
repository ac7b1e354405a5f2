"""Where settings come from: the file, the environment and the flags, each value with the place it was given at."""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DEFAULT_FILE = "avatar.toml"
SHARED_SECTIONS = ("bus", "log", "telemetry")
SECTIONS = (*SHARED_SECTIONS, "asr", "llm", "tts", "face", "edge", "web", "cli")
_PREFIX = "AVATAR_"


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, where it came from and what to do."""


class Given(NamedTuple):
    """A value somebody gave: `lax` ones are text from the environment or a flag."""

    value: Any
    source: str
    lax: bool


Values = dict[str, Given]


def _unknown(what: str, name: str, known: Iterable[str], source: str) -> SettingsError:
    """The error for a name nobody knows, with the nearest known ones."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
    return SettingsError(f"{source}: unknown {what} {name!r}; {hint}")


def from_file(named: Path | str | None, kind: str, keys: Mapping[str, Any]) -> Values:
    """What the file says for service `kind`; a file that nobody named need not be there."""
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
    except RecursionError as error:
        raise SettingsError(f"settings file {path} is not valid TOML: it is nested too deeply") from error
    values: Values = {}
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
                    raise _unknown("key", written, (file_key(kind, known) for known in keys), source)
                values[key] = Given(value, source, lax=False)
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


def from_environment(environ: Mapping[str, str], kind: str, keys: Mapping[str, Any]) -> Values:
    """What variables say for service `kind`; those of other services and other programs are left alone."""
    sections = {*SECTIONS, kind}
    shared: Values = {}
    own: Values = {}
    variables = {variable_name(file_key(kind, key)): key for key in keys}
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
        (own if section == kind else shared)[key] = Given(value, source, lax=True)
    return shared | own


def from_flags(argv: Sequence[str], kind: str, keys: Mapping[str, Any]) -> tuple[Values, str | None]:
    """What the flags say, and the file that ``--config`` names; ``--help`` prints all settings and exits."""
    values: Values = {}
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
            values[key] = Given(value, f"flag --{name}", lax=True)
    return values, config


def _usage(kind: str, keys: Mapping[str, Any]) -> str:
    lines = [f"Settings of {kind}: a flag, a variable, or a key of {DEFAULT_FILE} (--config FILE names another).", ""]
    lines += [f"  --{key:<28} {variable_name(file_key(kind, key)):<40} {file_key(kind, key)}" for key in keys]
    return "\n".join(lines) + "\n"


def file_key(kind: str, key: str) -> str:
    """The key as the file has it: with its section in front."""
    return key if key.split(".", maxsplit=1)[0] in SHARED_SECTIONS else f"{kind}.{key}"


def variable_name(written: str) -> str:
    """The environment variable for a key of the file."""
    return _PREFIX + written.replace(".", "__").upper()
