"""What is known of the reply being spoken: its sentences, its clock, how far it has been played."""

from __future__ import annotations

from dataclasses import dataclass, field

from avatar_contracts import LlmDone, LlmSentence, PlaybackProgress

_STARVING_S = 1.0
"""Less than this between the playhead and the last sample made: go on, whatever the count of sentences."""


@dataclass(frozen=True)
class Asked:
    """A sentence that was asked for: when, and in which trace."""

    sentence: LlmSentence
    at: float
    trace: dict[str, str]


@dataclass
class Reply:
    """One reply. Pure: events in, the next thing to do out."""

    turn: int
    number: int
    clock: int = 0
    """Samples made so far, pauses included."""
    next: int = 0
    """The sentence to be spoken next."""
    pause_s: float = 0.0
    """Silence due before the next sentence."""
    done: bool = False
    """Its end has been told."""
    over: bool = False
    """Nothing of it may be heard any more."""
    began_at: float = 0.0
    """When its first sound was sent, on the steady clock."""
    _asked: dict[int, Asked] = field(default_factory=dict)
    _total: int | None = None
    _playing: int = -1
    _played_s: float = 0.0
    _held: bool = False
    _missing_since: float | None = None

    def ask(self, asked: Asked) -> None:
        """A sentence came; one that was already spoken or asked for changes nothing."""
        number = asked.sentence.sentence
        if number >= self.next:
            self._asked.setdefault(number, asked)

    def on_done(self, event: LlmDone) -> None:
        """All sentences have been sent."""
        self._total = event.sentences

    def on_progress(self, event: PlaybackProgress) -> None:
        """The reply was played up to here; after it was held it may go on from a little earlier."""
        played_s = event.played / event.rate
        if self._held:
            self._playing, self._played_s = event.sentence, played_s
        self._held = event.state == "held"
        self._playing = max(self._playing, event.sentence)
        self._played_s = max(self._played_s, played_s)

    @property
    def playing(self) -> bool:
        """Some of it has been played."""
        return self._playing >= 0

    def starving(self, rate: int) -> bool:
        """Whether it sounds and will soon have nothing left."""
        return not self._held and self._runs_short(rate)

    def _runs_short(self, rate: int) -> bool:
        return self.playing and self.clock / rate - self._played_s < _STARVING_S

    def due(self, rate: int, ahead: int) -> Asked | None:
        """The sentence to speak now, at most `ahead` beyond the one being played.

        As long as there is no sound at all, because sentences could not be spoken, nothing will play: the next is due.
        """
        if self.clock and self.next > self._playing + ahead and not self._runs_short(rate):
            return None
        return self._asked.get(self.next)

    def spoken(self, pause_s: float) -> None:
        """The next sentence is over, whether it could be spoken or not."""
        self._asked.pop(self.next, None)
        self.next += 1
        self.pause_s = pause_s if self.clock else 0.0

    def skip_lost(self) -> int:
        """Go on with what has come; the answer is how many sentences that leaves out."""
        self._missing_since = None
        after = min(self._asked, default=self._total or 0)
        lost, self.next = after - self.next, after
        return lost

    @property
    def complete(self) -> bool:
        """Every sentence there will be is over."""
        return self._total is not None and self.next >= self._total

    @property
    def waits_for_lost(self) -> bool:
        """The next sentence should have come by now: later ones, or the end, have."""
        return self.next not in self._asked and (bool(self._asked) or (self._total or 0) > self.next)

    def missing_since(self, now: float) -> float | None:
        """Since when a sentence has been waited for that should be here, None when none is; ask regularly."""
        if not self.waits_for_lost:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now
        return self._missing_since
