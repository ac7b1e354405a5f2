import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from avatar_cli.errors import StackError
from avatar_cli.probes import last_lines
from avatar_cli.supervisor import Program, Supervisor

SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    yield made
    made.stop()


def pid_of(supervisor: Supervisor, name: str = "sleeper") -> int:
    return {process.name: process.pid for process in supervisor.processes()}[name]


def gone(pid: int) -> bool:
    """The process has ended; whoever inherited an orphan may not have noticed yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(condition: Callable[[], bool], timeout_s: float = 8.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_started_program_runs_and_writes_its_own_log(supervisor: Supervisor) -> None:
    supervisor.start([Program("sleeper", SLEEP)], private=True)
    until(lambda: last_lines(supervisor.log_path("sleeper"), 1) == ["up"])
    assert psutil.pid_exists(pid_of(supervisor))


def test_a_killed_program_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start([Program("sleeper", SLEEP, settle_s=0)], private=True)
    first = pid_of(supervisor)
    os.kill(first, signal.SIGKILL)
    until(lambda: pid_of(supervisor) not in (0, first))


def test_stop_ends_every_program_and_the_supervisor(supervisor: Supervisor) -> None:
    supervisor.start([Program("sleeper", SLEEP), Program("other", SLEEP)], private=True)
    pids = [pid_of(supervisor), pid_of(supervisor, "other")]
    supervisor.stop(last="other")
    assert not supervisor.running()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not supervisor.socket.exists()


def test_what_a_killed_supervisor_left_behind_is_swept_up(supervisor: Supervisor) -> None:
    supervisor.start([Program("sleeper", SLEEP)], private=True)
    orphan = pid_of(supervisor)
    daemon = psutil.Process(orphan).parent()
    assert daemon is not None
    daemon.kill()
    until(lambda: not supervisor.running())
    assert psutil.pid_exists(orphan)
    supervisor.stop()
    until(lambda: gone(orphan))


def test_a_stale_socket_does_not_hinder_the_next_start(supervisor: Supervisor) -> None:
    supervisor.socket.touch()
    assert not supervisor.running()
    supervisor.start([Program("sleeper", SLEEP)], private=True)
    assert supervisor.running()


def test_stopping_leaves_other_programs_alone(supervisor: Supervisor) -> None:
    with subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL) as bystander:
        supervisor.start([Program("sleeper", SLEEP)], private=True)
        supervisor.stop()
        assert bystander.poll() is None
        bystander.kill()


def test_a_program_can_join_a_running_supervisor(supervisor: Supervisor) -> None:
    first, second = Program("sleeper", SLEEP), Program("second", SLEEP)
    supervisor.start([first], private=True)
    before = pid_of(supervisor)
    supervisor.add([first], [second])
    until(lambda: pid_of(supervisor, "second") != 0)
    assert pid_of(supervisor) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
def test_a_private_stack_ends_with_the_process_that_started_it(supervisor: Supervisor) -> None:
    script = (
        "import sys, pathlib, time\n"
        "from avatar_cli.supervisor import Program, Supervisor\n"
        "supervisor = Supervisor(pathlib.Path(sys.argv[1]))\n"
        "supervisor.start([Program('sleeper', [sys.executable, '-c', 'import time; time.sleep(60)'])], private=True)\n"
        "print([p.pid for p in supervisor.processes()][0], flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(supervisor.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.kill()
    until(lambda: not psutil.pid_exists(pid))


def test_arguments_with_percent_signs_spaces_and_quotes_reach_the_program_unchanged(supervisor: Supervisor) -> None:
    script = "import sys, time; print(sys.argv[1], flush=True); time.sleep(60)"
    words = """fifty % of "these" and 'those'"""
    supervisor.start([Program("sleeper", [sys.executable, "-c", script, words])], private=True)
    until(lambda: last_lines(supervisor.log_path("sleeper"), 1) == [words])


def test_a_folder_name_that_reads_as_a_comment_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="begins a comment"):
        Supervisor(tmp_path / "my #1 project").start([Program("sleeper", SLEEP)], private=True)


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    supervisor = Supervisor(deep)
    try:
        supervisor.start([Program("sleeper", SLEEP)], private=True)
        assert len(str(supervisor.socket)) < 100
        assert supervisor.running()
    finally:
        supervisor.stop()
