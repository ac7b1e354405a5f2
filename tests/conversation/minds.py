"""A mind that answers by script, at a pace, and fails when it is told to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from avatar_llm.engines.base import Message
from avatar_runtime.engines import EngineInfo

LONG = {
    "en": "Here is a little story for you. Once there was a small town by the sea. "
    "Every morning the people walked down to the harbour. One day a boat came with nobody on board. "
    "Nobody ever learned where it had come from.",
    "uk": "Зараз розкажу тобі одну історію. Колись біля моря було маленьке місто. "
    "Щоранку люди ходили до гавані та виглядали кораблі. Одного дня приплив човен без жодної людини. "
    "Ніхто так і не дізнався, звідки він приплив.",
}


@dataclass
class ScriptedMind:
    """The engine and its one thinker.

    Attributes:
        answers: Part of the last message, in lower case → the answer to it.
        numbered: Every answer begins with a word of its own, so that no two are the same.
        first_s: Time to the first word.
        word_s: Time to each further one.
        hangs: Gives no word until it is cancelled.
        fails_after: Raises after so many words; None: never.
        asked: The messages of every stream it was asked for.
        given: Words it has made for each of them.
    """

    answers: dict[str, str] = field(default_factory=dict)
    numbered: bool = False
    first_s: float = 0.1
    word_s: float = 0.012
    hangs: bool = False
    fails_after: int | None = None
    asked: list[list[Message]] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    info = EngineInfo(name="scripted", device="cpu", licence="")
    _stop: asyncio.Event | None = None

    def load(self) -> None:
        """Nothing to load."""

    def open(self, *persona: Any) -> ScriptedMind:
        """One session is enough."""
        return self

    def close(self) -> None:
        """Nothing to free."""

    def cancel(self) -> None:
        """End the running stream."""
        if self._stop is not None:
            self._stop.set()

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The answer, word by word."""
        self._stop = stop = asyncio.Event()
        self.asked.append(list(messages))
        self.given.append(0)
        number = len(self.given) - 1
        for count, word in enumerate(re.findall(r"\S+\s*", self._answer(messages[-1]))):
            if self.fails_after is not None and count >= self.fails_after:
                raise RuntimeError("the engine has failed by script")
            if await _stopped(stop, None if self.hangs else (self.word_s if count else self.first_s)):
                return
            self.given[number] += 1
            yield word

    def _answer(self, message: Message) -> str:
        said = message.content.lower()
        fitting = [answer for part, answer in self.answers.items() if part in said.splitlines()[-1]]
        answer = fitting[0] if fitting else LONG.get(message.language, LONG["en"])
        return f"{spelt(len(self.given))} {answer}" if self.numbered else answer

    @property
    def questions(self) -> list[str]:
        """The last line of what it was asked, every time."""
        return [messages[-1].content.splitlines()[-1] for messages in self.asked]


async def _stopped(stop: asyncio.Event, after_s: float | None) -> bool:
    try:
        async with asyncio.timeout(after_s):
            await stop.wait()
    except TimeoutError:
        return False
    return True


def spelt(number: int) -> str:
    """A word that stands for `number` and that no voice reads as one."""
    return "qu" + "".join(chr(ord("a") + int(digit)) for digit in str(number))
