"""`avatar logs`: the last lines of each process, and the lines to come."""

from __future__ import annotations

import time
from pathlib import Path

from avatar_cli.console import say
from avatar_cli.errors import CliError, NotRunning
from avatar_cli.probes import last_lines
from avatar_cli.stack import Stack

_POLL_S = 0.2


def run(service: str | None, follow: bool, count: int, directory: Path) -> None:
    """Print the last `count` lines of one log, or of each; go on with new lines when `follow`."""
    supervisor = Stack(directory).supervisor
    logs = sorted((supervisor.directory / "logs").glob("*.log"))
    if not logs:
        raise NotRunning
    if service:
        logs = [path for path in logs if path.stem == service]
        if not logs:
            known = ", ".join(sorted(p.stem for p in (supervisor.directory / "logs").glob("*.log")))
            raise CliError(f"There is no log of {service!r}; there are: {known}.")
    for path in logs:
        for line in last_lines(path, count):
            _print(path, line)
    if follow:
        _follow(logs)


def _follow(logs: list[Path]) -> None:
    read_to = {path: path.stat().st_size for path in logs}
    while True:
        for path in logs:
            size = path.stat().st_size if path.exists() else 0
            if size < read_to[path]:  # it was rotated: begin at the new file's start
                read_to[path] = 0
            if size > read_to[path]:
                with path.open("rb") as log:
                    log.seek(read_to[path])
                    whole, newline, _rest = log.read(size - read_to[path]).rpartition(b"\n")
                read_to[path] += len(whole) + len(newline)
                for line in whole.decode("utf-8", "replace").splitlines():
                    _print(path, line)
        time.sleep(_POLL_S)


def _print(path: Path, line: str) -> None:
    say(f"{path.stem:5} {line}")
