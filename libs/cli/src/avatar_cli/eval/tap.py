"""A second pair of eyes on a call: every event of its session, with the moment it came."""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

import numpy as np

from avatar_cli.eval.take import Answer, Happened
from avatar_contracts import PlaybackProgress, TtsChunk, TtsDone, UnknownEvent, decode
from avatar_runtime.bus import Bus, Message

_MEDIA = ("mic.pcm", "video.frame", "video.ack", "video.keyframe", "asr.partial")
_KEPT_EVENTS = 20_000
_KEPT_ANSWERS = 8


class Playing(NamedTuple):
    """An answer that sounds now: where on its clock it is, since when without a break, how much is left if known."""

    reply: int
    position_s: float
    since_s: float
    left_s: float | None


class Tap:
    """Listens to ``av.{session}.>`` over a connection of its own. Times are edge clock (`time.perf_counter`).

    Attributes:
        events: The newest events but for media, oldest first; `at_s` is edge clock.
    """

    def __init__(self, bus: Bus) -> None:
        self.events: deque[Happened] = deque(maxlen=_KEPT_EVENTS)
        self._bus = bus
        self._chunks: dict[int, list[TtsChunk]] = {}
        self._lengths: dict[int, int] = {}
        self._progress: Happened | None = None
        self._since = 0.0

    async def listen(self, session_id: str) -> None:
        """Begin; what was sent before is not known."""
        self._prefix = f"av.{session_id}."
        await self._bus.subscribe(f"{self._prefix}>", self._on_message)
        await self._bus.flush()

    def _on_message(self, message: Message) -> None:
        at = time.perf_counter()
        tag = message.subject.removeprefix(self._prefix)
        if tag in _MEDIA:
            return
        try:
            event = decode(tag, message.data)
        except UnknownEvent:  # control traffic of the session
            return
        if isinstance(event, TtsChunk):
            self._chunks.setdefault(event.reply, []).append(event)
            while len(self._chunks) > _KEPT_ANSWERS:
                self._chunks.pop(min(self._chunks))
            return
        if isinstance(event, TtsDone):
            self._lengths[event.reply] = event.samples
        if isinstance(event, PlaybackProgress):
            self._watch(at, event)
        self.events.append(Happened(at, event))

    def _watch(self, at: float, event: PlaybackProgress) -> None:
        before = self._progress.event if self._progress is not None else None
        sounded = isinstance(before, PlaybackProgress) and before.reply == event.reply and before.state != "held"
        if not sounded:
            self._since = at
        self._progress = Happened(at, event)

    def playing(self) -> Playing | None:
        """The answer that sounds now; None when none does."""
        if self._progress is None or not isinstance(self._progress.event, PlaybackProgress):
            return None
        at, event = self._progress.at_s, self._progress.event
        now = time.perf_counter()
        if event.state not in ("started", "playing") or now - at > 0.5:
            return None
        position_s = event.played / event.rate + now - at
        length = self._lengths.get(event.reply)
        left_s = None if length is None else length / event.rate - position_s
        return Playing(event.reply, position_s, now - self._since, left_s)

    def answers(self) -> dict[int, Answer]:
        """The sound of the newest replies, as far as it has been made."""
        return {reply: _answer(reply, chunks) for reply, chunks in self._chunks.items()}

    def answer(self, reply: int) -> Answer | None:
        """The sound of one reply, if it is one of the newest."""
        chunks = self._chunks.get(reply)
        return _answer(reply, chunks) if chunks else None

    def between(self, start: float, end: float) -> list[Happened]:
        """Events from `start` to `end`, their times counted from `start`."""
        return [Happened(each.at_s - start, each.event) for each in self.events if start <= each.at_s < end]


def _answer(reply: int, chunks: list[TtsChunk]) -> Answer:
    rate = chunks[0].rate
    pcm = np.zeros(max(chunk.start + len(chunk.pcm) // 2 for chunk in chunks), np.int16)
    for chunk in chunks:
        pcm[chunk.start : chunk.start + len(chunk.pcm) // 2] = np.frombuffer(chunk.pcm, "<i2")
    words = tuple((word.start / rate, word.end / rate) for chunk in chunks for word in chunk.words)
    return Answer(reply, rate, pcm, words)
