"""What was said and what of the answers was really heard: all that the mind remembers."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

from avatar_contracts import Exchange, PlaybackProgress

UNHEARD_S = 0.3
"""Of an answer to a turn that was taken back, less than this counts as nothing: too short for anybody to notice."""

_KEEP = 0.75
"""Share kept when the history is too long: trimming rarely, in blocks, leaves the prompt's front unchanged between
turns, so that a model can reuse what it has computed for it."""


@dataclass
class Spoken:
    """The sentences of one reply and how far the person has heard them.

    Attributes:
        sentences: What was sent to the voice; may still grow.
        sentence: The sentence being played: all before it were heard whole.
        chars: Characters of that sentence heard.
        played_s: Seconds of it heard.
        complete: No more sentences will come.
        whole: The reply was played to its end.
    """

    sentences: list[str] = field(default_factory=list)
    sentence: int = 0
    chars: int = 0
    played_s: float = 0.0
    complete: bool = False
    whole: bool = False

    @property
    def heard(self) -> str:
        """The words that were heard, ending at a whole word; empty when none was."""
        if self.whole:
            return " ".join(self.sentences)
        parts = self.sentences[: self.sentence]
        if self.sentence < len(self.sentences):
            parts.append(_whole_words(self.sentences[self.sentence], self.chars))
        return " ".join(filter(None, parts))

    @property
    def cut(self) -> bool:
        """Something of it was heard, and not all."""
        if self.whole:
            return False
        heard = self.heard
        return bool(heard) and not (self.complete and heard == " ".join(self.sentences))

    def advance(self, event: PlaybackProgress) -> None:
        """Takes note of how far it has been played.

        A reply that fell silent may go on from a little earlier; words that were heard once stay heard.
        """
        self.sentence, self.chars = max((self.sentence, self.chars), (event.sentence, event.chars))
        self.played_s = max(self.played_s, event.played / event.rate)
        self.whole = self.whole or (event.state == "finished" and event.played > 0)


@dataclass
class Entry:
    """One exchange: what the person said and what they heard in answer.

    Attributes:
        turn: The turn; 0 for exchanges from before this worker.
        said: The person's words; empty when they were taken back, or were the clone's own to speak.
        language: ISO 639 code of the turn.
        spoken: The reply.
        reply: Its number; 0 for exchanges from before this worker and for turns that were not answered.
        taken_back: The turn's words will come again in another one.
    """

    turn: int
    said: str
    language: str
    spoken: Spoken = field(default_factory=Spoken)
    reply: int = 0
    taken_back: bool = False

    @property
    def heard(self) -> str:
        """What the person heard in answer; empty when nothing was."""
        return "" if self.taken_back and self.spoken.played_s < UNHEARD_S else self.spoken.heard

    @property
    def cut(self) -> bool:
        """The answer broke off where `heard` ends."""
        return self.spoken.cut and bool(self.heard)

    @property
    def size(self) -> int:
        """Characters it takes in a prompt, about."""
        return len(self.said) + len(self.heard)


class History:
    """The conversation of one session, oldest first, bounded by exchanges and characters."""

    def __init__(self, transcript: Iterable[Exchange] = (), *, max_turns: int, max_chars: int) -> None:
        """Starts from `transcript`, what another worker of the session remembered."""
        self._max_turns = max_turns
        self._max_chars = max_chars
        self._entries = [Entry(0, each.said, each.language, _spoken(each)) for each in transcript]
        self._trim()

    @property
    def entries(self) -> Sequence[Entry]:
        """The exchanges, oldest first."""
        return [entry for entry in self._entries if entry.said or entry.heard]

    def add(self, turn: int, said: str, language: str, reply: int = 0, spoken: Spoken | None = None) -> None:
        """A turn that is answered by `reply`, whose sentences `spoken` collects as they are made, or by none."""
        self._entries.append(Entry(turn, said, language, spoken or Spoken(), reply))
        self._trim()

    def answer(self, turn: int, reply: int, spoken: Spoken) -> None:
        """The latest attempt to answer `turn` is another one now."""
        for entry in reversed(self._entries):
            if entry.turn == turn:
                entry.reply, entry.spoken = reply, spoken
                return

    def take_back(self, first: int, last: int, *, spare: Container[int] = ()) -> None:
        """Forgets the words of the turns `first` to `last`, but for those in `spare`.

        They will come again, merged with what follows.

        What of their answers was heard stays, also what is only told later, unless it is next to nothing.
        """
        for entry in self._entries:
            if max(first, 1) <= entry.turn <= last and entry.turn not in spare:
                entry.said = ""
                entry.taken_back = True

    def progress(self, event: PlaybackProgress) -> bool:
        """Notes how far a reply was heard; False, and nothing else, for one that is not remembered."""
        for entry in self._entries:
            if event.reply and entry.reply == event.reply:
                entry.spoken.advance(event)
                return True
        return False

    def _trim(self) -> None:
        if len(self._entries) <= self._max_turns and self._size() <= self._max_chars:
            return
        while len(self._entries) > 1 and (
            len(self._entries) > self._max_turns * _KEEP or self._size() > self._max_chars * _KEEP
        ):
            self._entries.pop(0)

    def _size(self) -> int:
        return sum(entry.size for entry in self._entries)


def _spoken(exchange: Exchange) -> Spoken:
    """An answer as another worker remembered it."""
    return Spoken([exchange.heard], chars=len(exchange.heard), whole=not exchange.cut)


def _whole_words(sentence: str, chars: int) -> str:
    """The first `chars` characters without a word that is cut."""
    if chars >= len(sentence) or sentence[chars].isspace() or not (sentence[chars].isalnum()):
        return sentence[:chars].rstrip()
    head = sentence[:chars]
    return head[: max(map(head.rfind, " \u00a0")) + 1].rstrip() if head[-1:].isalnum() else head.rstrip()
