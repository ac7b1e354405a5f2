"""The ledger of a call: what was heard, what was answered, what of it was heard, and how long it took.

Pure logic on one event loop; the caller passes the time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from avatar_contracts import Exchange, Kind, LlmSentence, Pending, ReplyCommitted, TurnText
from avatar_edge.answers import Answers, Mark
from avatar_edge.changes import Change
from avatar_edge.latency import Marks
from avatar_edge.report import TurnReport
from avatar_edge.transcript import Transcript, exchange

KEPT = 1000
_CANCELLED = 64
SKIP = 16
"""Numbers left out after the worker that gives them was lost: it may have used some nobody has seen yet."""


@dataclass
class _Turn:
    """A turn without a report; `waits_since` is the edge clock from which the wait for its answer counts."""

    event: TurnText
    marks: Marks
    waits_since: float
    reply: int = 0
    proposed: bool = False
    resumes: int = 0
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
        self._answers = Answers()
        self._cancelled: OrderedDict[int, str] = OrderedDict()
        self._withdrawn: dict[int, str] = {}
        self._stopped_at: dict[int, float] = {}
        self._exchanges = Transcript()
        self._turn = 0

    # --- the turn ----------------------------------------------------------------------------------------------

    def speech_stopped(self, turn: int, now: float) -> None:
        """speech.stopped came."""
        self._stopped_at = {turn: now}
        self._turn = max(self._turn, turn)

    def turn_text(self, event: TurnText, voiced_end: float | None, now: float) -> None:
        """A turn is over; `voiced_end` is the edge clock of its last voiced sample."""
        self._turn = max(self._turn, event.turn)
        reason = self._cancelled.get(event.turn)
        if reason == "continued":
            return
        marks = Marks(voiced_end=voiced_end, speech_stopped=self._stopped_at.get(event.turn), turn_text=now)
        self._open[event.turn] = turn = _Turn(event, marks, now)
        if reason is not None:
            self._close(turn, cancelled=reason)

    def withdrawn(self, turn: int) -> None:
        """The turn was taken back: its words will come again."""
        self._cancel(turn, "continued")
        if (known := self._open.pop(turn, None)) is not None:
            self._withdrawn = {turn: known.event.language}

    def cancelled(self, turn: int, reason: str) -> None:
        """The turn's answer was taken back before there was one."""
        if (known := self._cancel(turn, reason)) is not None:
            self._close(known, cancelled=reason)

    def silenced(self, upto: int) -> None:
        """The person asked for silence: turns up to `upto` that have no answer yet get none."""
        for turn in [turn for number, turn in self._open.items() if number <= upto and not turn.reply]:
            self._close(turn, cancelled="stop")

    def declined(self, turn: int, reason: str) -> None:
        """The mind remembers the turn and does not answer it."""
        if (known := self._open.get(turn)) is not None:
            self._close(known, declined=reason)

    def error(self, turn: int, message: str) -> None:
        """Something went wrong in a turn."""
        if (known := self._open.get(turn)) is not None:
            known.errors.append(message)

    def failed(self, turn: int, message: str) -> None:
        """No answer will come to a turn."""
        if (known := self._open.get(turn)) is not None:
            known.errors.append(message)
            self._close(known)

    # --- its answer --------------------------------------------------------------------------------------------

    def mark(self, reply: int, what: Mark, now: float) -> None:
        """The first `what` of a reply came, perhaps before its turn is over."""
        self._answers.mark(reply, what, now)

    def sentence(self, event: LlmSentence, now: float) -> None:
        """A sentence of a reply came."""
        self._answers.mark(event.reply, "first_sentence", now)
        self._answers.of(event.reply).sentences[event.sentence] = event.text

    def written(self, reply: int) -> None:
        """All sentences of a reply have come."""
        self._answers.of(reply).written = True

    def proposed(self, turn: int, reply: int) -> None:
        """A reply waits for a decision: its turn may wait as long."""
        if (known := self._open.get(turn)) is not None:
            known.reply, known.proposed = reply, True

    def decided(self, turn: int, now: float) -> None:
        """The decision to speak was taken: from now on the answer is awaited."""
        if (known := self._open.get(turn)) is not None:
            known.proposed, known.reply, known.waits_since = False, 0, now

    def committed(self, event: ReplyCommitted) -> None:
        """A reply answers a turn: those before it that have none will not get one, since minds answer in order."""
        self._answers.of(event.reply)
        for older in [turn for number, turn in self._open.items() if number < event.turn and not turn.reply]:
            self._close(older, cancelled="superseded")
        turn = self._open.get(event.turn)
        if turn is not None and event.reply >= turn.reply:
            turn.reply, turn.proposed = event.reply, False

    def given_up(self, reply: int) -> None:
        """The mind took a reply back."""
        self._answers.of(reply).given_up = True

    def lost(self, turn: int, reply: int, message: str) -> None:
        """A reply that was to be heard is gone: its turn fails, unless the mind itself took the reply back."""
        if not self._answers.of(reply).given_up:
            self.failed(turn, message)

    def taken_back(self, turn: int, reply: int, reason: str) -> None:
        """The mind gave up a reply nobody has heard, and with it the turn if that was its answer."""
        known = self._open.get(turn)
        if known is not None and known.reply in (0, reply) and known.marks.first_audio is None:
            self._close(known, cancelled=reason)

    def changed(self, change: Change) -> None:
        """The playout of a reply moved on."""
        number = change.progress.turn
        if number in self._withdrawn and change.state == "stopped":
            self._exchanges.aside(self._withdrawn.pop(number), change)
        turn = self._open.get(number)
        if turn is None or turn.reply not in (0, change.progress.reply):
            return
        turn.reply = change.progress.reply
        if change.state == "audible":
            turn.marks.first_audio = change.at
        elif change.state == "playing":
            turn.resumes += 1
        elif change.state in ("finished", "stopped"):
            self._close(turn, change)

    # --- a mind that is gone -----------------------------------------------------------------------------------

    def mind_lost(self, now: float) -> None:
        """Whoever was to answer is gone: unanswered turns wait for another one."""
        for turn in self._unanswered():
            turn.reply, turn.proposed, turn.waits_since = 0, False, now

    def pending(self) -> Pending | None:
        """The newest turn nobody has answered and nobody will, unless it is handed to another mind."""
        turns = self._unanswered()
        if not turns:
            return None
        event = turns[-1].event
        return Pending(
            turn=event.turn,
            text=event.text,
            language=event.language,
            typed=event.end_reason == "typed",
            verbatim=event.verbatim,
            interruptible=event.interruptible,
        )

    def postpone(self, now: float) -> None:
        """Something else is being played: what waits for its answer may wait on."""
        for turn in self._open.values():
            turn.waits_since = now

    def waiting(self, before: float) -> list[int]:
        """Turns that have waited since before `before` and of whose answer nothing has been heard."""
        return [
            number
            for number, turn in self._open.items()
            if turn.marks.first_audio is None and not turn.proposed and turn.waits_since < before
        ]

    def unspoken(self, turn: int, reply: int) -> bool:
        """The reply answers the open turn and is written in full, and no sound of it has come."""
        known, waiting = self._answers.get(reply), self._open.get(turn)
        if known is None or waiting is None or waiting.reply != reply:
            return False
        return known.written and known.first_chunk is None

    def complete(self) -> set[int]:
        """Replies written in full: their voice can do without the mind."""
        return self._answers.written()

    # --- what is known -----------------------------------------------------------------------------------------

    def floors(self, kind: Kind) -> tuple[int, int]:
        """The turn and the reply that lie behind a new worker of `kind`: it numbers, or answers, above them.

        Only whoever numbers leaves some out: the others would take the next ones for old.
        """
        turn = self._turn + SKIP if self._turn and kind == "asr" else self._turn
        reply = self._answers.newest
        return turn, reply + SKIP if reply and kind == "llm" else reply

    def transcript(self, playing: int, heard: str) -> tuple[Exchange, ...]:
        """The newest exchanges, oldest first; of turn `playing` `heard` has been heard so far."""
        turn = self._open.get(playing)
        return self._exchanges.newest(None if turn is None else exchange(turn.event, heard, cut=True))

    def open(self, turns: Iterable[int]) -> bool:
        """Whether any of `turns` has no report yet."""
        return any(turn in self._open for turn in turns)

    @property
    def thinking(self) -> bool:
        """A turn waits for its answer, and not for a decision."""
        return any(turn.marks.first_audio is None and not turn.proposed for turn in self._open.values())

    def _unanswered(self) -> list[_Turn]:
        complete = self.complete()
        return [
            turn
            for turn in self._open.values()
            if turn.marks.first_audio is None and (turn.proposed or turn.reply not in complete)
        ]

    def _cancel(self, turn: int, reason: str) -> _Turn | None:
        """Remember why a turn was taken back, also one whose text has not come; returns it when it is open."""
        self._cancelled[turn] = reason
        while len(self._cancelled) > _CANCELLED:
            self._cancelled.popitem(last=False)
        return self._open.get(turn)

    def _close(self, turn: _Turn, change: Change | None = None, *, cancelled: str = "", declined: str = "") -> None:
        event, marks = turn.event, turn.marks
        del self._open[event.turn]
        self._answers.fill(turn.reply, marks)
        answer = self._answers.get(turn.reply)
        marks.first_shown, frames = self._seen(turn.reply)
        stopped = change is not None and change.state == "stopped"
        if change is not None and stopped:
            if change.why in _WANTED:
                cancelled = change.why
            else:
                turn.errors.append(f"the answer was cut short: {change.why}")
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
            text=answer.text if answer is not None else "",
            continues=event.continues,
            verbatim=event.verbatim,
            speculated=marks.speculated,
            resumes=turn.resumes,
            cancelled=cancelled,
            declined=declined,
        )
        self._exchanges.add(exchange(event, report.reply, cut=stopped))
        self.reports.append(report)
        self._on_report(report)


_WANTED = ("superseded", "cancelled", "draft", "dropped", "continued", "barge_in", "stop")
"""Reasons of a stop that the person or the talk itself gave."""
