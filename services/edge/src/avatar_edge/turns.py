"""The ledger of a call: what was heard, what was answered, what of it was heard, and how long it took.

Pure logic on one event loop; the caller passes the time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from avatar_contracts import Exchange, Kind, ReplyCommitted, TurnText
from avatar_edge.latency import Marks
from avatar_edge.playout import Change

KEPT = 1000
TRANSCRIPT = 20
"""Exchanges a new worker is told of at most."""
TRANSCRIPT_CHARS = 40_000
"""Characters of them at most: a claim above its size cap would be refused by every worker."""
_TEXT_CHARS = 8_000
SKIP = 16
"""Numbers left out after the worker that gives them was lost: it may have used some nobody has seen yet."""


class TurnReport(msgspec.Struct, frozen=True, kw_only=True):
    """A finished turn.

    Attributes:
        turn: Its number.
        heard: What the person said or typed.
        typed: It was typed.
        language: Language of the turn.
        reply: The part of the answer that was played, cut at the word when it was interrupted.
        first_audio_ms: From the last voiced sample fed to the microphone to the first audible sample handed to the
            output; None when nothing was heard.
        first_frame_ms: From there to the first speaking picture handed to the camera.
        stages_ms: See `latency.STAGES`.
        interrupted: The answer was ended early.
        played_ms: How much of the answer was played.
        frames: Speaking pictures shown.
        underruns: Times the answer ran dry.
        end_reason: Why the turn was taken to be over.
        errors: What went wrong, in plain sentences.
    """

    turn: int
    heard: str
    typed: bool
    language: str
    reply: str
    first_audio_ms: float | None
    first_frame_ms: float | None
    stages_ms: dict[str, float]
    interrupted: bool
    played_ms: float
    frames: int
    underruns: int
    end_reason: str
    errors: tuple[str, ...] = ()


@dataclass
class _Reply:
    """What is known of a reply before and after it becomes the answer to a turn."""

    turn: int
    first_token: float | None = None
    first_sentence: float | None = None
    first_chunk: float | None = None
    first_frame: float | None = None


@dataclass
class _Turn:
    event: TurnText
    marks: Marks
    reply: int = 0
    errors: list[str] = field(default_factory=list)


class Ledger:
    """Collects marks per turn and turns them into reports and the transcript.

    Attributes:
        reports: Finished turns, oldest first.
    """

    def __init__(
        self, seen: Callable[[int], tuple[float | None, int]], on_report: Callable[[TurnReport], None]
    ) -> None:
        """`seen(reply)`: edge clock of its first picture shown and how many were; `on_report` is told at once."""
        self.reports: deque[TurnReport] = deque(maxlen=KEPT)
        self._seen = seen
        self._on_report = on_report
        self._open: OrderedDict[int, _Turn] = OrderedDict()
        self._replies: OrderedDict[int, _Reply] = OrderedDict()
        self._stopped_at: dict[int, float] = {}
        self._exchanges: deque[Exchange] = deque(maxlen=TRANSCRIPT)
        self._turn = self._reply = 0

    # --- what comes in -----------------------------------------------------------------------------------------

    def speech_stopped(self, turn: int, now: float) -> None:
        """speech.stopped came."""
        self._stopped_at = {turn: now}
        self._turn = max(self._turn, turn)

    def turn_text(self, event: TurnText, voiced_end: float | None, now: float) -> None:
        """A turn is over; `voiced_end` is the edge clock of its last voiced sample."""
        self._turn = max(self._turn, event.turn)
        marks = Marks(voiced_end=voiced_end, speech_stopped=self._stopped_at.get(event.turn), turn_text=now)
        self._open[event.turn] = _Turn(event, marks)

    def mark(self, turn: int, reply: int, what: str, now: float) -> None:
        """The first `what` (``first_token``, ``first_sentence``, ``first_chunk``) of a reply came."""
        self._reply = max(self._reply, reply)
        known = self._replies.setdefault(reply, _Reply(turn))
        if getattr(known, what) is None:
            setattr(known, what, now)
        while len(self._replies) > 64:
            self._replies.popitem(last=False)

    def frame(self, reply: int, now: float) -> None:
        """A picture of a reply came."""
        known = self._replies.get(reply)
        if known is not None and known.first_frame is None:
            known.first_frame = now

    def committed(self, event: ReplyCommitted) -> None:
        """A reply answers a turn."""
        self._reply = max(self._reply, event.reply)
        if (turn := self._open.get(event.turn)) is not None:
            turn.reply = event.reply

    def error(self, turn: int, message: str) -> None:
        """Something went wrong in a turn."""
        if (known := self._open.get(turn)) is not None:
            known.errors.append(message)

    def withdrawn(self, turn: int) -> None:
        """The turn was taken back: its words will come again."""
        self._open.pop(turn, None)

    def changed(self, change: Change) -> None:
        """The playout of a reply moved on."""
        turn = self._open.get(change.progress.turn)
        if turn is None or turn.reply not in (0, change.progress.reply):
            return
        turn.reply = change.progress.reply
        if change.state == "audible":
            turn.marks.first_audio = change.at
        elif change.state in ("finished", "stopped"):
            self._close(turn, change)

    def failed(self, turn: int, message: str) -> None:
        """No answer will come to a turn."""
        if (known := self._open.get(turn)) is not None:
            known.errors.append(message)
            self._close(known, None)

    # --- what is known -----------------------------------------------------------------------------------------

    def floors(self, kind: Kind) -> tuple[int, int]:
        """The turn and the reply that lie behind a new worker of `kind`: it numbers, or answers, above them.

        Only whoever numbers leaves some out: the others would take the next ones for old.
        """
        turn = self._turn + SKIP if self._turn and kind == "asr" else self._turn
        reply = self._reply + SKIP if self._reply and kind == "llm" else self._reply
        return turn, reply

    def transcript(self, playing: int, heard: str) -> tuple[Exchange, ...]:
        """The newest exchanges, oldest first; of turn `playing` `heard` has been heard so far."""
        now = [_exchange(turn.event, heard) for turn in self._open.values() if turn.event.turn == playing]
        newest: deque[Exchange] = deque()
        left = TRANSCRIPT_CHARS
        for each in reversed((*self._exchanges, *now)):
            left -= len(each.said) + len(each.heard)
            if left < 0:
                break
            newest.appendleft(each)
        return tuple(newest)

    def open(self, turns: Iterable[int]) -> bool:
        """Whether any of `turns` has no report yet."""
        return any(turn in self._open for turn in turns)

    def waiting(self, before: float) -> list[int]:
        """Turns whose text came before `before` and of whose answer nothing has been heard."""
        return [
            number
            for number, turn in self._open.items()
            if turn.marks.first_audio is None and turn.marks.turn_text is not None and turn.marks.turn_text < before
        ]

    @property
    def thinking(self) -> bool:
        """A turn waits for its answer."""
        return any(turn.marks.first_audio is None for turn in self._open.values())

    def _close(self, turn: _Turn, change: Change | None) -> None:
        event, marks = turn.event, turn.marks
        del self._open[event.turn]
        known = self._replies.get(turn.reply)
        if known is not None:
            marks.first_token, marks.first_sentence = known.first_token, known.first_sentence
            marks.first_chunk, marks.first_frame = known.first_chunk, known.first_frame
        marks.first_shown, frames = self._seen(turn.reply)
        stopped = change is not None and change.state == "stopped"
        if change is not None and stopped:
            turn.errors += [f"the answer was cut short: {change.why}"] if change.why not in _WANTED else []
        played_ms = change.progress.played * 1000.0 / change.progress.rate if change is not None else 0.0
        if change is not None and not played_ms and not turn.errors and not stopped:
            turn.errors.append("the answer had no sound")
        report = TurnReport(
            turn=event.turn,
            heard=event.text,
            typed=event.end_reason == "typed",
            language=event.language,
            reply=change.text if change is not None else "",
            first_audio_ms=marks.since_voice_ms(marks.first_audio),
            first_frame_ms=marks.since_voice_ms(marks.first_shown),
            stages_ms=marks.stages_ms(),
            interrupted=stopped,
            played_ms=round(played_ms, 1),
            frames=frames,
            underruns=change.underruns if change is not None else 0,
            end_reason=event.end_reason,
            errors=tuple(turn.errors),
        )
        self._exchanges.append(_exchange(event, report.reply))
        self.reports.append(report)
        self._on_report(report)


def _exchange(event: TurnText, heard: str) -> Exchange:
    return Exchange(said=event.text, heard=heard[:_TEXT_CHARS], language=event.language)


_WANTED = ("superseded", "cancelled", "draft", "continued", "barge_in", "stop")
"""Reasons of a stop that the person or the talk itself gave."""
