from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest

from avatar_face import avatars, packs
from avatar_face.engines.warp import WarpAnimator, WarpEngine


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Packs of the tests stay out of the user's cache; prepared once for all tests."""
    before = os.environ.get("AVATAR_CACHE")
    os.environ["AVATAR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("AVATAR_CACHE")
    if before is not None:
        os.environ["AVATAR_CACHE"] = before


@pytest.fixture(scope="session")
def engine() -> WarpEngine:
    made = WarpEngine()
    made.load()
    return made


@pytest.fixture(scope="session")
def pack(engine) -> packs.Pack:
    return avatars.pack(engine, None, 512, 512)


@pytest.fixture(scope="session")
def face(engine, pack) -> WarpAnimator:
    return engine.open(pack)


@pytest.fixture(scope="session")
def reading() -> tuple[np.ndarray, int]:
    """Ten seconds of a person reading, s16 mono, and its rate."""
    moonshine = pytest.importorskip("moonshine_voice", reason="the recorded reading comes with moonshine-voice")
    with wave.open(str(Path(moonshine.get_assets_path()) / "two_cities.wav")) as file:
        rate = file.getframerate()
        return np.frombuffer(file.readframes(10 * rate), np.int16), rate
