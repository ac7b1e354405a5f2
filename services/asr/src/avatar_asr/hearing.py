"""From microphone frames to decisions, for one session and one thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from avatar_asr.actions import Decode, Final, Look, Partial, Started, Stopped
from avatar_asr.frames import Door, Flaw, Heard
from avatar_asr.loudness import Loudness
from avatar_asr.rules import rules_of
from avatar_asr.turns import Turns
from avatar_asr.vad import FRAME_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from avatar_asr.actions import Action
    from avatar_asr.settings import AsrSettings
    from avatar_asr.vad import Vad
    from avatar_contracts import MicFrame

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


Outcome: TypeAlias = Started | Stopped | Partial | Final | WordsWanted | LookWanted | Flawed


class Hearing:
    """Everything heard in one session and what was made of it. Not for use by several threads at once.

    Args:
        vad: A voice detector of its own.
        settings: The rules.
        turn: Turns are numbered above this.
    """

    def __init__(self, vad: Vad, settings: AsrSettings, turn: int = 0) -> None:
        self._vad = vad
        self._door = Door()
        self._loudness = Loudness()
        self._turns = Turns(rules_of(settings), turn)
        self._sound = _Sound()
        self._heard_to = 0
        self._probability = 0.0
        self._skipped = 0

    def hear(self, frame: MicFrame) -> list[Outcome]:
        """Take one microphone frame, good or bad. About 0.1 ms."""
        heard = self._door.take(frame)
        outcomes: list[Outcome] = [Flawed(flaw, flaw in heard.fresh) for flaw in heard.flaws]
        outcomes += self._with_sound(self._advance(heard))
        self._sound.forget_before(self._turns.needed_from)
        return outcomes

    def _advance(self, heard: Heard) -> list[Action]:
        actions: list[Action] = []
        if heard.restart_at is not None:
            actions += self._turns.restart(heard.restart_at)
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
            actions += self._turns.step(
                self._probability, self._heard_to, self._loudness.loud_end, self._loudness.level_db
            )
        return actions + self._turns.tick(self._sound.end)

    def _voice(self, frame: Floats) -> float:
        """The probability of voice in the newest frame.

        Nobody waits for a verdict on a calm background: the detector sleeps through it, and hears the last moments
        before a sound when it wakes up. That is most of what an idle session would cost.
        """
        if self._loudness.calm and self._turns.idle and self._probability < _ASLEEP_BELOW:
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

    def _with_sound(self, actions: Iterable[Action]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for action in actions:
            if isinstance(action, Decode):
                outcomes.append(WordsWanted(action, self._sound.between(action.start, action.end)))
            elif isinstance(action, Look):
                outcomes.append(LookWanted(action, self._sound.between(action.start, action.end)))
            else:
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
