"""Which frame to draw next, and when: idle life, speech ahead of the playhead, the way from one to the other.

Pure state without clock, thread or pixels: callers pass the time in seconds of any steady clock.

Two clocks meet here. The life clock drives blinks, sway and breath and never jumps: a reply's frame k shows life at
the reply's beginning plus k frames, idle goes on from the last frame that was really shown. The reply clock counts
samples of the sound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from avatar_contracts.tts import TtsChunk
from avatar_face.controls import REST, Mouth, Pose
from avatar_face.idle import Idle
from avatar_face.speech import MAX_START_S, Drawn, Speech

IDLE_RATE = 16_000
PREROLL = 4  # frames of a reply drawn before it plays
AHEAD_S = 0.16  # how far a playing reply is drawn ahead of the playhead
RETURN_FRAMES = 1.5  # how far ahead of the last frame's end idle is drawn again, to be there in time
LATE_S = 0.02  # a frame this far behind the playhead is not worth drawing
HOLD_S = 0.5  # how long idle stands still for a reply that is about to play
EASE_FRAMES = 3  # frames in which the mouth opens from rest or shuts
_ENERGY_SHARE = 0.12  # of the way to the present loudness that liveliness goes per frame

PlayState = Literal["started", "playing", "finished", "stopped"]


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame to draw and the numbers it travels with."""

    reply: int
    pts: int
    rate: int
    mouth: Mouth
    pose: Pose
    last: bool = False


class Timeline:
    """Plans the frames of one session.

    Attributes:
        dropped: Frames that time has passed.
        refused: Chunks whose place or rate could not be right.
    """

    def __init__(self, idle: Idle, fps: int, now: float) -> None:
        self.dropped = 0
        self.refused = 0
        self._idle, self._fps, self._step = idle, fps, 1 / fps
        self._start = now
        self._tick = 0  # next idle frame, counted from the start
        self._life = 0.0
        self._speech: Speech | None = None
        self._next: Speech | None = None  # a reply that arrives while another one still plays
        self._over = 0  # the newest reply that is over: nothing of it or older ones counts any more
        self._over_turn = 0
        self._mouth, self._presence, self._energy = REST, 0, 0.0

    # --- what happens ------------------------------------------------------------------------------------------

    def chunk(self, chunk: TtsChunk, now: float) -> None:
        """Sound of a reply has arrived."""
        if chunk.reply <= self._over or chunk.turn <= self._over_turn:
            return
        if chunk.start > MAX_START_S * chunk.rate:
            self.refused += 1
            return
        speech = self._find(chunk.reply)
        if speech is None:
            if any(other is not None and other.reply > chunk.reply for other in (self._speech, self._next)):
                return  # a newer reply has taken its place
            speech = Speech(chunk, self._fps, now)
            if self._speech is not None and self._speech.playing:
                self._next = speech
            else:
                self._leave(now)
                self._begin(speech, now)
        self.refused += not speech.push(chunk)

    def done(self, reply: int) -> None:
        """All sound of a reply has arrived."""
        if (speech := self._find(reply)) is not None:
            speech.end()

    def cancel_reply(self, reply: int, now: float) -> None:
        """Nothing more of a reply and those before it will be shown."""
        self._over = max(self._over, reply)
        self._drop_over(now)

    def cancel_turn(self, turn: int, now: float) -> None:
        """Nothing more of a turn's replies will be shown."""
        self._over_turn = max(self._over_turn, turn)
        self._drop_over(now)

    def progress(self, reply: int, state: PlayState, played_s: float, now: float) -> None:
        """How far a reply has played."""
        if self._next is not None and self._next.reply == reply and self._speech is not None:
            self._leave(now)
        speech = self._speech
        if speech is None or speech.reply != reply:
            return
        if state in ("started", "playing") or speech.playing:
            speech.progress(played_s, now)
        if state == "stopped" or (state == "finished" and speech.length_s is None):
            self._over = max(self._over, reply)
            self._leave(now)
        # After "finished" the closing frames are still to be seen: the reply ends with its last frame.

    # --- what to draw ------------------------------------------------------------------------------------------

    def shot(self, now: float) -> Shot | None:
        """The frame to draw now, or None; call again until it is None."""
        speech = self._speech
        if speech is not None and speech.lost(now):
            self._leave(now)
            speech = self._speech
        if speech is not None:
            self._skip_late(speech, now)
            if self._ready(speech, now):
                return self._speak(speech)
            if speech.playing:
                if self._finished(speech) and speech.playhead(now) >= (speech.index - RETURN_FRAMES) * self._step:
                    self._over = max(self._over, speech.reply)
                    self._leave(now, shown=speech.index - 1)
                elif self._finished(speech) or speech.playhead(now) < speech.index * self._step:
                    self._catch_up(now)
                    return None
        return self._rest(now)

    def due(self, now: float) -> float:
        """When to ask for a shot again, at the latest."""
        speech = self._speech
        idle = self._start + self._tick * self._step
        if speech is None or not speech.playing:
            return max(idle, now)
        ahead = now + speech.index * self._step - AHEAD_S - speech.playhead(now)
        return max(now + 0.002, min(ahead, now + self._step) if ahead > now else now + self._step / 4)

    # --- inside ------------------------------------------------------------------------------------------------

    def _find(self, reply: int) -> Speech | None:
        return next((s for s in (self._speech, self._next) if s is not None and s.reply == reply), None)

    def _begin(self, speech: Speech, now: float) -> None:
        speech.life, speech.energy, speech.waiting_since = self._life, self._energy, now
        while self._idle.pose(speech.life).blink > 0:  # idle stands still until the reply plays: not with shut eyes
            speech.life += self._step
        self._speech = speech

    def _drop_over(self, now: float) -> None:
        def over(speech: Speech | None) -> bool:
            return speech is not None and (speech.reply <= self._over or speech.turn <= self._over_turn)

        if over(self._next):
            self._next = None
        if over(self._speech):
            self._leave(now)

    def _leave(self, now: float, shown: int | None = None) -> None:
        """Go on from what was really shown, frame `shown` or the one at the playhead: life, mouth and liveliness."""
        speech, self._speech = self._speech, None
        if speech is not None and speech.playing:
            if shown is None:
                shown = min(int(speech.playhead(now) / self._step), speech.index - 1)
            if speech.drawn:
                frame = min(speech.drawn, key=lambda drawn: abs(drawn.index - shown))
                self._mouth, self._presence, self._energy = frame.mouth, frame.presence, frame.energy
            self._life = speech.life + max(0, shown + 1 - speech.first) * self._step
        elif speech is not None:
            self._mouth, self._presence, self._energy = REST, 0, speech.energy
        self._catch_up(now)
        if self._next is not None:
            self._begin(self._next, now)
            self._next = None

    def _catch_up(self, now: float) -> int:
        """Leave out the idle frames that time has passed; returns how many."""
        missed = math.ceil((now - self._start) * self._fps - 1e-6) - self._tick
        self._tick += max(0, missed)
        return max(0, missed)

    def _end_index(self, speech: Speech) -> int | None:
        """The reply's last frame: the mouth is shut by then."""
        if speech.length_s is None:
            return None
        return math.ceil(speech.length_s * self._fps) + EASE_FRAMES - 1

    def _finished(self, speech: Speech) -> bool:
        end = self._end_index(speech)
        return end is not None and speech.index > end

    def _skip_late(self, speech: Speech, now: float) -> None:
        if not speech.playing:
            return
        first = math.ceil((speech.playhead(now) - LATE_S) * self._fps)
        end = self._end_index(speech)
        first = first if end is None else min(first, end)
        known = math.floor(speech.ready_s * self._fps) if speech.length_s is None else first
        if (first := min(first, known)) > speech.index:
            self.dropped += first - speech.index
            speech.index = first

    def _ready(self, speech: Speech, now: float) -> bool:
        """Whether the reply's next frame is both known and wanted."""
        at = speech.index * self._step
        if self._finished(speech) or at > speech.ready_s:
            return False
        return at <= speech.playhead(now) + AHEAD_S if speech.playing else speech.index - speech.first < PREROLL

    def _speak(self, speech: Speech) -> Shot:
        index, end = speech.index, self._end_index(speech)
        at = index * self._step
        sounding = end is None or index <= end - EASE_FRAMES
        self._presence += 1 if sounding else -1
        self._presence = min(max(self._presence, 0), EASE_FRAMES)
        loud = speech.loudness(at) if sounding else 0.0
        self._energy += _ENERGY_SHARE * (loud - self._energy)
        if sounding:
            self._mouth = speech.mouth(at)
        last = index == end
        mouth = REST if last else self._mouth.scaled(self._presence / EASE_FRAMES)
        if last:
            self._mouth, self._presence = REST, 0
        speech.drawn.append(Drawn(index, self._mouth, self._presence, self._energy))
        speech.index += 1
        pose = self._idle.pose(speech.life + at - speech.first * self._step, self._energy)
        return Shot(speech.reply, round(index * speech.rate / self._fps), speech.rate, mouth, pose, last)

    def _rest(self, now: float) -> Shot | None:
        """An idle frame, when its time has come."""
        if now < self._start + self._tick * self._step - 1e-6:
            return None
        missed = self._catch_up(now - self._step)
        self.dropped += missed
        pts = self._tick * IDLE_RATE // self._fps
        self._tick += 1
        speech, passed = self._speech, (missed + 1) * self._step
        if speech is not None and not speech.playing and speech.drawn:
            # The reply's first frames wait to be played: stand where they begin.
            held = now - speech.waiting_since < HOLD_S
            self._life = min(self._life + passed, max(self._life, speech.life)) if held else self._life + passed
            return Shot(0, pts, IDLE_RATE, REST, self._idle.pose(self._life, speech.energy))
        self._presence = max(0, self._presence - 1)
        self._energy *= 1 - _ENERGY_SHARE
        if speech is not None and speech.playing:  # its sound is late: the mouth shuts meanwhile, life goes on
            life = speech.life + (speech.index - speech.first) * self._step
            speech.life += passed
        else:
            life = self._life
            self._life += passed
        mouth = self._mouth.scaled(self._presence / EASE_FRAMES) if self._presence else REST
        return Shot(0, pts, IDLE_RATE, mouth, self._idle.pose(life, self._energy))
