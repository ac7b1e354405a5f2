import os
import socket
from collections.abc import Iterator

import pytest

from avatar_cli.errors import PortInUse, StackError
from avatar_cli.probes import broker_answers, free_port, tree_rss_bytes
from avatar_cli.settings import CliSettings
from avatar_cli.stack import Plan, Stack, plan_here, private_stack
from avatar_runtime.settings import load


@pytest.fixture(scope="module")
def broker() -> Iterator[Stack]:
    with private_stack(()) as running:
        yield running


def settings(**environment: str) -> CliSettings:
    return load("cli", CliSettings, argv=[], environ=environment)


def test_a_private_stack_serves_nats_and_takes_its_port_down_with_it() -> None:
    with private_stack(()) as stack:
        url = stack.plan.bus_url
        assert broker_answers(url)
        (member,) = stack.members()
        assert member.ready
        assert member.rss_bytes > 1_000_000
    assert not broker_answers(url)
    assert not stack.directory.exists()


def test_without_settings_a_broker_of_its_own_is_planned_on_the_default_port() -> None:
    plan = plan_here(["llm"], None, settings())
    assert plan.broker_port == 4222
    assert list(plan.health_ports) == ["llm"]


def test_a_broker_named_by_the_user_is_joined_and_none_is_started(broker: Stack) -> None:
    plan = plan_here(["llm"], broker.plan.bus_url, settings())
    assert plan.bus_url == broker.plan.bus_url
    assert plan.broker_port == 0


def test_a_broker_named_in_the_settings_is_joined_when_it_answers_and_started_when_it_does_not(broker: Stack) -> None:
    assert plan_here([], None, settings(AVATAR_BUS__URL=broker.plan.bus_url)).broker_port == 0
    port = free_port()
    assert plan_here([], None, settings(AVATAR_BUS__URL=f"nats://127.0.0.1:{port}")).broker_port == port


def test_a_named_broker_that_does_not_answer_is_an_error_with_advice() -> None:
    with pytest.raises(StackError, match="No NATS server answers at"):
        plan_here([], f"nats://127.0.0.1:{free_port()}", settings())


def test_a_running_stack_keeps_its_broker_when_a_service_joins_it(broker: Stack) -> None:
    running = broker.plan
    assert plan_here(["tts"], None, settings(), running).broker_port == running.broker_port


def test_another_broker_than_the_running_one_is_refused(broker: Stack) -> None:
    other = Plan(bus_url="nats://127.0.0.1:1", broker_port=0, health_ports={})
    with pytest.raises(StackError, match="runs here already"):
        broker.start(other)


def test_a_port_held_by_another_program_is_named_with_its_holder(tmp_path: os.PathLike[str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port}, which .*{os.getpid()}"):
            Stack(tmp_path).start(Plan(bus_url=f"nats://127.0.0.1:{port}", broker_port=port, health_ports={}))  # type: ignore[arg-type]


def test_the_memory_of_a_process_that_is_gone_is_nothing() -> None:
    assert tree_rss_bytes(0) == 0
    assert tree_rss_bytes(2**22 + 1) == 0
