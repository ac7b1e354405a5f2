"""When the person starts, pauses and has finished: the rules of turn-taking, without clock, audio or I/O.

`Turns` is told about sound frame by frame and about the answers of the models it asked for; it answers with actions.
All times are positions in microphone samples (16 kHz), so an hour of talk runs through it in seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from avatar_asr.actions import Action, Decode, EndReason, Final, Look, Partial, Purpose, Started, Stopped
from avatar_asr.rules import RATE_HZ, Rules

FRAME_SAMPLES = 512

_ENTER = 0.5
_EXIT = 0.5
_RESUME = 0.6
_ONSET_FRAMES = 2
_ASK_SAMPLES = RATE_HZ * 80 // 1_000
_MAX_BACKDATE_SAMPLES = RATE_HZ * 200 // 1_000
_DROP_SAMPLES = RATE_HZ // 2
_FIRST_PARTIAL_SAMPLES = RATE_HZ * 4 // 10
_DIP_SAMPLES = RATE_HZ * 32 // 1_000
_LOOK_SAMPLES = 8 * RATE_HZ
_SPLIT_WINDOW_FRAMES = 94
_MAX_WAITING_PIECES = 3


@dataclass
class _Pause:
    """A silence inside or after a turn, and what was asked about it."""

    since: int
    look: int = 0
    decode: int = 0
    probability: float | None = None
    text: str | None = None


@dataclass
class _Turn:
    """A turn that is not over yet, or that waits for its last words."""

    number: int
    start: int
    piece_start: int
    voice: int = 0
    voice_end: int = 0
    pause: _Pause | None = None
    pieces: dict[int, str | None] = field(default_factory=dict)  # by decode job, in order
    shown: str = ""
    next_partial: int = 0
    ended_at: int = 0

    def words(self, last: str = "") -> str:
        return " ".join(filter(None, [*self.pieces.values(), last]))


class Turns:
    """Turn-taking of one session.

    A turn opens at the onset of voice and ends by exactly one `Final`, or by a `Stopped` that is discarded. When the
    voice pauses, a decode and one look of the end-of-turn model are asked for at once; if the voice goes on before
    the turn is over, both answers are void and the next pause asks again.

    Args:
        rules: The numbers.
        turn: Turns are numbered above this.
    """

    def __init__(self, rules: Rules, turn: int = 0) -> None:
        self._rules = rules
        self._last_number = turn
        self._jobs = 0
        self._onset = 0
        self._now = 0
        self._free_from = 0
        self._open: _Turn | None = None
        self._closing: deque[_Turn] = deque()
        self._waiting: deque[Decode] = deque()
        self._running: Decode | None = None
        self._recent: deque[tuple[float, float, int]] = deque(maxlen=_SPLIT_WINDOW_FRAMES)

    @property
    def idle(self) -> bool:
        """No turn is open and no onset has begun."""
        return self._open is None and not self._onset

    @property
    def needed_from(self) -> int:
        """Sound before this position will not be asked for again."""
        held = self._now - max(self._rules.preroll, _LOOK_SAMPLES) - 2 * FRAME_SAMPLES
        starts = [held, *(job.start for job in self._waiting)]
        if self._open:
            starts.append(self._open.piece_start)
        return min(starts)

    # --- what is heard -----------------------------------------------------------------------------------------

    def step(self, probability: float, end: int, loud_end: int, level_db: float = 0.0) -> list[Action]:
        """The frame that ends at position `end` is voice with `probability`.

        Args:
            probability: Of voice.
            end: Position after the frame.
            loud_end: Position after the last sound that stood out of the background.
            level_db: Loudness of the frame, to find the quietest place of a long turn.
        """
        self._now = end
        turn = self._open
        if turn is None:
            self._onset = self._onset + 1 if probability >= _ENTER else 0
            return self._begin(end - self._onset * FRAME_SAMPLES) if self._onset == _ONSET_FRAMES else []
        self._recent.append((probability, level_db, end))
        if probability >= (_RESUME if turn.pause else _EXIT):
            turn.voice += FRAME_SAMPLES
            turn.voice_end = end
            if turn.pause:
                turn.pause = None
                self._waiting = deque(job for job in self._waiting if job.purpose == "piece")
        elif turn.pause is None:
            earliest = max(turn.start, turn.voice_end - _MAX_BACKDATE_SAMPLES)
            turn.pause = _Pause(since=min(turn.voice_end, max(loud_end, earliest)))
        return self._decide(turn, dipping=end - loud_end > _DIP_SAMPLES)

    def tick(self, now: int) -> list[Action]:
        """The microphone has reached `now`, within a frame that is not complete yet."""
        self._now = max(self._now, now)
        return self._finish() if self._open else []

    def restart(self, at: int) -> list[Action]:
        """The microphone's count jumps to `at`: what was open ends here without words."""
        actions: list[Action] = [Stopped(turn.number, turn.voice_end, discarded=True) for turn in self._unfinished()]
        self._open, self._onset = None, 0
        self._closing.clear()
        self._waiting.clear()
        self._running = None
        self._now = self._free_from = at
        return actions

    def typed(self) -> tuple[int, list[Action]]:
        """The number for a typed line. Speech under way becomes a later turn."""
        number = self._next_number()
        actions: list[Action] = []
        for turn in self._unfinished():
            turn.number = self._next_number()
            actions.append(Started(turn.number, turn.start))
        return number, actions

    # --- what the models answer --------------------------------------------------------------------------------

    def decoded(self, job: int, text: str) -> list[Action]:
        """The words of decode `job`; empty when there were none or it failed. Nobody waits for one before a restart."""
        done = self._running
        if done is None or done.job != job:
            return []
        self._running = None
        actions: list[Action] = []
        turn = self._open
        if done.purpose == "piece":
            for owner in self._unfinished():
                if job in owner.pieces:
                    owner.pieces[job] = text
        elif turn and done.start == turn.piece_start:
            took = self._now - done.end
            turn.next_partial = self._now + max(self._rules.partial_every, 3 * took)
            if turn.pause and turn.pause.decode == job:
                turn.pause.text = text
            actions += self._show(turn, text)
        actions += self._finish()
        return actions + self._run_next()

    def looked(self, job: int, probability: float | None) -> list[Action]:
        """The end-of-turn model's answer to look `job`; None when it failed: only the silence cap counts then."""
        turn = self._open
        if turn is None or turn.pause is None or turn.pause.look != job:
            return []
        turn.pause.probability = probability
        return self._finish()

    # --- decisions ---------------------------------------------------------------------------------------------

    def _begin(self, at: int, piece_start: int | None = None) -> list[Action]:
        start = max(at, self._free_from)
        audio = max(at - self._rules.preroll, self._free_from) if piece_start is None else piece_start
        turn = _Turn(self._next_number(), start, audio, voice=self._now - at, voice_end=self._now)
        turn.next_partial = start + _FIRST_PARTIAL_SAMPLES
        self._open, self._onset = turn, 0
        self._recent.clear()
        return [Started(turn.number, start)]

    def _decide(self, turn: _Turn, *, dipping: bool) -> list[Action]:
        if turn.pause is None:
            if self._now - turn.piece_start >= min(self._rules.segment, self._rules.turn_cap):
                return self._split(turn)
            wanted = self._rules.partial_every and self._now >= turn.next_partial and not dipping
            if wanted and self._running is None and turn.voice >= self._rules.min_voice:
                return self._ask_words(turn, "partial")
            return []
        silence = self._now - turn.pause.since
        if turn.voice < self._rules.min_voice and not turn.pieces:
            return self._drop(turn) if silence >= _DROP_SAMPLES else []
        actions: list[Action] = []
        if not turn.pause.look and silence >= _ASK_SAMPLES:
            self._jobs += 1
            turn.pause.look = self._jobs
            start = max(min(turn.piece_start, turn.start), self._now - _LOOK_SAMPLES)
            actions = [Look(self._jobs, start, self._now), *self._ask_words(turn, "pause")]
        return actions + self._finish()

    def _finish(self) -> list[Action]:
        """End what is ready to end: turns that were split first, then the open one."""
        actions: list[Action] = []
        while self._closing and None not in self._closing[0].pieces.values():
            turn = self._closing.popleft()
            actions += self._end(turn, turn.words(), "split", turn.ended_at)
        turn_open = self._open
        pause = turn_open.pause if turn_open else None
        if turn_open is None or pause is None or pause.text is None:
            return actions
        if self._closing or None in turn_open.pieces.values():
            return actions
        if self._now - pause.since >= self._rules.needed_silence(pause.probability):
            sounds_over = (pause.probability or 0.0) > self._rules.end_threshold
            reason: EndReason = "smart_turn" if sounds_over else "silence"
            self._open = None
            self._free_from = pause.since
            actions += self._end(turn_open, turn_open.words(pause.text), reason, pause.since, pause.probability or 0.0)
        return actions

    def _end(
        self,
        turn: _Turn,
        text: str,
        reason: EndReason,
        end: int,
        probability: float = 0.0,
    ) -> list[Action]:
        if not any(character.isalnum() for character in text):
            return [Stopped(turn.number, end, discarded=True)]
        return [Stopped(turn.number, end), Final(turn.number, text, reason, probability, turn.start, end)]

    def _drop(self, turn: _Turn) -> list[Action]:
        assert turn.pause is not None
        self._open = None
        self._free_from = turn.pause.since
        return [Stopped(turn.number, turn.pause.since, discarded=True)]

    def _split(self, turn: _Turn) -> list[Action]:
        """Decode the sound up to the quietest recent point as one piece; end the turn there if no other one fits."""
        _, _, end = min(self._recent, key=lambda seen: (round(seen[0], 1), seen[1]))
        cut = end - FRAME_SAMPLES // 2
        actions = self._ask_words(turn, "piece", cut)
        if cut - turn.start + self._rules.segment > self._rules.turn_cap:
            turn.ended_at = cut
            self._closing.append(turn)
            actions += self._begin(cut, piece_start=cut)
        else:
            turn.piece_start = cut
            self._recent.clear()
        return actions

    # --- the decoder's queue -----------------------------------------------------------------------------------

    def _ask_words(self, turn: _Turn, purpose: Purpose, end: int | None = None) -> list[Action]:
        self._jobs += 1
        careful = purpose == "pause" and turn.piece_start <= turn.start - self._rules.preroll
        job = Decode(self._jobs, turn.piece_start, self._now if end is None else end, purpose, careful)
        if purpose == "piece":
            turn.pieces[job.job] = None
            pieces = [waiting for waiting in self._waiting if waiting.purpose == "piece"]
            if len(pieces) >= _MAX_WAITING_PIECES:  # the decoder is slower than speech: the oldest words are lost
                self._lose(pieces[0])
        elif turn.pause:
            turn.pause.decode = job.job
        self._waiting.append(job)
        return self._run_next()

    def _lose(self, job: Decode) -> None:
        self._waiting.remove(job)
        for owner in self._unfinished():
            if job.job in owner.pieces:
                owner.pieces[job.job] = ""

    def _run_next(self) -> list[Action]:
        if self._running is not None or not self._waiting:
            return []
        self._running = self._waiting.popleft()
        return [self._running]

    def _show(self, turn: _Turn, text: str) -> list[Action]:
        words = turn.words(text)
        if not words or words == turn.shown:
            return []
        turn.shown = words
        return [Partial(turn.number, words)]

    def _unfinished(self) -> list[_Turn]:
        return [*self._closing, *([self._open] if self._open else [])]

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number
