"""What the clone hears: the person's own microphone, the meeting, or both; two sources, kept apart until here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

import numpy as np

from avatar_contracts.session import Mode
from avatar_edge.audio import FRAME, MIC_RATE, AudioIn, LiveVoice, MicBlock, OwnVoice, Pcm
from avatar_edge.devices.drift import Elastic

Choice = Literal["auto", "mic", "meeting", "both"]
_FRAME_S = FRAME / MIC_RATE
_SOUND = 64
"""A sample above this, -54 dBFS, is sound; a meeting without any is digital silence or the hiss of a converter."""
_MEETING_S = 60.0


class Ears:
    """One microphone made of two; both are open all the time, so that a change of mode opens no device.

    In `repeat` mode it is the person's own words that are spoken, whatever is chosen; otherwise what is chosen. Where
    nothing is, the person is heard until the meeting makes a sound, and from then on the meeting, until it has been
    silent for a minute. For ``both`` the meeting is mixed into the microphone at the microphone's pace.

    Attributes:
        acoustic: What is heard now can hear a loudspeaker.
    """

    def __init__(self, mic: AudioIn, meeting: AudioIn, choice: Choice = "auto", mode: Mode = "converse") -> None:
        self._mic = mic
        self._meeting = meeting
        self._choice: Choice = choice
        self._lock = threading.Lock()
        self._deliver: Callable[[MicBlock], None] = lambda _: None
        self._mixed = Elastic(MIC_RATE, MIC_RATE, target_s=0.04)
        self._mode = mode
        self._sounded_at = -_MEETING_S
        self._start = 0
        self._shift = 0
        self._next_at = 0.0

    @property
    def acoustic(self) -> bool:
        """See `AudioIn.acoustic`: of either, for the mode may change."""
        return self._mic.acoustic or self._meeting.acoustic

    @property
    def heard(self) -> Literal["mic", "meeting", "both"]:
        """What is heard now."""
        if self._mode == "repeat":
            return "mic"
        if self._choice == "auto":
            return "meeting" if time.perf_counter() - self._sounded_at < _MEETING_S else "mic"
        return self._choice

    @property
    def live(self) -> LiveVoice:
        """See `OwnVoice.live`: always the person's own microphone."""
        return self._mic.live if isinstance(self._mic, OwnVoice) else _Silence()

    def select(self, mode: Mode) -> None:
        """Hear what `mode` calls for; from any thread."""
        self._mode = mode

    def open(self, deliver: Callable[[MicBlock], None]) -> None:
        """See `AudioIn.open`."""
        self._deliver = deliver
        self._next_at = time.perf_counter()
        self._mic.open(self._from_mic)
        self._meeting.open(self._from_meeting)

    def close(self) -> None:
        """See `AudioIn.close`."""
        self._mic.close()
        self._meeting.close()

    def voiced_end(self, heard: int, margin: int) -> int | None:
        """See `AudioIn.voiced_end`."""
        source = self._meeting if self.heard == "meeting" else self._mic
        known = source.voiced_end(heard - self._shift, margin)
        return None if known is None else known + self._shift

    def _from_mic(self, block: MicBlock) -> None:
        heard = self.heard
        if heard == "both":
            mixed = block.pcm.astype(np.int32) + self._mixed.pull(FRAME)
            self._give(block._replace(pcm=np.clip(mixed, -32_768, 32_767).astype(np.int16)))
        elif heard == "mic":
            self._give(block)

    def _from_meeting(self, block: MicBlock) -> None:
        if np.max(np.abs(block.pcm.astype(np.int32))) > _SOUND:
            self._sounded_at = time.perf_counter()
        heard = self.heard
        if heard == "both":
            self._mixed.push(block.pcm)
        elif heard == "meeting":
            self._give(block)

    def _give(self, block: MicBlock) -> None:
        """Frames of either source in one row: one that overlaps what the other has given already is left out."""
        with self._lock:
            if block.at < self._next_at - _FRAME_S / 2.0:
                return
            start, self._start = self._start, self._start + FRAME
            self._shift = start - block.start
            self._next_at = block.at + _FRAME_S
            self._deliver(block._replace(start=start))


class _Silence:
    def read(self, count: int, rate: int) -> Pcm:
        return np.zeros(count, np.int16)
