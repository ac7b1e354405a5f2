"""From a photo, or nothing, to a pack ready to open: made once, then read from the cache."""

from __future__ import annotations

import hashlib
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from avatar_face import framing, landmarks, packs, photo, portrait
from avatar_face.engines.base import FaceAnimator, FaceEngine
from avatar_face.errors import FaceError, PackError, PhotoError
from avatar_face.packs import Pack
from avatar_runtime.engines import EngineError, EngineInfo

if TYPE_CHECKING:
    from avatar_face.settings import FaceSettings

_KINDS = (".jpg", ".jpeg", ".png", ".webp")
_DRAWING = 1  # counts changes of the drawn portrait, so that an old one in the cache is not used


def pack(engine: FaceEngine, source: Path | None, width: int, height: int) -> Pack:
    """The pack of a photo file (None: the drawn portrait) at a picture size, from the cache when it is there.

    Takes 2 s for a new photo and some for the drawing at first use, milliseconds afterwards. Raises `PhotoError`.
    """
    data = b"portrait %d" % _DRAWING if source is None else _file(source)
    named = hashlib.sha256(data).hexdigest()[:24]
    path = packs.cache_folder() / f"{named}-{engine.info.name}-{width}x{height}.npz"
    try:
        return _current(engine, packs.load(path))
    except (FileNotFoundError, PackError):
        path.unlink(missing_ok=True)
    if source is None:
        image, face = portrait.draw(width, height)
    else:
        picture = photo.read(data)
        image, face = framing.frame(picture, landmarks.find(picture), width, height)
    made = engine.prepare(image, face)
    made.save(path)
    return made


def _current(engine: FaceEngine, found: Pack) -> Pack:
    engine.open(found)
    return found


def _file(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise PhotoError("missing", f"the photo {source} cannot be read ({error.strerror}): check its path") from error


class Avatars:
    """The engine with the avatars it may be asked for; opens them for sessions. Safe to use from several threads."""

    def __init__(self, engine: FaceEngine, settings: FaceSettings) -> None:
        self._engine, self._settings = engine, settings
        self._lock = threading.Lock()

    @property
    def info(self) -> EngineInfo:
        """The engine's facts."""
        return self._engine.info

    def load(self) -> None:
        """Load the engine and prepare the default avatar; raises `EngineError` when its photo cannot be used."""
        self._engine.load()
        try:
            self.open("", self._settings.width, self._settings.height)
        except FaceError as error:
            raise EngineError(f"the avatar cannot be shown: {error}") from error

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def open(self, name: str, width: int, height: int) -> FaceAnimator:
        """The avatar `name` (empty: the default one) at a picture size; may take seconds the first time."""
        with self._lock:  # two sessions that want the same new photo prepare it once
            return self._engine.open(pack(self._engine, self._source(name), width, height))

    def _source(self, name: str) -> Path | None:
        if not name:
            return Path(self._settings.avatar) if self._settings.avatar else None
        if re.fullmatch(r"[\w-]{1,64}", name):
            for kind in _KINDS:
                if (path := Path(self._settings.photos) / f"{name}{kind}").is_file():
                    return path
        raise PhotoError("unknown", f"there is no photo named {name!r} in {self._settings.photos}: put one there")
