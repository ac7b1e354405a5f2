"""One mind in a conversation that the test leads: drafts, turns and cancels in, whatever the mind publishes out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from avatar_contracts import (
    Claim,
    ErrorRaised,
    Event,
    LlmDelta,
    LlmDone,
    LlmSentence,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    ReplyDecision,
    ReplyDeclined,
    ReplyProposed,
    SessionConfig,
    SessionConfigured,
    TurnCancel,
    TurnDraft,
    TurnText,
)
from avatar_llm.engines.base import Message
from avatar_llm.mind import Mind
from avatar_llm.settings import LlmSettings
from avatar_runtime.engines import EngineInfo
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.testing.sessions import Peer, serving

STORY = "Once there was a small town. It had seven houses. Every morning people walked to the sea. Then a boat came."
RATE = 22_050
_TOLD = (ReplyCommitted, ReplyCancelled, ReplyDeclined, ReplyProposed, LlmDone, ErrorRaised)


class Storyteller:
    """A mind that gives the same words to everybody, one every `word_s`.

    Attributes:
        story: The words.
        word_s: Time to each of them.
        at_once: All of them come as one.
        fails: Raises instead.
        asked: The messages of every stream it was asked for.
        given: Words made in all.
        running: Streams open now.
        most_running: Streams ever open at once.
    """

    info = EngineInfo(name="storyteller", device="cpu", licence="Apache-2.0")

    def __init__(self) -> None:
        self.story = STORY
        self.word_s = 0.02
        self.at_once = False
        self.fails = False
        self.asked: list[list[Message]] = []
        self.given = self.running = self.most_running = 0

    def load(self) -> None:
        pass

    def open(self, *_: object) -> Storyteller:
        return self

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        self.asked.append(list(messages))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            for word in [self.story] if self.at_once else self.story.split():
                await asyncio.sleep(self.word_s)
                if self.fails:
                    raise RuntimeError("it was told to fail")
                self.given += 1
                yield f"{word} "
        finally:
            self.running -= 1

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass

    def lines(self, stream: int = -1) -> list[tuple[str, str]]:
        """What a stream was asked, without the system prompt."""
        return [(message.role, message.content) for message in self.asked[stream][1:]]


class Talk:
    """The test's side of the conversation.

    Attributes:
        mind: The worker.
        peer: Everybody else.
        engine: What the mind thinks with.
    """

    def __init__(self, mind: Mind, peer: Peer, engine: Any) -> None:
        self.mind = mind
        self.peer = peer
        self.engine = engine
        self.config = mind._session.claim.config

    async def draft(self, turn: int, text: str, revision: int = 1, language: str = "en") -> None:
        await self._publish(TurnDraft(turn=turn, revision=revision, text=text, language=language, speech_end=0))

    async def say(self, turn: int, text: str, language: str = "en", **more: Any) -> None:
        await self._publish(
            TurnText(**{"turn": turn, "text": text, "language": language, "end_reason": "silence"} | more)
        )

    async def cancel(self, turn: int, reason: Any) -> None:
        await self._publish(TurnCancel(turn=turn, reason=reason))

    async def play(self, state: Any, reply: int, sentence: int = 0, chars: int = 0, played_s: float = 2.0) -> None:
        turn = next(event.turn for event in self.heard(ReplyCommitted) if event.reply == reply)
        played = round(played_s * RATE)
        await self._publish(
            PlaybackProgress(
                turn=turn, reply=reply, state=state, played=played, rate=RATE, sentence=sentence, chars=chars
            )
        )

    async def decide(self, reply: int, action: Any, text: str = "") -> None:
        await self.peer.session.command(ReplyDecision(reply=reply, action=action, text=text))

    async def choose(self, **changes: Any) -> None:
        chosen = {name: getattr(self.config, name) for name in SessionConfig.__struct_fields__}
        self.config = SessionConfig(**chosen | changes)
        await self._publish(SessionConfigured(config=self.config))

    def heard(self, kind: type[Event], reply: int = 0) -> list[Any]:
        """Events of one type so far, of one reply where that is given."""
        return [event for event in self.peer.heard(kind) if not reply or getattr(event, "reply", 0) == reply]

    def words_of(self, reply: int) -> str:
        return " ".join(piece.text for piece in self.heard(LlmSentence, reply))

    def story(self) -> list[str]:
        """What the mind told the others of its replies, in order, in short."""
        return [_told(event) for event in self.peer.events if isinstance(event, _TOLD)]

    def remembered(self) -> list[tuple[str, str]]:
        return [(entry.said, entry.heard) for entry in self.mind.history.entries]

    async def _publish(self, event: Event) -> None:
        await self.peer.publish(event)
        await asyncio.sleep(0.001)  # whoever is to act on it has

    def late_words(self) -> list[Event]:
        """Words of replies published after their end."""
        over: set[int] = set()
        late: list[Event] = []
        for event in self.peer.events:
            if isinstance(event, ReplyCancelled):
                over.add(event.reply)
            elif isinstance(event, LlmDelta | LlmSentence) and event.reply in over:
                late.append(event)
        return late


def _told(event: Any) -> str:
    words = [type(event).__name__.removeprefix("Reply").removeprefix("Llm").removesuffix("Raised").lower()]
    words += [str(getattr(event, name)) for name in ("reply", "turn", "reason", "code") if getattr(event, name, None)]
    return " ".join(words)


Talking = Callable[..., AbstractAsyncContextManager[Talk]]


@contextlib.asynccontextmanager
async def _talking(
    config: SessionConfig | None = None, *, engine: Any = None, claim: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[Talk]:
    settings = LlmSettings(**changes)
    engine = engine or Storyteller()
    claimed = Claim(session="k3v9d2m7", kind="llm", epoch=1, config=config or SessionConfig(), **(claim or {}))
    bus = MemoryBus()
    peer = Peer(bus, claimed.session)
    await peer.session.start()  # before the mind: it answers a waiting turn at once
    async with serving("llm", lambda session: Mind(session, engine, settings), claimed, bus=bus) as (mind, _):
        await asyncio.sleep(0.001)
        yield Talk(mind, peer, engine)
    await peer.session.close()


@pytest.fixture(scope="session")
def talking() -> Talking:
    """``async with talking(config, engine=..., claim={...}, **settings) as talk``."""
    return _talking
