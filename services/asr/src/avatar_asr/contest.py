"""The person's voice meets an answer: do they take the floor, or was it a backchannel, a noise, an echo?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from avatar_asr.rules import RATE_HZ, Rules, Yielding

if TYPE_CHECKING:
    from avatar_asr.answers import Answer
    from avatar_asr.lexicon import Lexicon
    from avatar_asr.turn import Turn

_LIMIT_SAMPLES = 2 * RATE_HZ
_LIKE_A_BACKCHANNEL = 0.2
_SURELY_A_BACKCHANNEL = 0.8

_QUIET_SAMPLES = RATE_HZ * 24 // 100
_SHORT_SAMPLES = RATE_HZ * 7 // 10
"""In less voice than this, one word or a few little ones may be what a recogniser made of a hum."""
_JUDGE_FROM_SAMPLES = RATE_HZ * 2 // 10
_JUDGE_EVERY_SAMPLES = RATE_HZ // 10
_JUDGE_SAMPLES = RATE_HZ * 12 // 10
_FAINT_DB = 15.0
_COVERED = 2.5

Verdict: TypeAlias = Literal["turn", "interrupt", "word", "backchannel", "echo", "noise"]
"""What the words are: two or more, one that takes the floor at once, one, or none of the person's that counts."""

Decision: TypeAlias = Literal["hold", "take", "backchannel", "echo", "noise", "unconfirmed"]
"""Hold the answer, give the person the floor, or go on with the answer, and why."""


@dataclass
class Contest:
    """One open turn against one answer, until it is decided.

    Attributes:
        answer: The answer.
        early: So little of it was heard that the turn before goes on, rather than being interrupted.
        since: When the voice began.
        guard: The sound cannot be trusted: the clone's own voice may be in it. Only words count.
        held: The answer is held.
        likeness: How much the voice sounds like a backchannel, 0..1; None before that was judged.
        judged_voice: How much voice that judgement covers, in samples.
        job: The judgement that is under way.
    """

    answer: Answer
    early: bool
    since: int
    guard: bool
    held: bool = False
    likeness: float | None = None
    judged_voice: int = 0
    job: int = 0

    def judgement_due(self, turn: Turn, now: int) -> tuple[int, int] | None:
        """The range of sound to be judged now, if there is enough new voice to judge."""
        settled = turn.pause is not None and self.judged_voice < turn.voiced
        grown = turn.voiced >= max(_JUDGE_FROM_SAMPLES, self.judged_voice + _JUDGE_EVERY_SAMPLES)
        if not (grown or settled) or self.judged_voice >= _JUDGE_SAMPLES:
            return None
        self.judged_voice = turn.voiced
        start = max(turn.start - turn.lead, turn.piece_start)
        return start, min(turn.pause.since if turn.pause else now, start + _JUDGE_SAMPLES)

    def decide(self, turn: Turn, now: int, usual_db: float | None, rules: Rules, lexicon: Lexicon) -> Decision | None:
        """What to do now, if anything."""
        verdict = self._verdict(turn, lexicon)
        faint = usual_db is not None and turn.level_db <= usual_db - _FAINT_DB
        yielding = rules.thinking if self.early else rules.speaking
        quiet = 0 if turn.pause is None else now - turn.pause.since
        if verdict in ("turn", "word") and not self.guard and self._hummed(turn, rules):
            verdict = "backchannel"  # a small recogniser hears words in an "mhm"
        if self._confirmed(turn, verdict, yielding, faint=faint, quiet=quiet):
            return "take"
        if refused := _refused(turn, verdict, rules, quiet):
            return refused
        if now - self.since >= _LIMIT_SAMPLES:
            return "unconfirmed"
        return "hold" if not self.held and self._holds(turn, verdict, yielding, faint=faint) else None

    def _verdict(self, turn: Turn, lexicon: Lexicon) -> Verdict | None:
        """What the words decoded last say; None without any, or when they cover only a small part of the voice."""
        text = turn.latest
        if text is None or turn.voiced > _COVERED * turn.latest_voice:
            return None
        words = lexicon.words(text)
        if not words or lexicon.invented(text, turn.latest_voice / RATE_HZ):
            return "noise"
        if turn.said and lexicon.echo_of(text, turn.said):
            return "echo"
        if lexicon.backchannel(text):
            return "backchannel"
        telling = [word for word in words if not lexicon.backchannel(word)]
        # One such word alone may be misheard from a hum, or be the clone's own.
        if lexicon.interrupt(text) and (len(telling) > 1 or not (self.guard or self._surely_hummed)):
            return "interrupt"
        if len(telling) > 1 and turn.voiced < _SHORT_SAMPLES and lexicon.slight(text):
            return None
        if len(telling) != 1:
            return "turn" if telling else "backchannel"
        # One word proves little against an echo, of which the first word is heard first.
        return "echo" if telling[0] in lexicon.words(" ".join(turn.said)) else "word"

    def _hummed(self, turn: Turn, rules: Rules) -> bool:
        """The voice sounds like a backchannel and is no longer than one."""
        alike = self.likeness is not None and self.likeness >= _LIKE_A_BACKCHANNEL
        return alike and turn.voiced < rules.speaking.confirm

    @property
    def _surely_hummed(self) -> bool:
        return self.likeness is not None and self.likeness >= _SURELY_A_BACKCHANNEL

    @property
    def _unlike_a_backchannel(self) -> bool:
        return self.likeness is not None and self.likeness < _LIKE_A_BACKCHANNEL

    def _confirmed(self, turn: Turn, verdict: Verdict | None, yielding: Yielding, *, faint: bool, quiet: int) -> bool:
        if verdict == "interrupt":
            return True
        if self.guard:
            return verdict == "turn"
        if faint:
            return False  # side talk
        if verdict == "turn" or (verdict == "word" and self.early):
            return True
        if not self._unlike_a_backchannel:
            return False
        if verdict == "word" and quiet >= _QUIET_SAMPLES and turn.voiced >= _SHORT_SAMPLES:
            return True
        return verdict in (None, "word") and turn.voiced >= yielding.confirm

    def _holds(self, turn: Turn, verdict: Verdict | None, yielding: Yielding, *, faint: bool) -> bool:
        if self.guard or faint or turn.voiced < yielding.hold:
            return False
        if self.early:
            return verdict is None or verdict == "word"
        return self._unlike_a_backchannel and verdict in (None, "word")


def _refused(turn: Turn, verdict: Verdict | None, rules: Rules, quiet: int) -> Decision | None:
    """Why the voice, which has ended, was no turn; None while it may be one."""
    pause = turn.pause
    if pause is None or pause.hanging or quiet < _QUIET_SAMPLES:
        return None
    if turn.voice < rules.min_voice:
        return "noise"
    if pause.words is None:
        return None
    if verdict in ("backchannel", "echo", "noise"):
        return verdict
    return "unconfirmed" if quiet >= rules.unsure_silence else None
