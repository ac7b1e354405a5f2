"""What was said and what of the answers was really heard: all that the mind remembers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from avatar_contracts import Exchange, PlaybackProgress

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
        whole: The reply was played to its end.
    """

    sentences: list[str] = field(default_factory=list)
    sentence: int = 0
    chars: int = 0
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

    def advance(self, event: PlaybackProgress) -> None:
        """Takes note of how far it has been played; playback never runs backwards."""
        self.sentence, self.chars = max((self.sentence, self.chars), (event.sentence, event.chars))
        self.whole = self.whole or event.state == "finished"


@dataclass
class Entry:
    """One exchange: what the person said and what they heard in answer.

    Attributes:
        turn: The turn; 0 for exchanges from before this worker.
        said: The person's words; empty when they were taken back.
        language: ISO 639 code of the turn.
        spoken: The reply.
        reply: Its number; 0 for exchanges from before this worker.
    """

    turn: int
    said: str
    language: str
    spoken: Spoken = field(default_factory=Spoken)
    reply: int = 0

    @property
    def heard(self) -> str:
        """What the person heard in answer; empty when nothing was."""
        return self.spoken.heard

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
        self._entries = [
            Entry(0, exchange.said, exchange.language, Spoken([exchange.heard], whole=True)) for exchange in transcript
        ]
        self._trim()

    @property
    def entries(self) -> Sequence[Entry]:
        """The exchanges, oldest first."""
        return self._entries

    def add(self, turn: int, said: str, language: str, reply: int, spoken: Spoken) -> None:
        """A turn that is answered by `reply`, whose sentences `spoken` collects as they are made."""
        self._entries.append(Entry(turn, said, language, spoken, reply))
        self._trim()

    def take_back(self, turn: int) -> None:
        """Forgets the words of `turn`: they will come again, merged with what follows."""
        for entry in self._entries:
            if entry.turn == turn:
                entry.said = ""
        self._entries = [entry for entry in self._entries if entry.said or entry.heard]

    def progress(self, event: PlaybackProgress) -> None:
        """Notes how far a reply was heard; replies that are not remembered are ignored."""
        for entry in self._entries:
            if entry.reply == event.reply:
                entry.spoken.advance(event)

    def _trim(self) -> None:
        if len(self._entries) <= self._max_turns and self._size() <= self._max_chars:
            return
        while len(self._entries) > 1 and (
            len(self._entries) > self._max_turns * _KEEP or self._size() > self._max_chars * _KEEP
        ):
            self._entries.pop(0)

    def _size(self) -> int:
        return sum(entry.size for entry in self._entries)


def _whole_words(sentence: str, chars: int) -> str:
    """The first `chars` characters without a word that is cut."""
    if chars >= len(sentence) or sentence[chars].isspace() or not (sentence[chars].isalnum()):
        return sentence[:chars].rstrip()
    head = sentence[:chars]
    return head[: max(map(head.rfind, " \u00a0")) + 1].rstrip() if head[-1:].isalnum() else head.rstrip()
