"""What the person asks by key instead of by voice: lines to answer or to speak, silence, a decision on an answer."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Literal

from avatar_contracts import (
    ReplyCancelled,
    ReplyCommitted,
    ReplyDecision,
    ReplyProposed,
    TurnStop,
    TurnTyped,
    ids,
)
from avatar_edge.errors import NothingProposed
from avatar_edge.playout import Playout
from avatar_edge.turns import Ledger
from avatar_runtime.session import Session

_TYPED_S = 3.0
"""A typed line whose turn has not come by then never will: it was empty, or the ears died."""


class Commands:
    """Sends them until whoever they are for has them, and remembers what they are about.

    Attributes:
        proposal: The answer that waits for a decision, None when none does.
        edited: The reply in whose place other words are to be spoken, 0 for none.
    """

    def __init__(self, session: Session, playout: Playout, ledger: Ledger, clock: Callable[[], float]) -> None:
        self.proposal: ReplyProposed | None = None
        self.edited = 0
        self._session = session
        self._playout = playout
        self._ledger = ledger
        self._clock = clock
        self._typed: deque[float] = deque()
        session.on(ReplyProposed, self._on_proposed)
        session.on(ReplyCommitted, self._on_committed)
        session.on(ReplyCancelled, self._on_cancelled)

    async def type(self, text: str, *, verbatim: bool, interruptible: bool) -> None:
        """See `Call.type` and `Call.say`."""
        sent_at = self._clock()
        self._typed.append(sent_at)
        line = TurnTyped(client_id=ids.new_session_id(), text=text, verbatim=verbatim, interruptible=interruptible)
        try:
            await self._session.command(line)
        except BaseException:
            with contextlib.suppress(ValueError):  # its turn may have come all the same
                self._typed.remove(sent_at)
            raise

    def typed_at(self, now: float) -> float:
        """When the line was sent whose turn has come now."""
        while self._typed and now - self._typed[0] > _TYPED_S:
            self._typed.popleft()
        return self._typed.popleft() if self._typed else now

    async def stop(self) -> None:
        """See `Call.stop`."""
        turn, _ = self._playout.heard_now(self._clock())
        try:
            await self._session.command(TurnStop())
        except BaseException:  # no ears to pass it on: be silent all the same
            if turn:
                self._playout.cancel_turn(turn, "stop", self._clock())
            raise

    async def decide(self, action: Literal["speak", "drop"], text: str) -> None:
        """See `Call.decide`."""
        proposal = self.proposal
        if proposal is None:
            raise NothingProposed("no answer waits for a decision; in mode draft one does after each turn")
        self.edited = proposal.reply if action == "speak" and text else 0
        if action == "speak":
            self._ledger.decided(proposal.turn, self._clock())
        try:
            await self._session.command(ReplyDecision(reply=proposal.reply, action=action, text=text))
        except BaseException:
            self._ledger.proposed(proposal.turn, proposal.reply)
            raise
        self._forget(proposal.reply)

    async def _on_proposed(self, event: ReplyProposed) -> None:
        self.proposal = event
        self._ledger.proposed(event.turn, event.reply)

    async def _on_committed(self, event: ReplyCommitted) -> None:
        self._forget(event.reply)

    async def _on_cancelled(self, event: ReplyCancelled) -> None:
        self._forget(event.reply)

    def _forget(self, reply: int) -> None:
        if self.proposal is not None and self.proposal.reply == reply:
            self.proposal = None
