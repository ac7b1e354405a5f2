"""Which frame to draw next, and when: idle life, speech ahead of the playhead, the way from one to the other.

Pure state without clock, thread or pixels: callers pass the time in seconds of any steady clock.

Several replies may be known at once: one that plays or is held silent, drafts that wait to be allowed. One of them is
drawn, the others only listen to their sound. That one ends says nothing about the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from avatar_contracts.tts import TtsChunk
from avatar_face.bearing import Bearing, Poise
from avatar_face.controls import Mouth, Pose
from avatar_face.idle import Idle
from avatar_face.look import EASE_FRAMES, Look
from avatar_face.speech import MAX_START_S, Drawn, Speech
from avatar_face.ticks import IDLE_RATE, Thinning, Ticks
from avatar_runtime.over import Over

PREROLL = 4  # frames of a reply drawn before it plays
FRESH_S = 4.0  # they are drawn anew after this long, which an edge takes as a return to the reply's beginning
AHEAD_S = 0.16  # how far a playing reply is drawn ahead of the playhead, on a short link
FAR_S = 0.5  # the same on the longest
RETURN_FRAMES = 1.5  # how far ahead of the last frame's end idle is drawn again, to be there in time
LATE_S = 0.02  # a frame this far behind the playhead is not worth drawing
_MARGIN_S = 0.06  # frames are to be there this long before they are shown
REWIND_S = 0.8  # a playhead this far behind what was drawn has been set back; less may be a supply that stalled
MOST_REPLIES = 8

PlayState = Literal["started", "playing", "held", "finished", "stopped"]


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
        thinning: Which frames are left out.
    """

    def __init__(self, idle: Idle, fps: int, now: float) -> None:
        self.dropped = 0
        self.refused = 0
        self.thinning = Thinning(fps)
        self._fps, self._step = fps, 1 / fps
        self._ahead_s, self._preroll = AHEAD_S, PREROLL
        self._ticks = Ticks(now, fps, self.thinning)
        self._bearing, self._poise = Bearing(idle, now), Poise()
        self._speeches: dict[int, Speech] = {}
        self._speech: Speech | None = None  # the one that plays, is held, or is prepared to play
        self._newest_played = 0
        self._over, self._over_turns = Over(0), Over(-1)
        self._look = Look()
        self._seen = (self._bearing.pose(now, 0.0), now, 0.0)  # a pose, when it was seen, and its liveliness

    # --- what happens ------------------------------------------------------------------------------------------

    def chunk(self, chunk: TtsChunk, now: float) -> None:
        """Sound of a reply has arrived."""
        if chunk.reply in self._over or chunk.turn in self._over_turns:
            return
        speech = self._speeches.get(chunk.reply)
        if speech is None:
            if chunk.start > MAX_START_S * chunk.rate:
                self.refused += 1
                return
            self._make_room()
            speech = self._speeches[chunk.reply] = Speech(chunk, self._fps)
        self.refused += not speech.push(chunk)
        self._prepare()

    def done(self, reply: int, samples: int) -> None:
        """A reply's sound is `samples` long in all."""
        if (speech := self._speeches.get(reply)) is not None:
            speech.end(samples)

    def cancel_reply(self, reply: int, now: float) -> None:
        """Nothing more of a reply will be shown."""
        self._over.add(reply)
        self._drop(reply, now)

    def cancel_turn(self, turn: int, now: float) -> None:
        """Nothing more of a turn's replies will be shown."""
        self._over_turns.add(turn)
        for reply in [speech.reply for speech in self._speeches.values() if speech.turn == turn]:
            self._drop(reply, now)

    def progress(self, reply: int, state: PlayState, played_s: float, now: float) -> None:
        """How far a reply has played."""
        speech = self._speeches.get(reply)
        if state == "stopped" or (state == "finished" and (speech is None or speech.state != "playing")):
            self.cancel_reply(reply, now)
        elif speech is not None and state == "held":
            if speech.state == "playing":
                speech.play(played_s, now)
                self._let_rest(speech, now)
            elif speech.state == "resting":
                speech.rest(now)
        elif speech is not None:
            self._play(speech, played_s, now)
            speech.finished = state == "finished"
            if speech.finished and speech.length_s is None:
                self.cancel_reply(reply, now)
            # Otherwise its closing frames are still to be seen: the reply ends with its last frame.

    def far(self, trip_s: float) -> None:
        """The edge hears of a frame, and the face of its playhead, `trip_s` after the fact: draw so much earlier."""
        self._ahead_s = min(FAR_S, max(AHEAD_S, trip_s + _MARGIN_S))
        self._preroll = max(PREROLL, math.ceil(self._ahead_s * self._fps - 1e-6))

    # --- what to draw ------------------------------------------------------------------------------------------

    def shot(self, now: float) -> Shot | None:
        """The frame to draw now, or None; call again until it is None."""
        self._notice_silence(now)
        speech = self._speech
        if speech is not None:
            if speech.state == "playing":
                self._skip_late(speech, now)
            elif speech.state == "waiting" and now - speech.begun_at > FRESH_S:
                self._begin(speech, now)
            if self._ready(speech, now):
                return self._speak(speech, now)
            if self._ends(speech, now):
                self._let_rest(speech, now, shown=speech.index - 1)
                self.cancel_reply(speech.reply, now)
            elif speech.covered(now):
                self._ticks.catch_up(now)
                return None
        return self._rest(now)

    def due(self, now: float) -> float:
        """When to ask for a shot again, at the latest."""
        speech = self._speech
        idle = self._ticks.due
        if speech is None or speech.state != "playing":
            return max(idle, now)
        ahead = now + speech.index * self._step - self._ahead_s - speech.playhead(now)
        wanted = min(ahead, now + self._step) if ahead > now else now + self._step / 4
        return max(now + 0.002, wanted if speech.covered(now) else min(wanted, idle))

    # --- replies come and go -----------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Forget the oldest reply that is not drawn, when there are too many; it may still be seen later on."""
        if len(self._speeches) >= MOST_REPLIES:
            drawn = self._speech.reply if self._speech is not None else 0
            del self._speeches[min(reply for reply in self._speeches if reply != drawn)]

    def _prepare(self) -> None:
        """Turn to the newest reply that waits, unless one plays or is held.

        One that was overtaken is not expected to play any more. It may all the same: then it is drawn from there on.
        """
        current = self._speech
        newest = max(self._speeches.values(), key=lambda speech: speech.reply, default=None)
        if newest is None or newest is current or newest.state != "waiting" or newest.reply < self._newest_played:
            return
        if current is not None and current.state != "waiting":
            return
        self._speech = newest

    def _begin(self, speech: Speech, now: float) -> None:
        """Draw the first frames as if it played from now on, with open eyes."""
        speech.index, speech.begun_at = speech.first, now
        speech.awake_from = now + self._preroll * self._step
        speech.look = Look(energy=self._look.energy)
        speech.drawn.clear()

    def _play(self, speech: Speech, played_s: float, now: float) -> None:
        """The playhead of a reply is here: begin, go on, or go back to it."""
        if speech is not self._speech:
            if self._speech is not None and self._speech.state == "playing":
                self._let_rest(self._speech, now)
            self._speech = speech
        if speech.state == "playing" and speech.index * self._step - played_s > REWIND_S + self._ahead_s - AHEAD_S:
            self._let_rest(speech, now)
        self._poise.release()
        was, speech_now = speech.state, now - played_s  # the caller's time at the reply's beginning
        speech.play(played_s, now)
        self._newest_played = max(self._newest_played, speech.reply)
        if was == "playing":
            return
        if was == "waiting" and speech.drawn:
            frame = speech.drawn[-1]
            self._bearing.go_on(frame.pose, speech_now + frame.index * self._step, frame.look.energy)
            speech.awake_from = speech_now + speech.index * self._step
        else:
            self._go_on()
            speech.look = self._look
            speech.index = math.ceil(played_s * self._fps - 1e-6)

    def _drop(self, reply: int, now: float) -> None:
        """Leave a reply for good."""
        speech = self._speeches.pop(reply, None)
        if speech is None or speech is not self._speech:
            return
        if speech.state == "playing":
            self._let_rest(speech, now)
        self._speech = None
        self._prepare()

    def _let_rest(self, speech: Speech, now: float, shown: int | None = None) -> None:
        """Go on from what was really shown of it, frame `shown` or the one at the playhead, and shut the mouth."""
        if shown is None:
            shown = int(speech.playhead(now) / self._step)
        if speech.drawn:
            frame = min(speech.drawn, key=lambda drawn: abs(drawn.index - shown))
            self._look = frame.look
            self._seen = (frame.pose, now, frame.look.energy)
            self._go_on()
        else:
            self._look = speech.look
        speech.drawn.clear()
        speech.rest(now)
        self._ticks.catch_up(now)

    def _go_on(self) -> None:
        """Whatever comes next follows from what was seen."""
        self._bearing.go_on(*self._seen)

    def _notice_silence(self, now: float) -> None:
        """An edge that tells nothing plays nothing; what it held that long it will not play."""
        speech = self._speech
        if speech is None or not speech.lost(now):
            return
        if speech.finished:
            self.cancel_reply(speech.reply, now)
        elif speech.state == "playing":
            self._let_rest(speech, now)
        else:
            self._drop(speech.reply, now)

    # --- frames ------------------------------------------------------------------------------------------------

    def _skip_late(self, speech: Speech, now: float) -> None:
        first = math.ceil((speech.playhead(now) - LATE_S) * self._fps)
        end = speech.end_index
        first = first if end is None else min(first, end)
        known = math.floor(speech.ready_s * self._fps) if speech.length_s is None else first
        if (first := min(first, known)) > speech.index:
            self.dropped += first - speech.index
            speech.index = first

    def _ready(self, speech: Speech, now: float) -> bool:
        """Whether the reply's next frame is both known and wanted."""
        self._thin(speech)
        at = speech.index * self._step
        if at > speech.ready_s or speech.drawn_whole:
            return False
        if speech.state == "playing":
            return at <= speech.playhead(now) + self._ahead_s
        # Of one that this face joins in its middle nobody knows yet where it will play.
        return speech.state == "waiting" and not speech.first and speech.index < self._preroll

    def _thin(self, speech: Speech) -> None:
        """Leave out what is not wanted of a reply's next frames, but never its last one."""
        wanted, end = self.thinning.next(speech.index), speech.end_index
        if end is None or speech.index <= end:
            speech.index = wanted if end is None else min(wanted, end)

    def _ends(self, speech: Speech, now: float) -> bool:
        """Whether the last frame is about to have been seen."""
        seen = speech.state == "playing" and speech.drawn_whole
        early_s = RETURN_FRAMES * self._step + self._ahead_s - AHEAD_S
        return seen and speech.playhead(now) >= speech.index * self._step - early_s

    def _speak(self, speech: Speech, now: float) -> Shot:
        index, end = speech.index, speech.end_index
        at = index * self._step
        if speech.state == "playing":
            seen = now + at - speech.playhead(now)
        else:
            seen = speech.begun_at + at
        last = index == end
        if end is None or index <= end - EASE_FRAMES:
            look = speech.look.speaking(speech.mouth(at), speech.loudness(at))
        else:
            look = speech.look.closing()
        if last:
            look = Look(energy=look.energy)
        pose = self._bearing.pose(seen, look.energy, speech.awake_from)
        speech.look = look
        speech.drawn.append(Drawn(index, look, pose))
        speech.index += 1
        return Shot(speech.reply, round(index * speech.rate / self._fps), speech.rate, look.shown, pose, last)

    def _rest(self, now: float) -> Shot | None:
        """An idle frame, when its time has come."""
        if now < self._ticks.due - 1e-6:
            return None
        self.dropped += self._ticks.catch_up(now - self._step)
        pts, seen = self._ticks.pts, self._ticks.due
        self._ticks.advance()
        speech = self._speech
        if speech is not None and speech.state == "playing":  # its sound is late: the mouth shuts meanwhile
            look = speech.look = speech.look.closing()
            speech.drawn.clear()
        else:
            look = self._look = self._look.closing()
        first = speech.drawn[0].pose if speech is not None and speech.state == "waiting" and speech.drawn else None
        pose = self._poise.pose(self._bearing.pose(seen, look.energy), first)
        self._seen = (pose, seen, look.energy)
        return Shot(0, pts, IDLE_RATE, look.shown, pose)
