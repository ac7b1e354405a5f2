"""The mind that needs no model: finds the topic of a turn and answers with a prepared line, at a model's pace."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from avatar_llm import intents, slots, words
from avatar_llm.engines.base import Message
from avatar_llm.intents import Intent, Topics
from avatar_llm.marks import MARK, unmarked
from avatar_llm.pace import Pace
from avatar_llm.prompt import Persona
from avatar_llm.settings import LlmSettings
from avatar_runtime.engines import EngineError, EngineInfo

TOKENS_PER_WORD = 1.3
"""English words of everyday length come to about this many tokens in today's vocabularies, punctuation included."""

_RECENT = 6
"""Replies looked back on so as not to say the same again, and turns in search of the topic."""

_EXCHANGE = 4
"""Messages in which an answer can have been cut short: the system's, a question, the answer, and what came after."""

_TELLING_WORDS = 3
"""Heard words from which a reply that was cut short is recognised."""


def create(settings: LlmSettings) -> ScriptedEngine:
    """The engine, as the registry makes it."""
    return ScriptedEngine(settings)


class ScriptedEngine:
    """Topics of all languages, shared by the sessions of a worker."""

    info = EngineInfo(name="scripted", device="cpu", licence="Apache-2.0", languages=intents.LANGUAGES)

    def __init__(self, settings: LlmSettings, now: Callable[[], datetime] | None = None) -> None:
        self._settings = settings
        self._now = now or _clock(settings.timezone)
        self._topics: dict[str, Topics] = {}

    def load(self) -> None:
        """Reads and indexes the topics; raises `EngineError` when a data file is broken."""
        self._topics = {language: intents.load(language) for language in intents.LANGUAGES}

    def open(self, persona: Persona, user: str) -> ScriptedThinker:
        """A thinker that answers as `persona`."""
        return ScriptedThinker(self._topics, persona, user, self._settings, self._now)

    def close(self) -> None:
        """Nothing is held."""


class ScriptedThinker:
    """Answers of one session. Everything it decides comes from the messages, so an answer can be made twice."""

    def __init__(
        self,
        topics: dict[str, Topics],
        persona: Persona,
        user: str,
        settings: LlmSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._topics = topics
        self._persona = persona
        self._user = user
        self._settings = settings
        self._now = now
        self._names = frozenset(words.spread(f"{persona.name} {persona.name_in('uk')} {user}").split())
        self._pace: Pace | None = None

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The answer word by word: the first after `first_token_ms`, the n-th when its tokens would be there."""
        pace = self._pace = Pace()
        reply = self._settings.scripted_reply or self.answer(messages)
        first_s = self._settings.first_token_ms / 1000
        per_word_s = TOKENS_PER_WORD / self._settings.tokens_per_s
        for index, word in enumerate(reply.split()):
            if not await pace.until(first_s + index * per_word_s):
                return
            yield f" {word}" if index else word

    def cancel(self) -> None:
        """Ends the stream at once, also in the middle of a wait."""
        if self._pace is not None:
            self._pace.stop()

    def close(self) -> None:
        """Ends the stream."""
        self.cancel()

    def answer(self, messages: Sequence[Message]) -> str:
        """The whole reply to the last of `messages`; the same for the same conversation at the same minute."""
        language = messages[-1].language
        topics = self._topics.get(language) or self._topics[intents.LANGUAGES[0]]
        said = [(line, message.language) for message in messages if message.role == "user" for line in _lines(message)]
        heard = [_unmarked(message) for message in messages if message.role == "assistant"]
        recent = [words.key(reply) for reply in heard[-_RECENT:]]
        values = self._values(topics.language, heard)
        text = said[-1][0]
        intent = self._find(topics, text)
        if intent is not None and intent.follows == "more" and (rest := self._rest(messages)):
            return rest
        lines = self._fitting(topics, said, recent, values)
        fresh = _unheard(lines, recent) or _unheard(lines, recent[-1:]) or lines
        return fresh[(zlib.crc32(words.key(text).encode()) + len(heard)) % len(fresh)]

    def _fitting(
        self, topics: Topics, said: Sequence[tuple[str, str]], recent: Sequence[str], values: Mapping[str, str]
    ) -> list[str]:
        """The replies that fit, slots filled; never empty."""
        intent = self._find(topics, said[-1][0])
        if intent is not None and intent.follows:
            earlier = self._topic_before(topics, said[:-1])
            if earlier is None:
                return _filled(intent.otherwise, values)
            further = earlier.why if intent.follows == "why" and earlier.why else earlier.more
            return _unheard(_filled(further, values), recent) or _filled(intent.reply, values)
        lines = _filled(intent.reply, values) or _filled(intent.otherwise, values) if intent else []
        return lines or _filled(topics.fallback, values)

    def _rest(self, messages: Sequence[Message]) -> str:
        """What the person has not heard of an answer that was cut short just now; empty where none was.

        It is answered again, with what was known then, and left off where the person stopped listening.
        """
        if len(messages) < _EXCHANGE or not messages[-2].content.endswith(MARK):
            return ""
        asked, cut = messages[:-2], messages[-2]
        if asked[-1].role != "user" or asked[-1].language != messages[-1].language:
            return ""
        heard, whole = _unmarked(cut).split(), self.answer(asked).split()
        same = [words.key(word) for word in heard] == [words.key(word) for word in whole[: len(heard)]]
        return " ".join(whole[len(heard) :]) if same else ""

    def _topic_before(self, topics: Topics, said: Sequence[tuple[str, str]]) -> Intent | None:
        """The latest topic that was neither a follow-up nor a courtesy, in the language of `topics`."""
        for text, language in reversed(said[-_RECENT:]):
            intent = self._find(self._topics.get(language, topics), text)
            if intent is not None and not intent.follows and not intent.weak:
                return topics.intents.get(intent.name)
        return None

    def _find(self, topics: Topics, text: str) -> Intent | None:
        return topics.find(text, ignore=self._names)[0]

    def _values(self, language: str, heard: Sequence[str]) -> dict[str, str]:
        return {
            **slots.clock(self._now(), language),
            **slots.host(language),
            **self._settings.facts,
            "name": self._persona.name_in(language),
            "about": self._persona.about_in(language),
            "languages": self._persona.languages_in(language),
            "user": self._user,
            "last_reply": self._unrepeated(heard[-1]) if heard else "",
        }

    def _unrepeated(self, reply: str) -> str:
        """`reply` without the words that announced it, where it was a repetition itself."""
        for topics in self._topics.values():
            for intent in topics.intents.values():
                for line in intent.reply:
                    announcement, slot, _ = line.partition("{last_reply}")
                    if slot and reply.startswith(announcement):
                        return reply.removeprefix(announcement)
        return reply


def _clock(timezone: str) -> Callable[[], datetime]:
    if not timezone:
        return lambda: datetime.now().astimezone()
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise EngineError(f"[llm] timezone {timezone!r} is not known here; use a name such as Europe/Kyiv") from error
    return lambda: datetime.now(zone)


def _unmarked(message: Message) -> str:
    """What was heard, an answer a line, without the marks where it was cut short."""
    return "\n".join(unmarked(line) for line in _lines(message))


def _lines(message: Message) -> list[str]:
    """Turns nobody answered stand one a line: the last one is the question."""
    return message.content.split("\n")


def _filled(lines: Sequence[str], values: Mapping[str, str]) -> list[str]:
    return [text for text in (slots.fill(line, values) for line in lines) if text]


def _unheard(lines: Sequence[str], heard: Sequence[str]) -> list[str]:
    """Those of `lines` that are not among what was `heard`, be it cut short or joined with other words."""
    return [line for line in lines if not any(_same(words.key(line), reply) for reply in heard)]


def _same(line: str, reply: str) -> bool:
    return line in reply or (len(reply.split()) >= _TELLING_WORDS and reply in line)
