"""Model files that ship inside installed packages, found without importing those packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from avatar_runtime.engines import EngineUnavailable


def find(package: str, *parts: str) -> Path:
    """The file `parts` below the installed top-level `package`.

    Only the package's location is looked up: its `__init__` and everything it would import stay unread.

    Raises:
        EngineUnavailable: The package or the file is not there.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, *parts)
        if path.exists():
            return path
    raise EngineUnavailable(
        f"{'/'.join(parts)} of the package {package} is not installed: run `make setup`, which installs what is locked"
    )
