"""The page as `avatar up` serves it: one more supervised process."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from avatar_cli.probes import free_port
from avatar_cli.stack import Stack

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def avatar(tmp_path: Path, port: int) -> Iterator[Run]:
    """The command as a person runs it, in a folder and with ports of its own."""
    own = {"AVATAR_BUS__URL": f"nats://127.0.0.1:{free_port()}", "AVATAR_BUS__LEAF_PORT": str(free_port())}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("avatar"), *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | own | {"AVATAR_WEB__PORT": str(port)},
        )  # fmt: skip

    yield run
    Stack(tmp_path / ".run").stop()


def opened(port: int) -> str:
    with urllib.request.urlopen(f"http://localhost:{port}/", timeout=5) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


@pytest.mark.timeout(90)
def test_the_page_is_served_watched_logged_and_stopped_like_a_service(avatar: Run, tmp_path: Path, port: int) -> None:
    started = avatar("up", "web")
    assert started.returncode == 0, started.stderr
    assert f"Open http://localhost:{port} and click Talk." in started.stdout
    assert "<html" in opened(port)

    page = next(one for one in Stack(tmp_path / ".run").members() if one.name == "web")
    assert page.ready
    shown = avatar("status").stdout
    assert re.search(rf"^web +ready +{page.process.pid} +http://localhost:{port} ", shown, re.MULTILINE), shown
    assert "elsewhere" not in shown
    assert f"http://localhost:{port}" in avatar("logs", "web").stdout

    psutil.Process(page.process.pid).kill()
    deadline = time.monotonic() + 20
    while True:
        try:
            assert "<html" in opened(port)
            break
        except OSError:
            assert time.monotonic() < deadline, "the page did not come back"
            time.sleep(0.1)

    assert "web" in avatar("down").stdout
    with pytest.raises(OSError):
        opened(port)
