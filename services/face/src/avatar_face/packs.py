"""Avatar packs: everything an engine needs to animate one person, in one file without pickled objects."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar_face.errors import PackError
from avatar_face.geometry import Face

FORMAT = 1
_FACE, _ARRAY = "face.", "array."


@dataclass(frozen=True, slots=True)
class Pack:
    """One avatar prepared for one engine and one picture size.

    `image` is BGR uint8 [height, width, 3], `face` its outlines, `arrays` whatever the engine computed.
    """

    engine: str
    version: int
    image: NDArray[np.uint8]
    face: Face
    arrays: dict[str, NDArray[Any]]

    def _contents(self) -> dict[str, NDArray[Any]]:
        head = np.array([FORMAT, self.version], np.int64)
        contents: dict[str, NDArray[Any]] = {"head": head, "engine": np.array(self.engine), "image": self.image}
        contents |= {_FACE + name: points for name, points in self.face.arrays().items()}
        contents |= {_ARRAY + name: array for name, array in self.arrays.items()}
        return contents

    @property
    def digest(self) -> str:
        """SHA-256 of the contents, hexadecimal."""
        return _digest(self._contents())

    def save(self, path: Path) -> None:
        """Write the pack, whole or not at all."""
        contents = self._contents()
        contents["digest"] = np.array(_digest(contents))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, **contents)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _digest(contents: dict[str, NDArray[Any]]) -> str:
    total = hashlib.sha256()
    for name in sorted(contents):
        array = np.ascontiguousarray(contents[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def load(path: Path) -> Pack:
    """Read a pack; raises `PackError` when it is damaged, altered or of another version."""
    again = "delete it and prepare the photo again"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            contents: dict[str, NDArray[Any]] = {name: archive[name] for name in archive.files}
        stated = str(contents.pop("digest"))
        form, version = (int(v) for v in contents["head"])
        if form != FORMAT:
            raise PackError(f"the avatar pack {path} has format {form}, this version reads {FORMAT}: {again}")
        if _digest(contents) != stated:
            raise PackError(f"the avatar pack {path} was altered since it was written: {again}")
        outlines = {k.removeprefix(_FACE): v for k, v in contents.items() if k.startswith(_FACE)}
        arrays = {k.removeprefix(_ARRAY): v for k, v in contents.items() if k.startswith(_ARRAY)}
        return Pack(str(contents["engine"]), version, contents["image"], Face.from_arrays(outlines), arrays)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise PackError(f"the avatar pack {path} cannot be read ({error}): {again}") from error


def cache_folder() -> Path:
    """Where packs are kept: `AVATAR_CACHE`, else `~/.cache/avatar`."""
    return Path(os.environ.get("AVATAR_CACHE") or Path.home() / ".cache" / "avatar") / "faces"
