"""Runs every check and prints one line each as it is known."""

from __future__ import annotations

from avatar_cli.console import say
from avatar_cli.doctor import host, parts
from avatar_cli.doctor.check import Check
from avatar_cli.errors import CliError

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def run() -> None:
    """Print all checks; raises `CliError` when one failed."""
    found: list[Check] = []
    for checks in (host.checks(), parts.checks()):
        for check in checks:
            found.append(check)
            say(f"{check.level:4}  {check.name:22} {check.found}", style=_STYLES[check.level])
            if check.fix:
                say(f"      {'':22} {check.fix}")
    failed = [check.name for check in found if check.level == "fail"]
    if failed:
        raise CliError(f"not ready: {', '.join(failed)}. The lines above say what to do.")
    warned = sum(check.level == "warn" for check in found)
    say("Everything needed is here." + (f" Warnings: {warned}." if warned else ""))
