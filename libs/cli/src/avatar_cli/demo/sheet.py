"""The contact sheet: frames of the recording with their times and the words of the moment."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_cli import movie
from avatar_cli.demo.talk import IDLE_S, Talk

_COLUMNS = 4
_TILE = 300
_CAPTION = 66
_BLANK = np.zeros((_TILE, _TILE, 3), np.uint8)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INTO_REPLY_S = (0.35, 1.1)
"""Where in an answer the two speaking frames are taken."""


@dataclass(frozen=True)
class Moment:
    """A frame to show: seconds into the recording, and what is going on."""

    at_s: float
    what: str


def moments(talk: Talk) -> list[Moment]:
    """Idle, and for every line: the person speaking, then the clone answering twice."""
    found = [Moment(IDLE_S / 2, "idle")]
    for said in talk.said:
        found.append(Moment((said.started_s + said.ended_s) / 2, f"hears: {said.line.said}"))
        turn = said.turns[-1]
        if turn.first_audio_ms is not None:
            begins_s = said.ended_s + turn.first_audio_ms / 1000
            found += [Moment(begins_s + into, f"says: {turn.reply}") for into in _INTO_REPLY_S]
    last = talk.said[-1].turns[-1]
    if last.first_audio_ms is not None:
        ends_s = talk.said[-1].ended_s + (last.first_audio_ms + last.played_ms) / 1000
        found += [Moment(ends_s + 0.8, "idle again")] * (len(found) % _COLUMNS != 0)
    return found


def write(recording: Path, moments: Sequence[Moment], path: Path) -> None:
    """Write the contact sheet of `moments` as PNG."""
    tiles = [_tile(picture, moment) for picture, moment in zip(_pictures(recording, moments), moments, strict=True)]
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows))


def _pictures(recording: Path, moments: Sequence[Moment]) -> list[NDArray[np.uint8]]:
    """The frame shown at each moment, BGR; moments after the end show the last frame."""
    found: list[NDArray[np.uint8]] = []
    for moment in moments:
        found.append(next(movie.pictures(recording, moment.at_s), found[-1] if found else _BLANK))
    return found


def _tile(picture: NDArray[np.uint8], moment: Moment) -> NDArray[np.uint8]:
    """One picture with its caption below, as uint8 [_TILE + _CAPTION, _TILE, 3]."""
    scale = _TILE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((_TILE + _CAPTION, _TILE, 3), 255, np.uint8)
    top, left = (_TILE - small.shape[0]) // 2, (_TILE - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    # OpenCV's stroke font knows ASCII only.
    plain = f"{moment.at_s:.1f} s  {moment.what}".replace("’", "'").encode("ascii", "replace").decode()
    lines = textwrap.wrap(plain, 44, max_lines=3, placeholder=" ...")
    for index, line in enumerate(lines):
        cv2.putText(tile, line, (6, _TILE + 18 + 19 * index), _FONT, 0.38, (40, 40, 40), 1, cv2.LINE_AA)
    return tile
