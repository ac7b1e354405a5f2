from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_cli.stack import Stack, private_stack


@pytest.fixture(scope="session")
def default_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty settings file: whatever stands in this folder's avatar.toml, the tests run on the defaults."""
    path = tmp_path_factory.mktemp("settings") / "avatar.toml"
    path.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_CONFIG", str(path))
        yield path


@pytest.fixture(scope="session")
def stack(default_settings: Path) -> Iterator[Stack]:
    """A nats-server and the four services as real processes of their own."""
    with private_stack() as running:
        yield running
