from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_cli.stack import Stack, private_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A nats-server and the four services as real processes, with a mind so slow that a kill meets it mid-sentence."""
    path: Path = tmp_path_factory.mktemp("settings") / "avatar.toml"
    path.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_CONFIG", str(path))
        with private_stack(flags={"llm": {"tokens-per-s": "8"}}) as running:
            yield running
