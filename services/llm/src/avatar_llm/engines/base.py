"""What every mind offers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from avatar_runtime.engines import EngineInfo

if TYPE_CHECKING:
    from avatar_llm.prompt import Persona


@dataclass(frozen=True)
class Message:
    """One line of the conversation as an engine sees it.

    Attributes:
        role: Who said it. Lists of messages start with one ``system``, then ``user`` and ``assistant`` take turns.
        content: The words; several turns nobody answered stand one a line.
        language: ISO 639 code of the words.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    language: str


class Thinker(Protocol):
    """One session's end of an engine. At most one stream runs at a time."""

    def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The answer to the last message, a few characters at a time, spaces included.

        It must depend on `messages` alone: an answer may be thrown away, or never be heard.
        """
        ...

    def cancel(self) -> None:
        """Ends the running stream within 20 ms; its iterator then stops. Does nothing when none runs."""
        ...

    def close(self) -> None:
        """Frees what the session holds in the engine."""
        ...


class LlmEngine(Protocol):
    """A mind, shared by all sessions of a worker."""

    info: EngineInfo

    def load(self) -> None:
        """Gets ready to answer; slow, called once, off the event loop. Raises `EngineError`."""
        ...

    def open(self, persona: Persona, user: str) -> Thinker:
        """A thinker for a session in which `persona` talks with `user` (may be empty)."""
        ...

    def close(self) -> None:
        """Frees everything."""
        ...
