"""What may be asked of a call while it lasts, by key or by a program."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Literal

from avatar_contracts import ReplyProposed, SessionConfig, SessionConfigured
from avatar_contracts.session import Mode, Patience, Respond
from avatar_edge.choices import Choices
from avatar_edge.dialogue import Dialogue
from avatar_edge.takeover import Takeover
from avatar_runtime.bus import BusError
from avatar_runtime.session import Session

_RETRY_S = 0.1


class Wishes:
    """The part of `Call` that takes wishes."""

    _session: Session
    _dialogue: Dialogue
    _choices: Choices
    _hear: Callable[[Mode], None]
    _takeover: Takeover

    async def type(self, text: str) -> None:
        """Say `text` by typing it.

        Raises:
            CommandFailed: No ears take it.
            ContractError: It is longer than a line may be, or not text.
        """
        await self._dialogue.commands.type(text, verbatim=False, interruptible=True)

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        """Have exactly `text` spoken by the clone, whatever the mode; raises as `type` does."""
        await self._dialogue.commands.type(text, verbatim=True, interruptible=interruptible)

    async def stop(self) -> None:
        """Be silent now; without ears what sounds is stopped all the same, and `CommandFailed` raised."""
        await self._dialogue.commands.stop()

    async def decide(self, action: Literal["speak", "drop"], text: str = "") -> None:
        """Speak or drop the answer that is proposed, or speak `text` in its place.

        Raises:
            NothingProposed: No answer waits for a decision.
            CommandFailed: No mind takes it.
            ContractError: The text is longer than an answer may be.
        """
        await self._dialogue.commands.decide(action, text)

    async def configure(
        self,
        *,
        mode: Mode | None = None,
        respond: Respond | None = None,
        patience: Patience | None = None,
        speculate: bool | None = None,
    ) -> None:
        """Choose otherwise for the rest of the call; what is None stays. Raises `BadChoice`."""
        config = self._choices.change(mode=mode, respond=respond, patience=patience, speculate=speculate)
        self._obey_mode()
        await self._session.publish(SessionConfigured(config=config))

    async def real(self, on: bool) -> None:
        """Show and hear the person themself in place of the clone, or the clone again, within 200 ms.

        Meanwhile the clone hears and answers nothing. Raises `RealMissing` where there is nothing of theirs.
        """
        self._takeover.take(on=on)

    @property
    def real_on(self) -> bool:
        """The person themself is shown and heard."""
        return self._takeover.on

    @property
    def real_available(self) -> bool:
        """There is a webcam or a microphone to take the clone's place with."""
        return self._takeover.available

    @property
    def config(self) -> SessionConfig:
        """What holds now."""
        return self._choices.config

    @property
    def proposal(self) -> ReplyProposed | None:
        """The answer that waits for a decision, None when none does."""
        return self._dialogue.commands.proposal

    def _obey_mode(self) -> None:
        """Where the person's words are spoken back, it is theirs that are heard, and their voice does not interrupt."""
        mode = self._choices.config.mode
        self._dialogue.floor.ducks = mode != "repeat"
        self._hear(mode)

    async def _disclose(self, line: str, lacks: Callable[[], list[str]]) -> None:
        """Say the line the person must hear first, once somebody can."""
        while True:
            if not lacks():
                with contextlib.suppress(BusError):
                    await self.say(line, interruptible=False)
                    return
            await asyncio.sleep(_RETRY_S)
