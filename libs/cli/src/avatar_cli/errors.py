"""What can go wrong for a user of the command: every one is a plain sentence, printed without a traceback."""

from __future__ import annotations


class CliError(Exception):
    """Base of everything this package raises; its text is what the user reads."""


class StackError(CliError):
    """The stack could not be started, reached or stopped."""


class PortInUse(StackError):
    """Another program holds a port that the stack needs."""

    def __init__(self, what: str, port: int, holder: str) -> None:
        super().__init__(
            f"{what} needs port {port}, which {holder} is using. Stop it, or choose another port "
            f"(`avatar config show` names the setting)."
        )
        self.port = port


class StartFailed(StackError):
    """A process of the stack did not become ready."""

    def __init__(self, process: str, why: str, log_lines: list[str]) -> None:
        tail = "\n".join(f"    {line}" for line in log_lines) or "    (it wrote nothing)"
        super().__init__(f"{process} {why}. Its last log lines:\n{tail}")
        self.process = process
        self.log_lines = log_lines


class NotRunning(StackError):
    """Nothing runs here."""

    def __init__(self, what: str = "Nothing") -> None:
        super().__init__(f"{what} runs here. `avatar up` starts the stack.")


class DemoFailed(CliError):
    """The demo ran, but did not show what it has to show."""


class BenchFailed(CliError):
    """A measurement could not be made."""


class EvalFailed(CliError):
    """A case of the evaluation could not be held."""
