"""What a page is shown of a call: state, captions, turns, proposals and problems, as they change."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Literal

from avatar_contracts import ErrorRaised, ReplyProposed
from avatar_edge.call import Call
from avatar_edge.web.protocol import Caption, Problem, Proposal, State, ToPage, Turn
from avatar_edge.workers import WORDS

LOOK_S = 0.05
STATE_EVERY_S = 1.0
TURNS = 50
"""Turns of before that a page is shown when it comes."""


class Feed:
    """Looks at a call often and tells one page what is new since it was made, and the turns before."""

    def __init__(self, call: Call, send: Callable[[ToPage], None]) -> None:
        self._call = call
        self._send = send
        self._state: tuple[object, ...] = ()
        self._state_at = 0.0
        self._captions: dict[Literal["person", "clone"], str] = {"person": "", "clone": ""}
        self._proposal: ReplyProposed | None = None
        self._error: ErrorRaised | None = next(reversed(call.errors), None)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._turns(), name="page turns")
            tasks.create_task(self._watch(), name="page state")

    async def _turns(self) -> None:
        for turn in self._call.turns[-TURNS:]:
            self._send(Turn(turn=turn))
        async for turn in self._call.finished():
            self._send(Turn(turn=turn))

    async def _watch(self) -> None:
        while True:
            self._look(time.monotonic())
            await asyncio.sleep(LOOK_S)

    def _look(self, now: float) -> None:
        call = self._call
        state = (call.state, call.missing, call.config, call.muted, call.real_on)
        if state != self._state or now - self._state_at >= STATE_EVERY_S:
            self._state, self._state_at = state, now
            self._send(self._told())
        self._caption("person", call.captions)
        self._caption("clone", call.saying)
        if call.proposal is not self._proposal:
            self._proposal = call.proposal
            self._send(Proposal(text=self._proposal.text if self._proposal is not None else ""))
        for error in _after(self._error, call.errors):
            self._error = error
            self._send(Problem(service=error.service, message=error.message, hint=error.hint))

    def _caption(self, who: Literal["person", "clone"], text: str) -> None:
        if text != self._captions[who]:
            self._captions[who] = text
            self._send(Caption(who=who, text=text))

    def _told(self) -> State:
        call = self._call
        config = call.config
        return State(
            state=call.state,
            missing=tuple(WORDS[kind] for kind in call.missing),
            mode=config.mode,
            respond=config.respond,
            patience=config.patience,
            muted=call.muted,
            real=call.real_on,
            link=call.link(),
        )


def _after(last: ErrorRaised | None, errors: list[ErrorRaised]) -> list[ErrorRaised]:
    """What came after `last`, told by identity: the same thing can go wrong twice."""
    return list(itertools.takewhile(lambda error: error is not last, reversed(errors)))[::-1]
