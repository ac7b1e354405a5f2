"""The answers that are due or sound, as far as the ears are told: what the person's voice may meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from avatar_asr.rules import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avatar_asr.actions import Final

State: TypeAlias = Literal["due", "sounds", "held", "over", "cancelled"]

_EARLY_SAMPLES = RATE_HZ * 12 // 10
_PATIENT_SAMPLES = 10 * RATE_HZ
_ECHO_SAMPLES = RATE_HZ // 10
_GUARDED_ECHO_SAMPLES = RATE_HZ * 6 // 10
_REMEMBERED_ANSWERS = 32
_REMEMBERED_REPLIES = 4


@dataclass
class Answer:
    """What became of the answer to one turn. Positions are samples at 16 kHz.

    Attributes:
        turn: The turn.
        words: The words of the turn, which can be taken back; empty for a typed one, or one of a worker before.
        first: The earliest turn whose words it carries.
        begins: Where its speech began.
        since: When its state changed last.
        state: ``due`` before it is heard, then ``sounds`` or ``held``; ``over`` when no more of it will be heard,
            ``cancelled`` when that was decided here.
        reply: The reply that answers it.
        interruptible: The person may interrupt it.
        sounded: How much of it was audible until `since`.
    """

    turn: int
    words: str = ""
    first: int = 0
    begins: int = 0
    since: int = 0
    state: State = "due"
    reply: int = 0
    interruptible: bool = True
    sounded: int = 0

    @property
    def audible(self) -> bool:
        """It is being heard, or was until it was held."""
        return self.state in ("sounds", "held")

    def retractable(self, at: int) -> bool:
        """So little of it was heard by then, if any, that its turn may go on instead."""
        if not self.words or not self.interruptible:
            return False
        if self.state == "due":
            return at - self.since < _PATIENT_SAMPLES
        return self.audible and self.heard(at) < _EARLY_SAMPLES

    def heard(self, at: int) -> int:
        """How much of it was audible until then, a moment since its state changed or shortly before."""
        return self.sounded + (at - self.since if self.state == "sounds" else 0)

    def turn_to(self, state: State, now: int) -> None:
        """Change its state."""
        self.sounded = self.heard(now)
        self.state, self.since = state, now


class Answers:
    """The newest answers of a session."""

    def __init__(self) -> None:
        self._answers: dict[int, Answer] = {}
        self._said: dict[int, list[str]] = {}
        self._last_reply = 0
        self._sounded_until = -_GUARDED_ECHO_SAMPLES

    @property
    def known(self) -> bool:
        """There has been any answer at all."""
        return bool(self._answers)

    def add(self, turn: int, now: int, final: Final | None = None, *, queued: bool = False) -> Answer:
        """An answer to `turn` is due, after those before it if `queued`, or in place of them.

        Args:
            turn: The turn.
            now: Position of the newest sound.
            final: What was spoken; None for a typed line.
            queued: Earlier answers that are due will be heard as well.
        """
        for before in self.live:
            if before.state == "due" and before.interruptible and not queued:
                before.turn_to("over", now)
        answer = Answer(turn, since=now)
        if final is not None:
            answer = Answer(turn, final.text, final.continues or turn, final.start, now)
        return self._keep(answer)

    def committed(self, turn: int, reply: int, now: int, *, interruptible: bool) -> None:
        """`reply` will be heard."""
        answer = self._of(turn, now)
        if answer.state == "cancelled" or reply < answer.reply:
            return
        answer.interruptible = interruptible
        if answer.state == "over":  # another reply to the same turn
            answer.turn_to("due", now)
        if reply > answer.reply:
            answer.reply, answer.sounded, answer.since = reply, 0, now

    def played(self, turn: int, reply: int, state: str, now: int) -> Answer | None:
        """The edge says what is heard of `reply`. Returns the answer, unless nothing of it should be heard."""
        known = turn in self._answers
        answer = self._of(turn, now)
        if answer.state == "cancelled" or reply < answer.reply:
            return None
        if reply > answer.reply:
            answer.reply, answer.sounded, answer.since = reply, 0, now
        if state in ("started", "playing", "held"):
            if not known and state != "started":  # of a worker before: nobody knows how long it has been audible
                answer.sounded = _EARLY_SAMPLES
            answer.turn_to("held" if state == "held" else "sounds", now)
            self._last_reply, self._sounded_until = reply, now
        elif answer.state != "over":
            if answer.audible:
                self._last_reply, self._sounded_until = reply, now
            answer.turn_to("over", now)
        return answer

    def unanswered(self, turn: int, now: int) -> None:
        """No (more) answer to `turn` will be heard."""
        answer = self._answers.get(turn)
        if answer and answer.state != "cancelled":
            answer.turn_to("over", now)

    def cancel(self, turn: int, now: int) -> None:
        """Whatever still arrives about `turn`, it is over."""
        self._of(turn, now).turn_to("cancelled", now)

    def saying(self, reply: int, sentence: int, text: str) -> None:
        """`text` is the given sentence of `reply`."""
        texts = self._said.setdefault(reply, [])
        if sentence >= len(texts):
            texts.append(text)
        while len(self._said) > _REMEMBERED_REPLIES:
            del self._said[min(self._said)]

    def restart(self, before: int, now: int) -> None:
        """The count of samples jumps from `before` to `now`."""
        for answer in self._answers.values():
            answer.sounded, answer.since = answer.heard(before), now
        self._sounded_until = now

    # --- who has the floor -------------------------------------------------------------------------------------

    def met(self, now: int) -> Answer | None:
        """The answer a voice meets that begins now: one to be taken back, or one that sounds and may be interrupted."""
        newest_first = sorted(self.live, key=lambda answer: -answer.turn)
        for answer in newest_first:
            if answer.retractable(now):
                return answer
        return next((answer for answer in newest_first if answer.audible and answer.interruptible), None)

    @property
    def live(self) -> list[Answer]:
        """Those that are due or audible, oldest first."""
        return [answer for answer in self._answers.values() if answer.state in ("due", "sounds", "held")]

    def said(self, now: int, *, guard: bool) -> Sequence[str]:
        """What the clone says where a voice that begins now may be its echo; grows with the reply."""
        audible = [answer.reply for answer in self._answers.values() if answer.audible]
        if not audible and now - self._sounded_until > (_GUARDED_ECHO_SAMPLES if guard else _ECHO_SAMPLES):
            return ()
        return self._said.setdefault(max(audible, default=self._last_reply), [])

    def _of(self, turn: int, now: int) -> Answer:
        return self._answers.get(turn) or self._keep(Answer(turn, since=now))

    def _keep(self, answer: Answer) -> Answer:
        self._answers[answer.turn] = answer
        while len(self._answers) > _REMEMBERED_ANSWERS:
            del self._answers[min(self._answers)]
        return answer
