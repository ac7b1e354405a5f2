"""The page's files, read once."""

from __future__ import annotations

import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class Page(NamedTuple):
    """A file as it is served."""

    body: bytes
    media_type: str
    etag: str


def pages() -> dict[str, Page]:
    """Every file of the page by its path below ``page/``; those of other types are none of it."""
    found: dict[str, Page] = {}
    _collect(resources.files("avatar_edge.web") / "page", "", found)
    return found


def _collect(folder: Traversable, prefix: str, found: dict[str, Page]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            _collect(entry, f"{prefix}{entry.name}/", found)
        elif media_type := _TYPES.get(f".{entry.name.rpartition('.')[2]}"):
            body = entry.read_bytes()
            found[prefix + entry.name] = Page(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
