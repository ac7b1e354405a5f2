"""Who has the floor: the rules of turn-taking, without clock, audio or I/O.

`Turns` is told about sound frame by frame, about what is heard of the clone's answers, and about the answers of the
models it asked for; it responds with actions. All times are positions in microphone samples (16 kHz), so an hour of
talk runs through it in seconds.

The work is done by three parts: `Speech` cuts the person's voice into turns, `Answers` knows which answers are due
or sound, and where a voice meets an answer, a `Contest` decides between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_asr.actions import Action, Cancel, CancelReason, Final, Judge, Overlap
from avatar_asr.answers import Answer, Answers
from avatar_asr.contest import Contest
from avatar_asr.lexicon import Lexicon
from avatar_asr.speech import Speech

if TYPE_CHECKING:
    from avatar_asr.rules import Rules
    from avatar_asr.turn import Turn
    from avatar_contracts.session import Mode


class Turns:
    """Turn-taking of one session.

    Args:
        rules: The numbers.
        turn: Turns are numbered above this.
        lexicon: Judges words.
    """

    def __init__(self, rules: Rules, turn: int = 0, lexicon: Lexicon | None = None) -> None:
        self._lexicon = lexicon or Lexicon()
        self._speech = Speech(rules, turn, self._lexicon)
        self._answers = Answers()
        self._claimed = turn
        self._contest: Contest | None = None
        self._mode: Mode = "converse"
        self._judgements = 0
        self._guard = False

    @property
    def idle(self) -> bool:
        """No turn is open and no onset has begun."""
        return self._speech.idle

    @property
    def deaf(self) -> bool:
        """Nobody listens to the microphone."""
        return self._mode == "typed"

    @property
    def usual_db(self) -> float | None:
        """How loud the person usually is, None before their first turn."""
        return self._speech.usual_db

    @property
    def needed_from(self) -> int:
        """Sound before this position will not be asked for again."""
        return self._speech.needed_from

    # --- what is heard of the person ---------------------------------------------------------------------------

    def step(
        self, probability: float, end: int, loud_end: int, level_db: float = 0.0, *, guard: bool = False
    ) -> list[Action]:
        """The frame that ends at position `end` is voice with `probability`.

        Args:
            probability: Of voice.
            end: Position after the frame.
            loud_end: Position after the last sound that stood out of the background.
            level_db: Loudness of the frame: finds the quietest place of a long turn, and tells faint voices.
            guard: The clone's own voice may be in the frame.
        """
        if self.deaf:
            self._speech.skip(end)
            return []
        self._guard = guard
        met = self._met()
        if not self._answers.live:
            self._speech.listen_again()
        opened = self._speech.open is None
        alert = met is not None and met.audible and not guard
        actions = self._speech.step(probability, end, loud_end, level_db, alert=alert)
        if opened and (turn := self._speech.open):
            turn.said = self._answers.said(end, guard=guard)
            if met:
                self._meet(met, turn)
        elif guard and self._contest:
            self._contest.guard = True
        return self._then(actions)

    def tick(self, now: int) -> list[Action]:
        """The microphone has reached `now`, within a frame that is not complete yet."""
        if self.deaf:
            self._speech.skip(now)
            return []
        return self._then(self._speech.tick(now))

    def restart(self, at: int) -> list[Action]:
        """The microphone's count jumps to `at`: what was open ends here without words of its own."""
        actions = self._leave()
        self._answers.restart(self._speech.now, at)
        return actions + self._then(self._speech.restart(at))

    def typed(self) -> tuple[int, list[Action]]:
        """The number for a typed line. Speech under way becomes a later turn.

        An answer that speech has just put on hold gives way to the one to the line.
        """
        number = self._speech.next_number()
        actions = self._speech.renumber()
        if self._contest:
            actions += self._cancel(self._contest.answer, "barge_in") if self._contest.held else []
            self._contest = None
            actions += self._speech.settle()
        self._answers.add(number, self._speech.now, queued=self._mode == "repeat")
        return number, self._then(actions)

    # --- what the models answer --------------------------------------------------------------------------------

    def decoded(self, job: int, text: str) -> list[Action]:
        """The words of decode `job`; empty when there were none or it failed. Nobody waits for one before a restart."""
        return self._then(self._speech.decoded(job, text))

    def looked(self, job: int, probability: float | None) -> list[Action]:
        """The end-of-turn model's answer to look `job`; None when it failed: only the silence cap counts then."""
        return self._then(self._speech.looked(job, probability))

    def judged(self, job: int, likeness: float) -> list[Action]:
        """How much the sound of judgement `job` is like a backchannel, 0..1."""
        if self._contest is None or self._contest.job != job:
            return []
        self._contest.likeness = likeness
        return self._then([])

    # --- what is heard of the clone ----------------------------------------------------------------------------

    def played(self, turn: int, reply: int, state: str) -> list[Action]:
        """What is heard of `reply` has changed; `state` as in `PlaybackProgress`."""
        answer = self._answers.played(turn, reply, state, self._speech.now)
        return self._then(self._run_into(answer) if state == "started" else [])

    def committed(self, turn: int, reply: int, *, interruptible: bool) -> list[Action]:
        """`reply` is the answer to `turn`."""
        self._answers.committed(turn, reply, self._speech.now, interruptible=interruptible)
        return self._then([])

    def unanswered(self, turn: int) -> list[Action]:
        """No answer to `turn` will be heard, or no more of it."""
        self._answers.unanswered(turn, self._speech.now)
        return self._then([])

    def saying(self, reply: int, sentence: int, text: str) -> None:
        """`text` is the given sentence of `reply`."""
        self._answers.saying(reply, sentence, text)

    # --- what the person chooses -------------------------------------------------------------------------------

    def stop(self) -> list[Action]:
        """Every answer is to be silent now, the newest last. What the person is saying goes on."""
        actions: list[Action] = []
        for answer in self._answers.live:
            actions += self._cancel(answer, "stop")
        if not self._answers.known and self._claimed:  # the worker before may have left one under way
            actions += self._cancel(Answer(self._claimed), "stop")
        if self._contest:
            self._contest = None
            actions += self._speech.settle()
        return self._then(actions)

    def configure(self, rules: Rules, mode: Mode, *, speculate: bool) -> list[Action]:
        """From now on `rules` and `mode` hold, and drafts are sent if `speculate`."""
        actions: list[Action] = []
        if mode in ("typed", "repeat"):
            actions += self._leave()
        if mode == "typed":
            actions += self._then(self._speech.end_all())
        self._mode = mode
        self._speech.rules = rules
        self._speech.drafts = speculate and mode == "converse"
        return actions

    # --- between them ------------------------------------------------------------------------------------------

    def _met(self) -> Answer | None:
        return self._answers.met(self._speech.now) if self._mode in ("converse", "draft") else None

    def _meet(self, answer: Answer, turn: Turn) -> None:
        """`turn` meets `answer` as it opens: nothing of it is said before it is decided that it is a turn."""
        turn.contested = True
        since = turn.start - turn.lead
        self._contest = Contest(answer, early=answer.retractable(since), since=since, guard=self._guard)

    def _run_into(self, answer: Answer | None) -> list[Action]:
        """`answer` comes while the person, whose speech was too long for one turn, speaks on: they are let finish."""
        speaking = self._speech.open
        if answer is None or speaking is None or speaking.pause or self._contest or self._mode != "converse":
            return []
        long_enough = speaking.voiced >= self._speech.rules.speaking.hold
        retractable = answer.words and answer.interruptible
        return self._cancel(answer, "barge_in") if long_enough and retractable else []

    def _then(self, actions: list[Action]) -> list[Action]:
        """`actions`, and what follows from them for the floor."""
        for final in [action for action in actions if isinstance(action, Final)]:
            answer = self._answers.add(final.turn, self._speech.now, final, queued=self._mode == "repeat")
            if final.reason == "split":
                actions = actions + self._run_into(answer)
        contest, turn = self._contest, self._speech.open
        if contest is None:
            return actions
        if turn is None or not contest.answer.interruptible or contest.answer.state in ("over", "cancelled"):
            return actions + self._leave()
        if sound := contest.judgement_due(turn, self._speech.now):
            self._judgements += 1
            contest.job = self._judgements
            return [*actions, Judge(self._judgements, *sound)]  # decided when that is known, or with the next frame
        return actions + self._decide(contest, turn)

    def _decide(self, contest: Contest, turn: Turn) -> list[Action]:
        answer = contest.answer
        decision = contest.decide(turn, self._speech.now, self.usual_db, self._speech.rules, self._lexicon)
        match decision:
            case None:
                return []
            case "hold":
                contest.held = True
                return [Overlap(answer.turn, "hold", "voice")]
            case "take":
                self._contest = None
                if contest.early:
                    turn.precede(answer.words, answer.first, answer.begins)
                cancel = self._cancel(answer, "continued" if contest.early else "barge_in")
                return self._then(cancel + self._speech.settle())
            case refused:
                self._contest = None
                resume: list[Action] = [Overlap(answer.turn, "resume", refused)]
                dropped = self._speech.drop(wait_for_quiet=not contest.guard)
                return self._then((resume if contest.held or not contest.early else []) + dropped)

    def _leave(self) -> list[Action]:
        """There is nothing left to decide: the answer is over or may not be interrupted. The speech is a turn."""
        contest, self._contest = self._contest, None
        if contest is None:
            return []
        resume: list[Action] = [Overlap(contest.answer.turn, "resume", "unconfirmed")] if contest.held else []
        return self._then(resume + self._speech.settle())

    def _cancel(self, answer: Answer, reason: CancelReason) -> list[Action]:
        self._answers.cancel(answer.turn, self._speech.now)
        return [Cancel(answer.turn, reason)]
