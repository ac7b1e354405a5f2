"""What a page asks of a call, done in order; what cannot be done is answered in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_contracts import ContractError
from avatar_edge.call import Call
from avatar_edge.errors import EdgeError
from avatar_edge.web.protocol import Configure, Decide, FromPage, Mute, Problem, Real, Say, Stop, ToPage, Type
from avatar_runtime.bus import BusError

WAITING = 16
"""Wishes waiting at most."""


class Desk:
    """Obeys one page. Silence, when asked for, does not wait for its turn."""

    def __init__(self, call: Call, send: Callable[[ToPage], None]) -> None:
        self._call = call
        self._send = send
        self._wishes: asyncio.Queue[FromPage] = asyncio.Queue(WAITING)
        self._stop: asyncio.Queue[FromPage] = asyncio.Queue(1)

    def ask(self, wish: FromPage) -> None:
        """Do it as soon as what was asked before is done; returns at once."""
        try:
            (self._stop if isinstance(wish, Stop) else self._wishes).put_nowait(wish)
        except asyncio.QueueFull:
            if not isinstance(wish, Stop):  # one that waits already is as good as two
                self._send(Problem(service="page", message="too much at once; wait a moment"))

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve(self._wishes), name="page wishes")
            tasks.create_task(self._serve(self._stop), name="page stop")

    async def _serve(self, wishes: asyncio.Queue[FromPage]) -> None:
        while True:
            wish = await wishes.get()
            try:
                await self._obey(wish)
            except (BusError, ContractError, EdgeError) as error:
                self._send(Problem(service="edge", message=str(error)))

    async def _obey(self, wish: FromPage) -> None:
        call = self._call
        match wish:
            case Type():
                await call.type(wish.text)
            case Say():
                await call.say(wish.text)
            case Stop():
                await call.stop()
            case Configure():
                await call.configure(mode=wish.mode, respond=wish.respond, patience=wish.patience)
            case Decide():
                await call.decide(wish.action, wish.text)
            case Mute():
                call.mute(wish.on)
            case Real():
                await call.real(wish.on)
            case _:
                self._send(Problem(service="page", message="this page has no media of its own"))
