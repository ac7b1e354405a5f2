import socket
import sys
import threading

import pytest

from avatar_cli.doctor import command, devices, parts, ports
from avatar_cli.doctor.check import Check
from avatar_cli.errors import CliError
from avatar_edge import EdgeSettings
from avatar_runtime import nats_server


@pytest.fixture(autouse=True)
def free_bus_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("AVATAR_BUS__URL", f"nats://127.0.0.1:{port}")


def test_a_machine_that_has_everything_passes(capsys: pytest.CaptureFixture[str]) -> None:
    command.run()
    shown = capsys.readouterr().out
    for name in ("python", "nats-server", "espeak-ng", "H.264 encoder", "engine: asr", "engine: face"):
        assert f"ok    {name}" in shown


def test_a_missing_broker_program_fails_with_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(nats_server.sys, "executable", f"{tmp_path}/python")
    monkeypatch.setenv("PATH", str(tmp_path))
    check = parts.broker()
    assert check.level == "fail"
    assert "make setup" in check.fix


def test_a_port_taken_by_something_else_fails_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        monkeypatch.setenv("AVATAR_BUS__URL", f"nats://127.0.0.1:{port}")
        check = ports.broker()
    assert check.level == "fail"
    assert str(port) in check.fix


def test_an_engine_that_does_not_exist_fails_with_the_ones_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_TTS__ENGINE", "nonesuch")
    check = parts.engine("tts")
    assert check.level == "fail"
    assert "espeak" in check.found


def test_a_missing_model_file_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    check = parts.model("ears", ("moonshine_voice", "assets", "no-such-model"))
    assert check.level == "fail"


def test_a_wrong_setting_fails_the_whole_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_LLM__TOKENS_PER_S", "minus one")
    with pytest.raises(CliError, match="not ready: settings: llm"):
        command.run()


def test_a_missing_sound_library_only_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # as if it did not load
    (check,) = devices.sound(EdgeSettings())
    assert check.level == "warn"
    assert "libportaudio2" in check.fix


def test_a_check_that_hangs_or_breaks_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_PATIENCE_S", 0.3)
    ended = threading.Event()

    def breaks() -> list[Check]:
        raise LookupError("a driver went mad")

    groups = [
        ("hanging", lambda: [Check("late", "ok", "")][: ended.wait(5)]),
        ("broken", breaks),
        ("fine", lambda: [Check("x", "ok", "")]),
    ]
    found = [check for checks in command._together(groups) for check in checks]
    ended.set()
    assert [(check.name, check.level) for check in found] == [("hanging", "warn"), ("broken", "fail"), ("x", "ok")]
    assert "a driver went mad" in found[1].found
