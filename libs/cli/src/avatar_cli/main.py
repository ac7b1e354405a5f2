"""The `avatar` command: one function per subcommand, each importing its work only when called."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from avatar_cli.errors import CliError

_RUN_DIR = Path(".run")

cli = typer.Typer(
    name="avatar",
    help="A self-hosted real-time digital clone for video calls.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
config = typer.Typer(help="The settings in effect.", no_args_is_help=True)
cli.add_typer(config, name="config")

Bus = Annotated[str | None, typer.Option("--bus", metavar="URL", help="Use this NATS server and start none here.")]
RunDir = Annotated[Path, typer.Option("--run-dir", help="Where the stack keeps its logs, socket and configuration.")]
OutDir = Annotated[Path, typer.Option("--out", help="Folder the results are written to.")]


@cli.command()
def up(
    services: Annotated[
        list[str] | None, typer.Argument(help="asr, llm, tts, face, web (the page); all when none is named.")
    ] = None,
    bus: Bus = None,
    run_dir: RunDir = _RUN_DIR,
) -> None:
    """Start the broker, the services and the page on this machine and wait until they are ready."""
    _needs_processes()
    from avatar_cli.commands import up as command

    command.run(services or [], bus, run_dir)


@cli.command()
def down(run_dir: RunDir = _RUN_DIR) -> None:
    """Stop everything `avatar up` started, and nothing else."""
    _needs_processes()
    from avatar_cli.commands import down as command

    command.run(run_dir)


@cli.command()
def status(run_dir: RunDir = _RUN_DIR) -> None:
    """Show what runs here, where it answers and how much memory it takes."""
    _needs_processes()
    from avatar_cli.commands import status as command

    command.run(run_dir)


@cli.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="Only this one's log.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines of each log.")] = 20,
    run_dir: RunDir = _RUN_DIR,
) -> None:
    """Print the last log lines of the stack."""
    _needs_processes()
    from avatar_cli.commands import logs as command

    command.run(service, follow, lines, run_dir)


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def edge(context: typer.Context) -> None:
    """Join a call from this machine; every option is the edge's own (`avatar edge --help`)."""
    from avatar_cli.commands import edge as command

    command.run(context.args)


@cli.command()
def real(
    switch: Annotated[str, typer.Argument(metavar="on|off", help="Yourself, or the clone again.")],
    session: Annotated[str, typer.Option(help="The call's session; /help in the call names it.")],
    bus: Annotated[str | None, typer.Option("--bus", metavar="URL", help="The NATS server of the call.")] = None,
) -> None:
    """Take the clone's place in a call with your own face and voice, or give it back."""
    from avatar_cli.commands import real as command

    command.run(switch, session, bus)


@cli.command()
def demo(out: OutDir = Path("out")) -> None:
    """Hold a spoken conversation with the clone on a private stack and write what the other side saw and heard."""
    from avatar_cli.demo import command

    command.run(out)


@cli.command()
def doctor() -> None:
    """Check this machine and say how to fix what is missing."""
    from avatar_cli.doctor import command

    command.run()


@cli.command()
def bench(
    out: OutDir = Path("out"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions: a check, not a result.")] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="Run only this measurement (repeatable).")] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="Length of the soak.")] = 10.0,
) -> None:
    """Measure latency, sync, speed and memory and write bench.json; links and soak only when they are named."""
    from avatar_cli.bench import command

    command.run(out, quick, only or [], minutes)


@cli.command(name="eval")
def evaluate(
    out: OutDir = Path("out"),
    quick: Annotated[bool, typer.Option("--quick", help="A few cases: a check, not a result.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="natural, turns, patience, overlaps, noise or echo (repeatable)."),
    ] = None,
    patience: Annotated[
        list[str] | None, typer.Option("--patience", help="Only this preset: balanced, eager or patient (repeatable).")
    ] = None,
    beside: Annotated[
        int, typer.Option("--beside", min=1, max=3, help="Calls held side by side where no time is a figure.")
    ] = 2,
) -> None:
    """Hold real conversations on a private stack and write what became of every turn and interruption."""
    from avatar_cli.eval import command

    command.run(out, quick, only or [], patience or [], beside)


@config.command("show")
def config_show(
    service: Annotated[str | None, typer.Argument(help="Only this service's settings.")] = None,
) -> None:
    """Print every setting in effect and where it comes from; secrets are masked."""
    from avatar_cli.commands import config as command

    command.run(service)


def _needs_processes() -> None:
    """Supervised processes need Unix; everything at the person's side runs on Windows too."""
    if sys.platform == "win32":
        raise CliError("services run on Linux and macOS: start them there, or in WSL2, and join with `avatar edge`")


def app() -> None:
    """The entry point: runs the command and turns expected failures into one plain sentence."""
    # Asked to end, a command still stops the private stack it started.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        cli()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        print(f"avatar: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _expected() -> tuple[type[Exception], ...]:
    """What a person can mend: every other exception is a fault of ours and keeps its traceback."""
    from avatar_edge import EdgeError
    from avatar_runtime.bus import BusError
    from avatar_runtime.engines import EngineError
    from avatar_runtime.nats_server import ServerMissing
    from avatar_runtime.settings import SettingsError

    return CliError, EdgeError, BusError, EngineError, ServerMissing, SettingsError, FileExistsError, PermissionError
