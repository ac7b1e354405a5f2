import os
import socket
from collections.abc import Iterator

import pytest

from avatar_cli import frontpage
from avatar_cli.commands import up
from avatar_cli.errors import CliError
from avatar_cli.names import PAGE, SERVICES
from avatar_cli.settings import CliSettings
from avatar_cli.stack import Plan
from avatar_runtime.settings import load


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    monkeypatch.setenv("AVATAR_WEB__PORT", str(port))
    return port


def settings(**environment: str) -> CliSettings:
    return load("cli", CliSettings, argv=[], environ=environment)


def test_without_names_the_page_is_started_with_all_services(free: int) -> None:
    plan, lacks = up._planned([], None, settings(AVATAR_BUS__LEAF_PORT="0"), None)
    assert plan.names == ("nats", *SERVICES, PAGE)
    assert plan.page == f"http://localhost:{free}"
    assert lacks == []


def test_a_subset_has_a_page_only_when_it_is_named(free: int) -> None:
    assert up._planned(["asr", "tts"], None, settings(), None)[0].names == ("nats", "asr", "tts")
    plan, _ = up._planned(["web"], None, settings(), None)
    assert plan.names == ("nats", PAGE)


def test_a_taken_port_of_the_page_leaves_everything_else_and_names_the_setting(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_WEB__PORT", str(taken))
    plan, (sentence,) = up._planned([], None, settings(AVATAR_BUS__LEAF_PORT="0"), None)
    assert plan.names == ("nats", *SERVICES)
    assert plan.page == ""
    assert f"port {taken}" in sentence
    assert str(os.getpid()) in sentence
    assert "AVATAR_WEB__PORT" in sentence
    with pytest.raises(CliError, match=f"port {taken}"):
        up._planned(["web"], None, settings(), None)


def test_a_page_that_runs_already_is_left_alone(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_WEB__PORT", str(taken))
    ports = dict.fromkeys((*SERVICES, PAGE), 1)
    running = Plan(bus_url="nats://127.0.0.1:4222", broker_port=4222, health_ports=ports)
    plan, lacks = up._planned([], None, settings(), running)
    assert PAGE in plan.names
    assert lacks == []


def test_a_taken_port_for_leaves_is_said_and_the_broker_takes_none(free: int, taken: int) -> None:
    plan, (sentence,) = up._planned([], None, settings(AVATAR_BUS__LEAF_PORT=str(taken)), None)
    assert plan.leaf_port == 0
    assert "leaf_port" in sentence


def test_the_page_on_another_port_with_tls_is_named_as_browsers_reach_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    monkeypatch.setenv("AVATAR_WEB__PORT", "0")
    assert frontpage.settings().port > 0
    assert frontpage.secret() == ""
    monkeypatch.setenv("AVATAR_WEB__BIND", "0.0.0.0")
    with pytest.raises(CliError, match=r"web\.token"):
        frontpage.settings()
    monkeypatch.setenv("AVATAR_WEB__TOKEN", "a-secret-that-is-long")
    monkeypatch.setenv("AVATAR_WEB__INSECURE", "true")
    assert "?token=" in frontpage.secret()
