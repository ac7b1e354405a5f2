import asyncio

import pytest

from avatar_cli.commands import real
from avatar_cli.errors import CliError
from avatar_contracts import SessionReal, ids
from avatar_runtime.bus import CommandFailed
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.session import Session


async def test_the_edge_of_the_session_is_asked_and_answers(broker, bus_settings, capsys):
    heard = []

    async def take(event):
        heard.append(event.on)

    bus = await NatsBus.connect(bus_settings, "edge")
    edge = Session(bus, ids.new_session_id(), "edge", epoch=1)
    edge.on(SessionReal, take, ack=True)
    await edge.start()
    try:
        for switch in ("on", "off", "on"):
            await asyncio.to_thread(real.run, switch, edge.id, broker.url)
    finally:
        await edge.close()
        await bus.close()
    assert heard == [True, False, True]
    assert capsys.readouterr().out.count("seen and heard") == 3


@pytest.mark.parametrize(
    ("switch", "session", "expected", "words"),
    [
        ("maybe", "0123456789abcdef", CliError, "neither on nor off"),
        ("on", "not a session", CliError, "8 to 32 of a-z and 0-9"),
        ("on", "0123456789abcdef", CommandFailed, "not taken"),
    ],
)
def test_what_cannot_be_asked_is_told(broker, switch, session, expected, words):
    with pytest.raises(expected, match=words):
        real.run(switch, session, broker.url)
