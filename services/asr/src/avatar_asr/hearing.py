"""From microphone frames to decisions, for one session and one thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from avatar_asr.actions import Action, Decode, Judge, Look
from avatar_asr.backchannel import likeness
from avatar_asr.frames import Door, Flaw, Heard
from avatar_asr.loudness import Loudness
from avatar_asr.rules import rules_of
from avatar_asr.turns import Turns
from avatar_asr.vad import FRAME_SAMPLES
from avatar_contracts import SessionConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_asr.settings import AsrSettings
    from avatar_asr.vad import Vad
    from avatar_contracts import MicFrame, PlaybackProgress, ReplyCommitted

_ASLEEP_BELOW = 0.2
_HEARD_AGAIN_FRAMES = 8

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WordsWanted:
    """Decode `samples`; the answer goes to `Hearing.decoded`."""

    decode: Decode
    samples: Floats


@dataclass(frozen=True)
class LookWanted:
    """Ask the end-of-turn model about `samples`; the answer goes to `Hearing.looked`."""

    look: Look
    samples: Floats


@dataclass(frozen=True)
class Flawed:
    """A frame was not as it should be; `fresh` when this is news."""

    flaw: Flaw
    fresh: bool


Outcome: TypeAlias = Action | WordsWanted | LookWanted | Flawed


class Hearing:
    """Everything heard in one session and what was made of it. Not for use by several threads at once.

    Args:
        vad: A voice detector of its own.
        settings: The rules.
        turn: Turns are numbered above this.
        config: What the person chose for the call.
    """

    def __init__(self, vad: Vad, settings: AsrSettings, turn: int = 0, config: SessionConfig | None = None) -> None:
        self._vad = vad
        self._settings = settings
        self._door = Door()
        self._loudness = Loudness()
        self._turns = Turns(rules_of(settings), turn)
        self.configure(config or SessionConfig())
        self._sound = _Sound()
        self._heard_to = 0
        self._probability = 0.0
        self._skipped = 0

    def hear(self, frame: MicFrame) -> list[Outcome]:
        """Take one microphone frame, good or bad. About 0.1 ms."""
        heard = self._door.take(frame)
        outcomes: list[Outcome] = [Flawed(flaw, flaw in heard.fresh) for flaw in heard.flaws]
        outcomes += self._advance(heard, guard=frame.guard)
        self._sound.forget_before(self._turns.needed_from)
        return outcomes

    def _advance(self, heard: Heard, *, guard: bool) -> list[Outcome]:
        outcomes: list[Outcome] = []
        if heard.restart_at is not None:
            outcomes += self._with_sound(self._turns.restart(heard.restart_at))
            self._vad.reset()
            self._loudness = Loudness()
            self._sound = _Sound(heard.restart_at)
            self._probability, self._skipped = 0.0, 0
            self._heard_to = heard.restart_at
        self._sound.append(heard.samples)
        while self._sound.end - self._heard_to >= FRAME_SAMPLES:
            frame = self._sound.between(self._heard_to, self._heard_to + FRAME_SAMPLES)
            self._heard_to += FRAME_SAMPLES
            self._loudness.push(frame, self._heard_to, self._probability)
            self._probability = self._voice(frame)
            loud_end, level_db = self._loudness.loud_end, self._loudness.level_db
            outcomes += self._with_sound(
                self._turns.step(self._probability, self._heard_to, loud_end, level_db, guard=guard)
            )
        return outcomes + self._with_sound(self._turns.tick(self._sound.end))

    def _voice(self, frame: Floats) -> float:
        """The probability of voice in the newest frame.

        Nobody waits for a verdict on a calm background: the detector sleeps through it, and hears the last moments
        before a sound when it wakes up. That is most of what an idle session would cost.
        """
        calm = self._loudness.calm and self._turns.idle and self._probability < _ASLEEP_BELOW
        if calm or self._turns.deaf:
            self._skipped = min(self._skipped + 1, _HEARD_AGAIN_FRAMES)
            return 0.0
        for back in range(self._skipped + 1, 1, -1):
            start = self._heard_to - back * FRAME_SAMPLES
            self._vad.probability(self._sound.between(start, start + FRAME_SAMPLES))
        self._skipped = 0
        return self._vad.probability(frame)

    def recover(self) -> list[Outcome]:
        """Begin anew after a model has failed: open speech is dropped, the numbering goes on."""
        self._door = Door()
        return self._with_sound(self._turns.restart(self._heard_to))

    def typed(self) -> tuple[int, list[Outcome]]:
        """The number of a typed line, and what that changes."""
        number, actions = self._turns.typed()
        return number, self._with_sound(actions)

    def decoded(self, job: int, text: str) -> list[Outcome]:
        """The words of a `WordsWanted`; empty when there were none or the decoder failed."""
        return self._with_sound(self._turns.decoded(job, text))

    def looked(self, job: int, probability: float | None) -> list[Outcome]:
        """The answer to a `LookWanted`; None when it failed."""
        return self._with_sound(self._turns.looked(job, probability))

    def configure(self, config: SessionConfig) -> list[Outcome]:
        """What the person chose, now or for the rest of the call."""
        rules = rules_of(self._settings, config.patience)
        return self._with_sound(self._turns.configure(rules, config.mode, speculate=config.speculate))

    def played(self, progress: PlaybackProgress) -> list[Outcome]:
        """What is heard of a reply."""
        return self._with_sound(self._turns.played(progress.turn, progress.reply, progress.state))

    def committed(self, reply: ReplyCommitted) -> list[Outcome]:
        """A reply will be heard."""
        actions = self._turns.committed(reply.turn, reply.reply, interruptible=reply.interruptible)
        return self._with_sound(actions)

    def unanswered(self, turn: int) -> list[Outcome]:
        """No answer to `turn` will be heard, or no more of it."""
        return self._with_sound(self._turns.unanswered(turn))

    def saying(self, reply: int, sentence: int, text: str) -> list[Outcome]:
        """A sentence that the clone speaks."""
        self._turns.saying(reply, sentence, text)
        return []

    def stop(self) -> list[Outcome]:
        """The clone is to be silent."""
        return self._with_sound(self._turns.stop())

    def _with_sound(self, actions: Iterable[Action]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for action in actions:
            match action:
                case Decode(_, start, end):
                    outcomes.append(WordsWanted(action, self._sound.between(start, end)))
                case Look(_, start, end):
                    outcomes.append(LookWanted(action, self._sound.between(start, end)))
                case Judge(job, start, end):
                    # A millisecond: answered on the spot.
                    usual_db = self._turns.usual_db
                    speech_db = self._loudness.speech_db if usual_db is None else usual_db
                    alike = likeness(self._sound.between(start, end), speech_db)
                    outcomes += self._with_sound(self._turns.judged(job, alike))
                case _:
                    outcomes.append(action)
        return outcomes


class _Sound:
    """The last seconds of sound, addressed by microphone position."""

    def __init__(self, at: int = 0) -> None:
        self._buffer = np.zeros(2 * 16_000, dtype=np.float32)
        self._start = at
        self._length = 0

    @property
    def end(self) -> int:
        return self._start + self._length

    def append(self, samples: Floats) -> None:
        needed = self._length + len(samples)
        if needed > len(self._buffer):
            grown = np.zeros(max(needed, 2 * len(self._buffer)), dtype=np.float32)
            grown[: self._length] = self._buffer[: self._length]
            self._buffer = grown
        self._buffer[self._length : needed] = samples
        self._length = needed

    def between(self, start: int, end: int) -> Floats:
        """A copy of the sound in the range, as far as it is still there."""
        return self._buffer[max(0, start - self._start) : max(0, end - self._start)].copy()

    def forget_before(self, position: int) -> None:
        """Free what lies before `position`, a few seconds at a time."""
        surplus = min(position - self._start, self._length)
        if surplus < 4 * 16_000:
            return
        kept = self._buffer[surplus : self._length].copy()
        self._buffer[: len(kept)] = kept
        self._start += surplus
        self._length = len(kept)
