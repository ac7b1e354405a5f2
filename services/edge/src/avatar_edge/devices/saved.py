"""Choices of devices kept for the next time: in the ``[edge]`` section of the settings file, the rest left alone."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from avatar_runtime.settings import FILE_VARIABLE, SettingsError
from avatar_runtime.sources import DEFAULT_FILE

_HEADER = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]")


def save(choice: Mapping[str, str | int | float], path: Path | str | None = None) -> Path:
    """Write settings of the edge, such as ``{"mic": "jabra"}``; comments and other settings stay.

    Args:
        choice: Names and values.
        path: The file; None takes what ``AVATAR_CONFIG`` names, then ``avatar.toml`` here. It is made if need be.

    Returns:
        The file.

    Raises:
        SettingsError: It is no valid TOML, or cannot be written.
    """
    file = Path(path or os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        tomllib.loads(text)
        changed = _changed(text, choice)
        tomllib.loads(changed)
        draft = file.with_name(f".{file.name}.new")
        draft.write_text(changed, encoding="utf-8")
        draft.replace(file)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"settings file {file} cannot hold the choice: {error}; correct that line") from error
    except OSError as error:
        raise SettingsError(f"settings file {file} cannot be written: {error.strerror or error}") from error
    return file


def _changed(text: str, choice: Mapping[str, str | int | float]) -> str:
    lines = text.splitlines()
    section = next((number for number, line in enumerate(lines) if _opens(line, "edge")), None)
    if section is None:
        lines += ["", "[edge]"] if lines else ["[edge]"]
        section = len(lines) - 1
    for name, value in choice.items():
        written = f"{name} = {json.dumps(value, ensure_ascii=False)}"
        end = next((n for n in range(section + 1, len(lines)) if _HEADER.match(lines[n])), len(lines))
        known = next((n for n in range(section + 1, end) if re.match(rf"\s*{re.escape(name)}\s*=", lines[n])), None)
        if known is None:
            lines.insert(section + 1, written)
        else:
            lines[known] = written
    return "\n".join(lines) + "\n"


def _opens(line: str, name: str) -> bool:
    header = _HEADER.match(line)
    return header is not None and header[1] == name
