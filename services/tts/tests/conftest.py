"""A loaded espeak engine for the whole run; tests that kill it start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from avatar_tts.engines.espeak import EspeakEngine
from avatar_tts.settings import EspeakSettings


@pytest.fixture(scope="session")
def engine() -> Iterator[EspeakEngine]:
    loaded = EspeakEngine(EspeakSettings())
    loaded.load()
    yield loaded
    loaded.close()


@pytest.fixture
def mortal_engine() -> Iterator[EspeakEngine]:
    loaded = EspeakEngine(EspeakSettings())
    loaded.load()
    yield loaded
    loaded.close()
