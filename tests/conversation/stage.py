"""A whole call in one event loop: genuine turn-taking, mind, voice worker, dialogue and playout, scripted engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from conversation.ears import Pace, ScriptedEars
from conversation.faces import Screen, ScriptedFace
from conversation.minds import ScriptedMind
from conversation.people import RATE, Room
from conversation.voices import CodedVoice, Loudspeaker
from conversation.wires import Wire

from avatar_asr.settings import AsrSettings
from avatar_contracts import Claim, ErrorRaised, Kind, SessionConfig, TtsChunk, WorkerLease
from avatar_edge.choices import Choices
from avatar_edge.dialogue import Dialogue
from avatar_edge.pairing import Pairing
from avatar_edge.player import Player
from avatar_edge.playout import Change, Playout
from avatar_edge.seat import Seat
from avatar_edge.wishes import Wishes
from avatar_llm.mind import Mind
from avatar_llm.settings import LlmSettings
from avatar_runtime.session import Session
from avatar_tts.settings import TtsSettings
from avatar_tts.speaker import Speaker

SESSION = "conversation0"
DETECT_S = 0.3
"""A worker that died is missed after about three pings."""
CLAIM_S = 0.05
FACE_S = 0.03
"""From a reply's first sound to its first picture."""
HOUSEKEEPING_S = 0.1
NO_VIDEO: Any = None
"""Pictures are not decoded here."""


class Microphone:
    """What the dialogue asks of the microphone: sample n is heard at n / 16,000 seconds of the call."""

    def voiced_end(self, heard: int, margin: int) -> float:
        """Clock of the call at a sample."""
        return heard / RATE


class Stage(Wishes):
    """The call and everybody in it; `start` and `kill` move workers in and out.

    Attributes:
        wire: The bus.
        room: What the microphone hears.
        voice, thinker, pace: The scripted engines of tts, llm and asr.
        out: What was played.
        workers: Who serves now, by kind.
        errors: Every error event.
        changes: Every change of the playout, as the call learns of it.
    """

    def __init__(
        self,
        config: SessionConfig,
        *,
        asr: AsrSettings | None = None,
        llm: LlmSettings | None = None,
        answer_timeout_s: float = 15.0,
        face: bool = False,
    ) -> None:
        """With `face` the genuine face plans its frames and a screen shows them; without, a picture is just there."""
        self._config = config
        self.wire = Wire()
        self.room = Room()
        self.voice = CodedVoice()
        self.thinker = ScriptedMind()
        self.pace = Pace()
        self.out = Loudspeaker()
        self.workers: dict[Kind, Any] = {}
        self.errors: list[ErrorRaised] = []
        self.changes: list[Change] = []
        self._face = face
        self._asr, self._llm = asr or AsrSettings(), llm or LlmSettings()
        self._answer_timeout_s = answer_timeout_s
        self._sessions: dict[Kind, Session] = {}
        self._epochs: dict[Kind, int] = {"asr": 0, "llm": 0, "tts": 0, "face": 0}
        self._seen: set[int] = set()

    async def open(self) -> None:
        """Everybody comes in."""
        loop = asyncio.get_running_loop()
        self.clock = loop.time
        self.session = Session(self.wire, SESSION, "edge", epoch=1)
        self.pairing = Pairing(0.04)
        self.playout = Playout(RATE)
        self.dialogue = Dialogue(
            self.session,
            Microphone(),
            self.playout,
            self.pairing,
            missing=lambda: self.missing,
            guarded=lambda _sample: self.room.guard,
            clock=self.clock,
        )
        self.player = Player(self.session, self.wire, self.out, self.playout, self._changed, clock=self.clock)
        self.dialogue.player = self.player
        self.choices = Choices(self._config)
        self._session, self._dialogue, self._choices = self.session, self.dialogue, self.choices
        self._hear = lambda _: None
        self._obey_mode()
        self.seat = Seat((self.session, self.session), self.dialogue, self.playout, NO_VIDEO, self.choices)
        self.session.on(ErrorRaised, self._on_error)
        self.screen = Screen(self.pairing, self.playout)
        if not self._face:
            self.session.on(TtsChunk, self._draw)
        await self.session.start()
        await self.player.start()
        self.session.spawn(self._keep_house(), "housekeeping")
        if self._face:
            self.session.spawn(self.screen.run(), "screen")
        for kind in self._kinds:
            await self.start(kind)

    async def close(self) -> None:
        """Everybody leaves."""
        self.player.close()
        await self.dialogue.close()
        for kind in list(self.workers):
            await self._leave(kind)
        await self.session.close()
        await self.wire.close()

    @property
    def _kinds(self) -> tuple[Kind, ...]:
        return ("asr", "llm", "tts", "face") if self._face else ("asr", "llm", "tts")

    # --- workers -----------------------------------------------------------------------------------------------

    def session_of(self, kind: Kind) -> Session:
        """The end of the session that the worker of `kind` holds."""
        return self._sessions[kind]

    @property
    def ears(self) -> ScriptedEars:
        """The ears that serve now."""
        return self.workers["asr"]

    @property
    def mind(self) -> Mind:
        """The mind that serves now."""
        return self.workers["llm"]

    @property
    def speaker(self) -> Speaker:
        """The voice that serves now."""
        return self.workers["tts"]

    @property
    def missing(self) -> list[Kind]:
        """Kinds without a worker."""
        return [kind for kind in self._kinds if kind not in self.workers]

    async def start(self, kind: Kind) -> None:
        """A worker takes the session, told where the talk stands."""
        makers: dict[Kind, Callable[[Session], Any]] = {
            "asr": lambda session: ScriptedEars(session, self.room, self._asr, self.pace),
            "llm": lambda session: Mind(session, self.thinker, self._llm),
            "tts": lambda session: Speaker(session, self.voice, TtsSettings()),
            "face": lambda session: ScriptedFace(session, self.pairing, self.dialogue),
        }
        self._epochs[kind] += 1
        turn, reply = self.seat.floors(kind)
        claim = Claim(
            session=SESSION,
            kind=kind,
            epoch=self._epochs[kind],
            config=self.seat.config(),
            turn=turn,
            reply=reply,
            transcript=self.seat.transcript(),
            pending=self.seat.pending() if kind == "llm" else None,
        )
        session = Session(self.wire, SESSION, kind, claim.epoch, claim)
        self.workers[kind], self._sessions[kind] = makers[kind](session), session
        await session.start()
        await self._announce()

    async def kill(self, kind: Kind, *, back_after: float | None = CLAIM_S, detect: float = DETECT_S) -> None:
        """A worker dies now; the edge misses it after `detect` and holds another one `back_after` later, or never."""
        await self._leave(kind)
        await asyncio.sleep(detect)
        await self.seat.worker_lost(kind, "died")
        await self._announce()
        if back_after is not None:
            await asyncio.sleep(back_after)
            await self.start(kind)

    async def _leave(self, kind: Kind) -> None:
        worker, session = self.workers.pop(kind), self._sessions.pop(kind)
        await session.close()
        await worker.close()

    async def _announce(self) -> None:
        leases = tuple(
            WorkerLease(kind=kind, worker=f"{kind}-{self._epochs[kind]}", epoch=self._epochs[kind])
            for kind in self.workers
        )
        await self.seat.workers_changed(leases)

    # --- inside ------------------------------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        self.dialogue.on_change(change)

    async def _on_error(self, event: ErrorRaised) -> None:
        self.errors.append(event)
        if event.turn:
            self.dialogue.ledger.error(event.turn, event.message)

    async def _draw(self, chunk: TtsChunk) -> None:
        """The face: its first picture of a reply comes a moment after the first sound."""
        if chunk.reply not in self._seen:
            self._seen.add(chunk.reply)
            asyncio.get_running_loop().call_later(FACE_S, self.dialogue.on_frame, chunk.reply, self.clock() + FACE_S)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            self.dialogue.give_up(self._answer_timeout_s)
