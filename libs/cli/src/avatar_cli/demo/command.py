"""Runs the demo from an empty machine state to its three files."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from avatar_cli import machine
from avatar_cli.console import say
from avatar_cli.demo import checks, picture, report, script, sheet
from avatar_cli.demo.talk import talk
from avatar_cli.errors import DemoFailed
from avatar_cli.stack import private_stack


def run(out: Path) -> None:
    """Hold the conversation and write demo.mp4, demo.png and demo.json into `out`.

    Raises:
        DemoFailed: Something that must be shown was not; the files that could be written are there.
    """
    began_at = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    recording, contact_sheet, figures = (out / f"demo.{kind}" for kind in ("mp4", "png", "json"))
    for stale in (recording, contact_sheet, figures):
        stale.unlink(missing_ok=True)
    say(f"Machine: {machine.sentence(machine.describe())}.")
    lines = script.lines()
    say("Starting a private nats-server and asr, llm, tts and face …")
    with private_stack() as stack:
        say(f"Ready after {time.monotonic() - began_at:.1f} s. A call of about a minute begins:")
        held = asyncio.run(talk(stack.plan.bus_url, lines, recording))
    report.write(report.document(held), figures)
    report.show(held)
    sheet.write(recording, sheet.moments(held), contact_sheet)
    found = checks.problems(held, recording, picture.movements(held, recording))
    say(f"Written: {recording}, {contact_sheet}, {figures}. It took {time.monotonic() - began_at:.0f} s.")
    if found:
        raise DemoFailed(" ".join(found))
