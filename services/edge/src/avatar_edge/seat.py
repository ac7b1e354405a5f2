"""The call as its workers' keeper sees it: where the talk stands, and what changes when a worker comes or goes."""

from __future__ import annotations

from avatar_contracts import (
    Exchange,
    Kind,
    Pending,
    SessionConfig,
    SessionConfigured,
    SessionOpened,
    SessionWorkers,
    WorkerLease,
)
from avatar_edge.choices import Choices
from avatar_edge.dialogue import Dialogue
from avatar_edge.playout import Playout
from avatar_edge.video import VideoReceiver
from avatar_edge.workers import KINDS, WORDS
from avatar_runtime.session import Session


class Seat:
    """See `workers.Owner`."""

    def __init__(
        self,
        sessions: tuple[Session, Session],
        dialogue: Dialogue,
        playout: Playout,
        video: VideoReceiver,
        choices: Choices,
    ) -> None:
        """`sessions`: the main one and that of the picture, perhaps the same."""
        self._session, self._picture = sessions
        self._dialogue = dialogue
        self._playout = playout
        self._video = video
        self._choices = choices
        self._opened = False

    def floors(self, kind: Kind) -> tuple[int, int]:
        """See `workers.Owner`."""
        return self._dialogue.ledger.floors(kind)

    def transcript(self) -> tuple[Exchange, ...]:
        """See `workers.Owner`."""
        return self._dialogue.transcript()

    def pending(self) -> Pending | None:
        """See `workers.Owner`."""
        return self._dialogue.pending()

    def config(self) -> SessionConfig:
        """See `workers.Owner`."""
        return self._choices.config

    def frame_at(self) -> float | None:
        """See `workers.Owner`."""
        return self._video.last_at

    def answering(self) -> bool:
        """See `workers.Owner`."""
        return self._playout.busy or self._dialogue.ledger.thinking

    async def workers_changed(self, leases: tuple[WorkerLease, ...]) -> None:
        """See `workers.Owner`."""
        for lease in leases:
            self._session.fence(lease.kind, lease.epoch)
            self._picture.fence(lease.kind, lease.epoch)
        if not self._opened and len(leases) == len(KINDS):
            self._opened = True
            await self._session.publish(SessionOpened(config=self._choices.config))
        await self._session.publish(SessionWorkers(workers=leases))
        if self._choices.changed:  # a worker claimed while they changed may have been told the old ones
            await self._session.publish(SessionConfigured(config=self._choices.config))

    async def worker_lost(self, kind: Kind, why: str) -> None:
        """See `workers.Owner`."""
        message = f"the {kind} worker ({WORDS[kind]}) {why}; another one is being claimed"
        await self._session.report(f"{kind}.lost", message)
        if kind == "asr":
            self._dialogue.ears_lost()
        elif kind in ("llm", "tts"):
            await self._dialogue.break_off(message)

    async def tell(self, code: str, message: str, hint: str) -> None:
        """See `workers.Owner`."""
        await self._session.report(code, message, hint)
