"""The render thread of one session: asks the timeline what to draw, draws and encodes it, hands it over."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from avatar_contracts.session import VideoCodec
from avatar_face.credit import Credit
from avatar_face.encode import Encoder
from avatar_face.engines.base import FaceAnimator
from avatar_face.timeline import Shot, Timeline
from avatar_runtime import log, metrics

MAX_PENDING = 512  # commands; more means the thread hangs, and the oldest are worth nothing any more
_POLL_S = 0.01
_STOP_S = 1.0  # a face that is being prepared or hangs is not waited for longer: its thread ends when it can

logger = log.get(__name__)
_seconds = metrics.histogram("avatar_face_frame_seconds", "Time per frame", ["stage"], buckets=metrics.FRAME_S)
_frames = metrics.counter("avatar_face_frames_total", "Frames of the face", ["outcome"])
_refused = metrics.counter("avatar_face_chunks_refused_total", "Chunks whose place or rate could not be right")
_SENT, _DROPPED, _FAILED = (_frames.labels(outcome) for outcome in ("sent", "dropped", "failed"))
_RENDER, _ENCODE = _seconds.labels("render"), _seconds.labels("encode")


@dataclass(frozen=True, slots=True)
class Rendered:
    """An encoded frame on its way out."""

    shot: Shot
    codec: VideoCodec
    keyframe: bool
    width: int
    height: int
    data: bytes


Command = Callable[["Stage", float], None]
"""Something that happened: called in the render thread with the stage and the time it arrived, in seconds."""


class Stage:
    """Owns a face, its encoder and its timeline in one thread. Time is `time.perf_counter` throughout."""

    def __init__(
        self,
        prepare: Callable[[], tuple[FaceAnimator, Encoder]],
        timeline: Callable[[float], Timeline],
        emit: Callable[[Rendered], None],
        failed: Callable[[str, Exception], None],
        busy: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`prepare` may take seconds; it and everything after it runs in the thread.

        `emit` and `failed` are called in the thread. `busy` wraps the work on each frame.
        """
        self._prepare, self._make_timeline, self._emit, self._failed, self._busy = prepare, timeline, emit, failed, busy
        self._commands: deque[tuple[Command, float]] = deque(maxlen=MAX_PENDING)
        self._wake = threading.Event()
        self._stopping = False
        self._failing = False
        self._dropped = self._refused = 0
        self._thread = threading.Thread(target=self._run, name="face stage", daemon=True)
        self.timeline: Timeline
        self.credit = Credit()
        self.wants_keyframe = True
        self._limit: tuple[int, int] | None = None

    def start(self) -> None:
        """Begin to draw."""
        self._thread.start()

    def post(self, command: Command) -> None:
        """Have a command run in the thread, soon and in order. May be called from any thread."""
        self._commands.append((command, time.perf_counter()))
        self._wake.set()

    def limit(self, bitrate_bps: int, fps: int) -> None:
        """What the link carries from the next frame on; called in the thread."""
        self.timeline.thinning.want(fps)
        self._limit = (bitrate_bps, fps)

    def stop(self) -> None:
        """End the thread and wait a moment until it has; called off the event loop."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)
            if self._thread.is_alive():
                logger.warning("face.still_busy", waited_s=_STOP_S)

    def _run(self) -> None:
        try:
            face, encoder = self._prepare()
        except Exception as error:
            self._failed("face.prepare", error)
            return
        now = time.perf_counter()
        self.timeline = self._make_timeline(now)
        self.credit = Credit(now, self.timeline.thinning.fps)
        while not self._stopping:
            try:
                self._step(face, encoder)
            except Exception as error:  # one bad event or frame must not end the picture
                _FAILED.inc()
                if not self._failing:  # once per change of state
                    self._failing = True
                    self._failed("face.frame", error)
                self._wake.wait(_POLL_S)

    def _step(self, face: FaceAnimator, encoder: Encoder) -> None:
        """Take in what happened, then draw the frame that is due or wait for it."""
        self._wake.clear()
        while self._commands:
            command, at = self._commands.popleft()
            command(self, at)
        now = time.perf_counter()
        if not self.credit.allows(now):
            self._wake.wait(_POLL_S)
            return
        shot = self.timeline.shot(now)
        self._count()
        if shot is None:
            self._wake.wait(max(0.0, self.timeline.due(now) - time.perf_counter()))
        else:
            self._draw(face, encoder, shot)

    def _count(self) -> None:
        timeline = self.timeline
        _DROPPED.inc(timeline.dropped - self._dropped)
        _refused.inc(timeline.refused - self._refused)
        self._dropped, self._refused = timeline.dropped, timeline.refused

    def _draw(self, face: FaceAnimator, encoder: Encoder, shot: Shot) -> None:
        began = time.perf_counter()
        if self._limit is not None:
            encoder.limit(*self._limit)
            self._limit = None
        with self._busy():
            picture = face.render(shot.mouth, shot.pose)
            drawn = time.perf_counter()
            data, keyframe = encoder.encode(picture, keyframe=self.wants_keyframe)
        self._failing = self.wants_keyframe = False
        now = time.perf_counter()
        _RENDER.observe(drawn - began)
        _ENCODE.observe(now - drawn)
        self.credit.sent(now)
        _SENT.inc()
        self._emit(Rendered(shot, encoder.codec, keyframe, face.width, face.height, data))
