"""Real models, loaded once, and real recordings."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt
import pytest
import soxr

from avatar_asr import assets
from avatar_asr.actions import Action, Decode, Final, Judge, Look, Overlap, Stopped
from avatar_asr.ears import Ears
from avatar_asr.engines.moonshine import Moonshine
from avatar_asr.hearing import Hearing, LookWanted, WordsWanted
from avatar_asr.rules import Rules, rules_of
from avatar_asr.settings import AsrSettings
from avatar_asr.turns import Turns
from avatar_contracts import MicFrame

Floats = npt.NDArray[np.float32]

TWO_CITIES = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the
season of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had
nothing before us, we were all going direct to Heaven, we were all going direct the other way, in short, the period
was so far like the present period, that some of its noisiest authorities insisted on its being received, for good or
for evil, in the superlative degree of comparison only."""

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."


@pytest.fixture(scope="session")
def ears() -> Ears:
    loaded = Ears(Moonshine())
    loaded.load()
    return loaded


def _recording(name: str) -> Floats:
    with wave.open(str(assets.find("moonshine_voice", "assets", name))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32_768
        rate = file.getframerate()
    return samples if rate == 16_000 else soxr.resample(samples, rate, 16_000).astype(np.float32)


@pytest.fixture(scope="session")
def two_cities() -> Floats:
    return _recording("two_cities.wav")


@pytest.fixture(scope="session")
def beckett() -> Floats:
    return _recording("beckett.wav")


@pytest.fixture(scope="session")
def two_cities_words() -> str:
    return TWO_CITIES


@pytest.fixture(scope="session")
def beckett_words() -> str:
    return BECKETT


@pytest.fixture(scope="session")
def word_error_rate() -> Callable[[str, str], float]:
    def plain(text: str) -> str:
        return " ".join(re.sub(r"[^a-z ]+", " ", text.lower().replace("'", "")).split())

    return lambda reference, heard: jiwer.wer(plain(reference), plain(heard) or "nothing")


@pytest.fixture(scope="session")
def listen(ears: Ears) -> Callable[..., list[Any]]:
    """Runs sound through the real models on virtual time: each answer comes 80 ms after it was asked for.

    Turns are declined at once, unless they are `tentative`: then nobody answers, and they may be taken back.
    """

    def run(sound: Floats, *, tentative: bool = False, **settings: Any) -> list[Any]:
        hearing = Hearing(ears.vad.open(), AsrSettings(**settings))
        decoder = ears.engine.open()
        decoder.patience_s = 60.0  # the same words on a busy machine
        outcomes: list[Any] = []
        owed: list[tuple[int, Callable[[], list[Any]]]] = []
        pcm = (np.clip(sound, -1, 1) * 32_767).astype("<i2")
        for start in range(0, len(pcm) - 319, 320):
            frame = MicFrame(rate=16_000, start=start, pcm=pcm[start : start + 320].tobytes())
            new = hearing.hear(frame)
            while owed and owed[0][0] <= start:
                new += owed.pop(0)[1]()
            for outcome in new:
                due = start + 1_280
                if isinstance(outcome, WordsWanted):
                    text = decoder.decode(outcome.samples, careful=outcome.decode.careful)
                    owed.append((due, lambda job=outcome.decode.job, text=text: hearing.decoded(job, text)))
                elif isinstance(outcome, LookWanted):
                    chance = ears.smart_turn.probability(outcome.samples)
                    owed.append((due, lambda job=outcome.look.job, chance=chance: hearing.looked(job, chance)))
                else:
                    outcomes.append(outcome)
                    if isinstance(outcome, Final) and not tentative:
                        assert hearing.unanswered(outcome.turn) == []
        return outcomes

    return run


FRAME = 512
S = 16_000


class FewWords:
    """A lexicon of a handful of words, so that a script says all a test needs to know."""

    def words(self, text: str) -> list[str]:
        return re.findall(r"[\w']+", text.lower())

    def unfinished(self, text: str) -> bool:
        return self.words(text)[-1:] in (["and"], ["the"])

    def backchannel(self, text: str) -> bool:
        return bool(self.words(text)) and set(self.words(text)) <= {"mhm", "yeah", "okay"}

    def slight(self, text: str) -> bool:
        return set(self.words(text)) <= {"in", "them", "is", "it", "you"}

    def interrupt(self, text: str) -> bool:
        return self.words(text)[:1] in (["stop"], ["wait"])

    def invented(self, text: str, voice_s: float) -> bool:
        return self.words(text) == ["you"]

    def echo_of(self, text: str, said: Sequence[str]) -> bool:
        return bool(self.words(text)) and " ".join(self.words(text)) in " ".join(self.words(" ".join(said)))


@dataclass
class Script:
    """Feeds frames to `Turns` and answers what it asks, `decode_s` and `look_s` later.

    Without `answers`, each turn is declined at once, so that none is tentative.
    """

    rules: Rules = field(default_factory=lambda: rules_of(AsrSettings()))
    complete: float | None = 0.9
    decode_s: float = 0.08
    look_s: float = 0.06
    first_turn: int = 0
    text: str | None = None
    alike: float | None = 0.0
    answers: bool = False

    def __post_init__(self) -> None:
        self.turns = Turns(self.rules, self.first_turn, FewWords())
        self.at = 0
        self.loud = 0
        self.level_db = -20.0
        self.guard = False
        self.actions: list[Action] = []
        self.when: list[int] = []
        self.owed: list[tuple[int, Action]] = []
        self.reply = 0

    def frames(self, count: int, probability: float, *, loud: bool | None = None) -> Script:
        for _ in range(count):
            self.at += FRAME
            if probability > 0.5 if loud is None else loud:
                self.loud = self.at
            self.take(self.turns.step(probability, self.at, self.loud, self.level_db, guard=self.guard))
            self.answer()
        return self

    def voice(self, seconds: float, text: str | None = None) -> Script:
        """The person speaks; from here on the decoder says `text`."""
        self.text = text if text is not None else self.text
        return self.frames(round(seconds * S / FRAME), 0.97)

    def silence(self, seconds: float) -> Script:
        return self.frames(round(seconds * S / FRAME), 0.02)

    def reach(self, state: str, turn: int = 1, text: str = "the first words") -> Script:
        """A turn of the person, then its answer: ``thinking``, ``early`` or ``speaking``."""
        self.silence(0.5).voice(1.0, text).silence(0.5)
        self.reply += 1
        self.take(self.turns.committed(turn, self.reply, interruptible=True))
        if state != "thinking":
            self.plays("started", turn)
            self.silence(0.3 if state == "early" else 1.5)
        return self.forget()

    def plays(self, state: str, turn: int = 1) -> Script:
        self.take(self.turns.played(turn, self.reply, state))
        return self

    def forget(self) -> Script:
        """Look only at what comes from here on."""
        self.actions, self.when = [], []
        return self

    def answer(self) -> None:
        while ready := [debt for debt in self.owed if debt[0] <= self.at]:
            debt = ready[0]
            self.owed.remove(debt)
            request = debt[1]
            if isinstance(request, Decode):
                words = f"<{request.start}-{request.end}>" if self.text is None else self.text
                self.take(self.turns.decoded(request.job, words))
            elif isinstance(request, Look):
                self.take(self.turns.looked(request.job, self.complete))

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            self.actions.append(action)
            self.when.append(self.at)
            if isinstance(action, Decode):
                self.owed.append((self.at + round(self.decode_s * S), action))
            elif isinstance(action, Look):
                self.owed.append((self.at + round(self.look_s * S), action))
            elif isinstance(action, Judge) and self.alike is not None:
                self.take(self.turns.judged(action.job, self.alike))
            elif isinstance(action, Final) and not self.answers:
                self.take(self.turns.unanswered(action.turn))

    def of(self, kind: type) -> list[Any]:
        return [action for action in self.actions if isinstance(action, kind)]

    def at_of(self, kind: type, **fields: object) -> list[float]:
        """Seconds at which actions of a kind came."""
        return [
            when / S
            for action, when in zip(self.actions, self.when, strict=True)
            if isinstance(action, kind) and all(getattr(action, name) == value for name, value in fields.items())
        ]

    @property
    def overlaps(self) -> list[tuple[str, str]]:
        return [(action.state, action.why) for action in self.of(Overlap)]

    @property
    def discarded(self) -> int:
        return sum(stopped.discarded for stopped in self.of(Stopped))


@pytest.fixture(scope="session")
def script() -> type[Script]:
    return Script


@pytest.fixture(scope="session")
def ruled() -> Callable[..., Rules]:
    """The rules as they ship, with some changed."""
    return lambda **changes: replace(rules_of(AsrSettings()), **changes)
