"""When the person starts, pauses and has finished, as far as their voice and words tell.

Who has the floor while an answer is due or sounds is decided elsewhere (`floor`): a turn that meets one is contested,
and stays silent until that is settled.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from avatar_asr.actions import Action, Decode, EndReason, Final, Look, Purpose, Started, Stopped, Stuck
from avatar_asr.decoding import Decoding
from avatar_asr.onset import FRAME_SAMPLES, Onset
from avatar_asr.rules import RATE_HZ, Rules
from avatar_asr.turn import ASK_SAMPLES, Pause, Turn, has_words, power_of

if TYPE_CHECKING:
    from avatar_asr.lexicon import Lexicon

_DROP_SAMPLES = RATE_HZ // 2
_FIRST_PARTIAL_SAMPLES = RATE_HZ * 4 // 10
_CONTESTED_EVERY_SAMPLES = RATE_HZ * 3 // 10
_DIP_SAMPLES = RATE_HZ * 32 // 1_000
_LOOK_SAMPLES = 8 * RATE_HZ
_LOOK_AFTER_SAMPLES = RATE_HZ * 16 // 100
_SPLIT_WINDOW_FRAMES = 94
_STUCK_SAMPLES = 30 * RATE_HZ
_LEVEL_WEIGHT = 0.3


class Speech:
    """The person's speech, cut into turns.

    A turn opens at the onset of voice and ends by exactly one `Final`, or by a `Stopped` that is discarded. As soon as
    the level shows a pause, a decode is asked for, and after it one look of the end-of-turn model; if the voice goes on
    before the turn is over, both answers are void and the next pause asks again.

    Args:
        rules: The numbers.
        turn: Turns are numbered above this.
        lexicon: Judges words.

    Attributes:
        rules: The numbers; may be exchanged at any time.
        drafts: Whether to send drafts.
        now: Position of the newest sound.
        open: The turn under way.
        usual_db: How loud the person usually is in their turns, None before the first.
    """

    def __init__(self, rules: Rules, turn: int, lexicon: Lexicon) -> None:
        self.rules = rules
        self.drafts = True
        self.now = 0
        self.open: Turn | None = None
        self.usual_db: float | None = None
        self._lexicon = lexicon
        self._last_number = turn
        self._jobs = 0
        self._free_from = 0
        self._wordless_from: int | None = None
        self._wordless_decodes = 0
        self._onset = Onset()
        self._decoding = Decoding()
        self._closing: deque[Turn] = deque()
        self._recent: deque[tuple[float, float, int]] = deque(maxlen=_SPLIT_WINDOW_FRAMES)

    @property
    def idle(self) -> bool:
        """No turn is open and no onset has begun."""
        return self.open is None and not self._onset.begun

    @property
    def needed_from(self) -> int:
        """Sound before this position will not be asked for again."""
        held = self.now - max(self.rules.preroll, _LOOK_SAMPLES) - 2 * FRAME_SAMPLES
        starts = [held, *self._decoding.starts]
        if self.open:
            starts.append(self.open.piece_start)
        return min(starts)

    # --- what is heard -----------------------------------------------------------------------------------------

    def step(self, probability: float, end: int, loud_end: int, level_db: float, *, alert: bool) -> list[Action]:
        """See `Turns.step`; with `alert`, a single frame of voice opens a turn."""
        self.now = end
        turn = self.open
        if turn is None:
            frames = self._onset.step(probability, end, loud_end, alert=alert)
            return self._begin(end - frames * FRAME_SAMPLES, frames, level_db) if frames else []
        self._onset.follow(end, loud_end)
        self._recent.append((probability, level_db, end))
        if turn.hear(probability, end, loud_end, level_db):
            self._decoding.void()
        return self._decide(turn, dipping=end - loud_end > _DIP_SAMPLES)

    def tick(self, now: int) -> list[Action]:
        """The microphone has reached `now`, within a frame that is not complete yet."""
        self.now = max(self.now, now)
        return self.finish() if self.open else []

    def skip(self, now: int) -> None:
        """Sound up to `now` that nobody listens to."""
        self.now = self._free_from = now
        self._onset = Onset()

    def restart(self, at: int) -> list[Action]:
        """The microphone's count jumps to `at`: what was open ends here without words of its own."""
        actions = self.end_all()
        self.now = self._free_from = at
        self._onset = Onset()
        return actions

    def next_number(self) -> int:
        """A number for a turn."""
        self._last_number += 1
        return self._last_number

    def renumber(self) -> list[Action]:
        """Give what is under way new numbers: a typed line came first."""
        actions: list[Action] = []
        for turn in self._unfinished():
            turn.number = self.next_number()
            turn.revision, turn.drafted = 0, ""
            actions.append(Started(turn.number, turn.start))
        return actions

    # --- what the models answer --------------------------------------------------------------------------------

    def decoded(self, job: int, text: str) -> list[Action]:
        """The words of decode `job`; empty when there were none or it failed. Nobody waits for one before a restart."""
        done = self._decoding.done(job)
        if done is None:
            return []
        actions: list[Action] = []
        turn = self.open
        if done.purpose == "piece":
            for owner in self._unfinished():
                if job in owner.pieces:
                    owner.pieces[job] = self._said(owner, text, done.end - done.start)
        elif turn and done.start == turn.piece_start:
            took = self.now - done.end
            turn.next_partial = self.now + max(self.rules.partial_every, 3 * took)
            turn.latest, turn.latest_voice = text, turn.asked_voice
            words = self._said(turn, text, turn.piece_voice)
            if turn.pause and turn.pause.decode == job:
                turn.pause.words = words
                turn.pause.unfinished = self._lexicon.unfinished(turn.words(words))
                actions += self._ask_look(turn, turn.pause)
            actions += self._show(turn, words)
        return actions + self.finish() + self._decoding.run()

    def looked(self, job: int, probability: float | None) -> list[Action]:
        """The end-of-turn model's answer to look `job`; None when it failed: only the silence cap counts then."""
        turn = self.open
        if turn is None or turn.pause is None or turn.pause.look != job:
            return []
        turn.pause.probability = probability
        return self.finish()

    # --- what the floor decides --------------------------------------------------------------------------------

    def settle(self) -> list[Action]:
        """The open turn is one after all: catch up with what was not said while it was contested."""
        turn = self.open
        if turn is None:
            return []
        turn.contested = False
        words = "" if turn.latest is None else self._said(turn, turn.latest, turn.piece_voice)
        return self._show(turn, words) + self.finish()

    def drop(self, *, wait_for_quiet: bool) -> list[Action]:
        """The open turn is none: it ends without words of its own; perhaps no other opens before a short quiet."""
        turn = self.open
        if turn is None:
            return []
        self._onset.ignoring = wait_for_quiet and turn.pause is None
        return self._close(turn, "", "silence", turn.pause.since if turn.pause else self.now)

    def end_all(self) -> list[Action]:
        """Everything under way ends here without words of its own."""
        turns, self.open = self._unfinished(), None
        self._closing.clear()
        self._decoding.clear()
        return [action for turn in turns for action in self._end(turn, turn.before, "silence", turn.voice_end)]

    def listen_again(self) -> None:
        """Nobody else speaks any more: voice that was ignored until a quiet may open a turn; a stuck one may not."""
        if not self._onset.stuck:
            self._onset.ignoring = False

    # --- decisions ---------------------------------------------------------------------------------------------

    def _begin(self, at: int, frames: int, level_db: float, piece_start: int | None = None) -> list[Action]:
        start = max(at, self._free_from)
        audio = max(at - self.rules.preroll, self._free_from) if piece_start is None else piece_start
        voice = frames * FRAME_SAMPLES
        turn = Turn(self.next_number(), start, audio, begins=start, voice_end=self.now)
        turn.voice = turn.piece_voice = voice
        turn.power = frames * power_of(level_db)
        turn.next_partial = start + _FIRST_PARTIAL_SAMPLES
        if piece_start is None:
            turn.lead = self._onset.lead(start)
            self._wordless_from, self._wordless_decodes = start, 0
        self.open = turn
        self._recent.clear()
        return [Started(turn.number, start)]

    def _decide(self, turn: Turn, *, dipping: bool) -> list[Action]:
        pause = turn.pause
        if pause is None:
            since = self.now if self._wordless_from is None else self._wordless_from
            if self.now - since >= _STUCK_SAMPLES and self._wordless_decodes:
                return self._ignore(turn, since)
            if self.now - turn.piece_start >= min(self.rules.segment, self.rules.turn_cap):
                return self._split(turn)
            return self._ask_words(turn, "partial") if not dipping and self._wants_words(turn) else []
        silence = self.now - pause.since
        if turn.voice < self.rules.min_voice and not turn.pieces:
            over = silence >= _DROP_SAMPLES and not pause.hanging and not turn.contested
            return self._close(turn, "", "silence", pause.since) if over else []
        actions: list[Action] = []
        if not pause.decode and silence >= ASK_SAMPLES:
            actions += self._ask_words(turn, "pause")
        if silence >= _LOOK_AFTER_SAMPLES:
            actions += self._ask_look(turn, pause)
        return actions + self.finish()

    def _ask_look(self, turn: Turn, pause: Pause) -> list[Action]:
        """Have the end-of-turn model look, once in a pause: after the words, which a draft is waiting for."""
        if pause.look:
            return []
        self._jobs += 1
        pause.look = self._jobs
        start = max(min(turn.piece_start, turn.begins), self.now - _LOOK_SAMPLES)
        return [Look(self._jobs, start, self.now)]

    def _wants_words(self, turn: Turn) -> bool:
        if self._decoding.busy:
            return False
        if turn.contested:
            return turn.voiced >= turn.asked_voice + _CONTESTED_EVERY_SAMPLES
        wanted = self.rules.partial_every and self.now >= turn.next_partial
        return bool(wanted) and turn.voice >= self.rules.min_voice

    def finish(self) -> list[Action]:
        """End what is ready to end, turns that were split first; or say what the open one would be."""
        actions: list[Action] = []
        while self._closing and None not in self._closing[0].pieces.values():
            split = self._closing.popleft()
            actions += self._end(split, split.words(), "split", split.ended_at)
        turn = self.open
        pause = turn.pause if turn else None
        if turn is None or pause is None or pause.words is None or turn.contested:
            return actions
        if self._closing or None in turn.pieces.values():
            return actions
        silence = self.now - pause.since
        needed = self.rules.needed_silence(pause.probability, unfinished=pause.unfinished)
        if turn.before and not turn.heard(pause.words):
            needed = self.rules.min_silence  # nothing was added: the words before are complete as they are
        if silence >= needed and not pause.hanging:
            sounds_over = (pause.probability or 0.0) > self.rules.end_threshold
            reason: EndReason = "smart_turn" if sounds_over else "silence"
            text = turn.words(pause.words)
            return actions + self._close(turn, text, reason, pause.since, pause.probability or 0.0)
        draft = turn.draft(self.now, self.rules) if self.drafts else None
        return [*actions, draft] if draft else actions

    def _close(self, turn: Turn, text: str, reason: EndReason, end: int, probability: float = 0.0) -> list[Action]:
        """End the open turn."""
        self.open = None
        self._free_from = end
        self._wordless_from = None
        self._decoding.void()
        return self._end(turn, text or turn.before, reason, end, probability)

    def _end(self, turn: Turn, text: str, reason: EndReason, end: int, probability: float = 0.0) -> list[Action]:
        if not has_words(text):
            return [Stopped(turn.number, end, discarded=True)]
        usual = turn.level_db if self.usual_db is None else self.usual_db
        self.usual_db = usual + _LEVEL_WEIGHT * (turn.level_db - usual)
        final = Final(turn.number, text, reason, probability, turn.begins, end, turn.continues)
        return [Stopped(turn.number, end), final]

    def _ignore(self, turn: Turn, since: int) -> list[Action]:
        """Voice for half a minute, and not one word: a stuck microphone, not a person."""
        self._onset.ignoring = self._onset.stuck = True
        return [Stuck(since), *self._close(turn, "", "silence", self.now)]

    def _split(self, turn: Turn) -> list[Action]:
        """Decode the sound up to the quietest recent point as one piece; end the turn there if no other one fits."""
        _, level_db, end = min(self._recent, key=lambda seen: (round(seen[0], 1), seen[1]))
        cut = end - FRAME_SAMPLES // 2
        actions = self._ask_words(turn, "piece", cut)
        if cut - turn.start + self.rules.segment > self.rules.turn_cap:
            turn.ended_at = cut
            self._closing.append(turn)
            actions += self._begin(cut, (self.now - cut) // FRAME_SAMPLES, level_db, piece_start=cut)
        else:
            turn.piece_start = cut
            turn.piece_voice = self.now - cut
            self._recent.clear()
        return actions

    # --- words -------------------------------------------------------------------------------------------------

    def _said(self, turn: Turn, text: str, voice: int) -> str:
        """`text` without what the decoder invented or the clone said itself."""
        nothing = not has_words(text) or self._lexicon.invented(text, voice / RATE_HZ)
        if nothing or (turn.said and self._lexicon.echo_of(text, turn.said)):
            self._wordless_decodes += 1
            return ""
        self._wordless_from, self._wordless_decodes = self.now, 0
        return text

    def _ask_words(self, turn: Turn, purpose: Purpose, end: int | None = None) -> list[Action]:
        self._jobs += 1
        careful = purpose == "pause" and turn.piece_start <= turn.start - self.rules.preroll
        job = Decode(self._jobs, turn.piece_start, self.now if end is None else end, purpose, careful)
        if purpose == "piece":
            turn.pieces[job.job] = None
        else:
            turn.asked_voice = turn.voiced
            if turn.pause:
                turn.pause.decode = job.job
        if lost := self._decoding.ask(job):
            for owner in self._unfinished():
                if lost.job in owner.pieces:
                    owner.pieces[lost.job] = ""
        return self._decoding.run()

    def _show(self, turn: Turn, last: str) -> list[Action]:
        partial = None if turn.contested else turn.partial(last)
        return [partial] if partial else []

    def _unfinished(self) -> list[Turn]:
        return [*self._closing, *([self.open] if self.open else [])]
