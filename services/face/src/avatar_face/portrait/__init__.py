"""The default avatar: a portrait drawn by code, so that no third party's picture ships with the project."""

from __future__ import annotations

from avatar_face.portrait.scene import draw

__all__ = ["draw"]
