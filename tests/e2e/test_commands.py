import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from avatar_cli.probes import free_port
from avatar_cli.stack import Stack

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def avatar(tmp_path: Path) -> Iterator[Run]:
    """The command as a person runs it, in a folder of its own with a broker port of its own."""
    port = free_port()

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("avatar"), *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"AVATAR_BUS__URL": f"nats://127.0.0.1:{port}"} | environment,
        )  # fmt: skip

    yield run
    Stack(tmp_path / ".run").stop()


def pids(folder: Path) -> dict[str, int]:
    return {member.name: member.process.pid for member in Stack(folder / ".run").members()}


@pytest.mark.timeout(90)
def test_up_status_and_down_start_show_and_stop_exactly_what_was_asked_for(avatar: Run, tmp_path: Path) -> None:
    started = avatar("up", "llm", "tts")
    assert started.returncode == 0, started.stderr
    running = pids(tmp_path)
    assert set(running) == {"nats", "llm", "tts"}

    shown = avatar("status")
    assert shown.returncode == 0
    for name, pid in running.items():
        assert re.search(rf"^{name} +ready +{pid} ", shown.stdout, re.MULTILINE), shown.stdout
    assert "scripted" in shown.stdout
    assert "espeak" in shown.stdout

    again = avatar("up", "llm", "tts")
    assert again.returncode == 0
    assert pids(tmp_path) == running

    stopped = avatar("down")
    assert stopped.returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in running.values())
    assert "Nothing" in avatar("status").stderr


@pytest.mark.timeout(90)
def test_a_further_service_joins_a_running_stack_and_down_finds_it_after_the_supervisor_was_killed(
    avatar: Run, tmp_path: Path
) -> None:
    assert avatar("up", "tts").returncode == 0
    first = pids(tmp_path)
    joined = avatar("up", "llm")
    assert joined.returncode == 0, joined.stderr
    both = pids(tmp_path)
    assert set(both) == {"nats", "tts", "llm"}
    assert both["tts"] == first["tts"]

    supervisor = psutil.Process(both["llm"]).parent()
    assert supervisor is not None
    supervisor.kill()
    supervisor.wait()
    assert avatar("down").returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in both.values())


def test_a_taken_port_is_named_with_its_holder(avatar: Run) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = avatar("up", "llm", AVATAR_BUS__URL=f"nats://127.0.0.1:{port}")
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_service_that_cannot_start_is_shown_with_its_own_words_and_nothing_stays_behind(
    avatar: Run, tmp_path: Path
) -> None:
    refused = avatar("up", "llm", AVATAR_LLM__ENGINE="nonesuch")
    assert refused.returncode == 1
    assert "llm exited while starting" in refused.stderr
    assert "has no engine 'nonesuch'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "Nothing" in avatar("status").stderr
    assert not (tmp_path / ".run" / "supervisor.sock").exists()


def test_a_wrong_setting_ends_in_one_plain_sentence(avatar: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[llm]\nengin = "scripted"\n')
    refused = avatar("config", "show", "llm", AVATAR_CONFIG="settings.toml")
    assert refused.returncode == 1
    assert "settings.toml:2" in refused.stderr
    assert "engine" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_secrets_are_masked_and_sources_are_told(avatar: Run) -> None:
    shown = avatar("config", "show", "tts", AVATAR_BUS__TOKEN="hunter2")
    assert shown.returncode == 0
    assert "hunter2" not in shown.stdout
    assert re.search(r"bus\.token +\*+ +environment AVATAR_BUS__TOKEN", shown.stdout)


@pytest.mark.timeout(60)
def test_an_edge_started_by_the_command_ends_cleanly_when_interrupted(stack: Stack, tmp_path: Path) -> None:
    recording = tmp_path / "call.mp4"
    health = free_port()
    command = [Path(sys.executable).with_name("avatar"), "edge", "--bus", stack.plan.bus_url]
    command += ["--record", str(recording), "--health-port", str(health)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as edge:
        time.sleep(6)
        assert edge.poll() is None
        edge.send_signal(signal.SIGINT)
        output, _ = edge.communicate(timeout=20)
    assert "Traceback" not in output
    assert edge.returncode == 0
    assert recording.stat().st_size > 10_000
