import asyncio
import contextlib

from avatar_contracts import ErrorRaised
from avatar_edge import terminal


class Troubled:
    """A call of which only the errors matter."""

    def __init__(self):
        self.errors = []

    def note(self, message):
        self.errors.append(ErrorRaised(service="edge", code="bus.away", message=message))


async def test_every_error_is_shown_once_also_when_the_same_thing_goes_wrong_again(capsys):
    call = Troubled()
    showing = asyncio.create_task(terminal._show_errors(call))
    call.note("the bus is away")
    await asyncio.sleep(0.25)
    call.note("the voice died")
    call.note("the bus is away")
    await asyncio.sleep(0.7)
    showing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await showing
    assert capsys.readouterr().out.splitlines() == [
        "[edge] the bus is away",
        "[edge] the voice died",
        "[edge] the bus is away",
    ]
