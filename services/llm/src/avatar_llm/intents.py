"""The topics of the scripted mind: read from data files, found again in what a person said."""

import re
from dataclasses import dataclass, field
from importlib import resources
from typing import Annotated, Literal

import msgspec
import yaml

from avatar_llm import words
from avatar_llm.retrieval import Retriever
from avatar_runtime.engines import EngineError

LANGUAGES = ("en", "uk")
THRESHOLD = 0.42
"""Cosine under which a text is not understood: chosen where held-out paraphrases and strange sentences part."""

MAX_PARTS = 16
"""Sentences and clauses of one turn that are looked at, the latest ones: the question tends to come last."""

_SENTENCES = re.compile(r"[.!?…\n]+\s*")
_CLAUSES = re.compile(r"[,;:—–]\s+|\s+-\s+")
_CLAUSE_WORDS = 2


class _Intent(msgspec.Struct, forbid_unknown_fields=True):
    ask: str
    reply: str
    more: str = ""
    why: str = ""
    otherwise: str = ""
    weak: bool = False
    follows: Literal["", "more", "why"] = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    language: Annotated[str, msgspec.Meta(pattern="^[a-z]{2,3}$")]
    fallback: str
    intents: dict[str, _Intent]


@dataclass(frozen=True)
class Intent:
    """One topic.

    Attributes:
        name: Its key in the data file.
        ask: Ways people say it.
        reply: Answers to choose from, with slots.
        more: What follows "tell me more".
        why: What follows "why?".
        otherwise: Answers for when a slot of `reply` has no value, or there is no topic to follow.
        weak: Gives way to any other topic found in the same turn.
        follows: Continues the topic before it with that topic's `more` or `why`.
    """

    name: str
    ask: tuple[str, ...]
    reply: tuple[str, ...]
    more: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()
    weak: bool = False
    follows: str = ""


@dataclass
class Topics:
    """All topics of one language.

    Attributes:
        language: ISO 639 code.
        intents: By name, in the order of the file.
        fallback: What to answer when nothing was recognised.
    """

    language: str
    intents: dict[str, Intent]
    fallback: tuple[str, ...]
    _owner: list[Intent] = field(init=False, repr=False)
    _retriever: Retriever = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._owner = [intent for intent in self.intents.values() for _ in intent.ask]
        self._retriever = Retriever([words.spread(line) for intent in self.intents.values() for line in intent.ask])

    def find(self, text: str, *, ignore: frozenset[str] = frozenset()) -> tuple[Intent | None, float]:
        """The topic of `text` and how sure that is (cosine, 0 to 1); None below `THRESHOLD`.

        Every sentence and clause is looked at, so "Hi. What time is it?" is about the time: weak topics only win alone.
        Words in `ignore` (names the person addresses) do not count.
        """
        best: dict[bool, tuple[Intent | None, float]] = {True: (None, 0.0), False: (None, 0.0)}
        for part in _parts(text):
            kept = " ".join(word for word in words.spread(part).split() if word not in ignore)
            scores = self._retriever.scores(kept or words.spread(part))
            row = int(scores.argmax())
            intent, score = self._owner[row], float(scores[row])
            if score > best[intent.weak][1]:
                best[intent.weak] = (intent, score)
        strong, weak = best[False], best[True]
        for intent_found, score in (strong, weak):
            if score >= THRESHOLD:
                return intent_found, score
        return None, max(strong[1], weak[1])


def load(language: str) -> Topics:
    """The topics that ship for `language`; raises `EngineError` naming what is wrong in the file."""
    name = f"intents_{language}.yaml"
    source = resources.files("avatar_llm") / "data" / name
    try:
        return parse(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"topics {name} cannot be used: {error}; correct the file") from error


def parse(text: str) -> Topics:
    """Topics from the YAML `text`; raises ValueError that names the place."""
    try:
        data = msgspec.convert(yaml.safe_load(text), _File)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    intents = {}
    for name, raw in data.intents.items():
        ask, reply = _lines(raw.ask), _lines(raw.reply)
        if not ask or not reply:
            raise ValueError(f"intents.{name} needs at least one line of `ask` and of `reply`")
        if raw.follows and not raw.otherwise:
            raise ValueError(f"intents.{name} follows a topic, so it needs `otherwise` for when there is none")
        intents[name] = Intent(
            name, ask, reply, _lines(raw.more), _lines(raw.why), _lines(raw.otherwise), raw.weak, raw.follows
        )
    if not intents or not (fallback := _lines(data.fallback)):
        raise ValueError("`intents` and `fallback` need at least one entry each")
    return Topics(data.language, intents, fallback)


def _lines(block: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in block.splitlines() if line.strip())


def _parts(text: str) -> list[str]:
    """The whole text if it is short, its sentences, and the longer clauses of those."""
    sentences = [part for part in _SENTENCES.split(text) if words.speakable(part)]
    parts = []
    for sentence in sentences[-MAX_PARTS:]:
        parts.append(sentence)
        clauses = _CLAUSES.split(sentence)
        if len(clauses) > 1:
            parts += [clause for clause in clauses if len(clause.split()) >= _CLAUSE_WORDS]
    parts = parts[-MAX_PARTS:]
    if 1 < len(sentences) <= MAX_PARTS:
        parts.append(text)
    return [part[:400] for part in parts]
