"""One session's face: hears the voice and the edge, shows the picture."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from avatar_contracts import (
    PlaybackProgress,
    ReplyCancelled,
    TtsChunk,
    TtsDone,
    TurnCancel,
    VideoAck,
    VideoFrame,
    VideoKeyframe,
    VideoRate,
)
from avatar_contracts.errors import PayloadTooLarge
from avatar_face import framing
from avatar_face.encode import Encoder, H264Encoder, JpegEncoder
from avatar_face.errors import PhotoError, SizeError
from avatar_face.idle import Idle
from avatar_face.stage import Rendered, Stage
from avatar_face.timeline import Timeline
from avatar_runtime import log, metrics, semconv, telemetry

if TYPE_CHECKING:
    from avatar_face.avatars import Avatars
    from avatar_face.engines.base import FaceAnimator
    from avatar_face.settings import FaceSettings
    from avatar_runtime.session import Session

_QUEUE = 8  # frames between the render thread and the bus; twice the credit window
_FIRST_FRAME_S = 2.0  # a reply whose first frame takes longer than this is traced as without one

logger = log.get(__name__)
_first = metrics.histogram(
    "avatar_face_first_frame_seconds", "From a reply's first sound to its first frame", buckets=metrics.CHUNK_S
)


class Animator:
    """Worker of one session. Handlers only pass on what happened; the stage's thread does all the work."""

    def __init__(self, session: Session, avatars: Avatars, settings: FaceSettings) -> None:
        self._session, self._avatars, self._settings = session, avatars, settings
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[Rendered] = asyncio.Queue(_QUEUE)
        self._first: dict[int, asyncio.Event] = {}
        self._newest = 0
        video = session.claim.config.video
        self._width, self._height = video.width or settings.width, video.height or settings.height
        self._bitrate_bps = video.bitrate_bps or settings.bitrate_bps
        self._codec = "jpeg" if "jpeg" in (video.codec, settings.codec) else "h264"
        seed = settings.seed or random.getrandbits(32)
        self._stage = Stage(
            prepare=self._prepare,
            timeline=lambda now: Timeline(Idle(seed), settings.fps, now),
            emit=lambda frame: self._call(self._deliver, frame),
            failed=lambda code, error: self._call(self._report, code, error),
            busy=session.busy,
        )
        session.on(TtsChunk, self.on_chunk)
        session.on(TtsDone, self.on_done)
        session.on(ReplyCancelled, self.on_reply_cancelled)
        session.on(TurnCancel, self.on_turn_cancel)
        session.on(PlaybackProgress, self.on_progress)
        session.on(VideoAck, self.on_ack)
        session.on(VideoKeyframe, self.on_keyframe)
        session.on(VideoRate, self.on_rate)
        session.spawn(self._send(), "frames")
        self._stage.start()

    async def close(self) -> None:
        """End the render thread and free the face."""
        await asyncio.to_thread(self._stage.stop)

    # --- what happens ------------------------------------------------------------------------------------------

    async def on_chunk(self, event: TtsChunk) -> None:
        """Sound to move the lips to."""
        if event.reply > self._newest:
            self._newest = event.reply
            self._session.spawn(self._trace_first_frame(event), "first frame")
        self._stage.post(lambda stage, at: stage.timeline.chunk(event, at))

    async def on_done(self, event: TtsDone) -> None:
        """The reply's sound is complete."""
        self._stage.post(lambda stage, _: stage.timeline.done(event.reply, event.samples))

    async def on_reply_cancelled(self, event: ReplyCancelled) -> None:
        """Shut the mouth."""
        self._stage.post(lambda stage, at: stage.timeline.cancel_reply(event.reply, at))

    async def on_turn_cancel(self, event: TurnCancel) -> None:
        """Shut the mouth."""
        self._stage.post(lambda stage, at: stage.timeline.cancel_turn(event.turn, at))

    async def on_progress(self, event: PlaybackProgress) -> None:
        """Where the playhead is."""
        self._stage.post(
            lambda stage, at: stage.timeline.progress(event.reply, event.state, event.played / event.rate, at)
        )

    async def on_ack(self, event: VideoAck) -> None:
        """Credit for more frames; how long it took tells how far away the edge is."""

        def pay(stage: Stage, at: float) -> None:
            stage.credit.acked(event.upto, at)
            stage.timeline.far(stage.credit.trip_s)

        self._stage.post(pay)

    async def on_rate(self, event: VideoRate) -> None:
        """What the link carries."""
        self._stage.post(lambda stage, _: stage.limit(event.bitrate_bps, event.fps))

    async def on_keyframe(self, event: VideoKeyframe) -> None:
        """The edge cannot decode without a keyframe."""

        def ask(stage: Stage, _at: float) -> None:
            stage.wants_keyframe = True

        self._stage.post(ask)

    # --- in the render thread ----------------------------------------------------------------------------------

    def _prepare(self) -> tuple[FaceAnimator, Encoder]:
        name = self._session.claim.config.face
        try:
            framing.check_size(self._width, self._height)
        except SizeError as error:
            self._call(self._report, "face.format", error)
            self._width, self._height = self._settings.width, self._settings.height
        try:
            face = self._avatars.open(name, self._width, self._height)
        except PhotoError as error:
            if not name:
                raise
            self._call(self._report, f"face.{error.code}", error)
            face = self._avatars.open("", self._width, self._height)
        if self._codec == "jpeg":
            return face, JpegEncoder(self._settings.jpeg_quality)
        return face, H264Encoder(face.width, face.height, self._settings.fps, self._bitrate_bps)

    def _call(self, function: object, *args: object) -> None:
        """Run a method on the event loop, unless that has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)  # type: ignore[arg-type]

    # --- on the event loop -------------------------------------------------------------------------------------

    def _deliver(self, frame: Rendered) -> None:
        if self._frames.full():  # the bus takes nothing: start again with a keyframe when it does
            while not self._frames.empty():
                self._frames.get_nowait()
                self._stage.post(lambda stage, _: stage.credit.withdrawn())
            self._stage.post(self._restart)
        self._frames.put_nowait(frame)

    @staticmethod
    def _restart(stage: Stage, _at: float) -> None:
        stage.wants_keyframe = True

    def _report(self, code: str, error: Exception) -> None:
        logger.error(code, exc_info=error)
        hint = "the picture goes on when the next frame can be drawn" if code == "face.frame" else ""
        self._session.spawn(self._session.report(code, str(error), hint), "report")

    async def _send(self) -> None:
        while True:
            frame = await self._frames.get()
            shot = frame.shot
            event = VideoFrame(
                reply=shot.reply, pts=shot.pts, rate=shot.rate, codec=frame.codec, keyframe=frame.keyframe,
                width=frame.width, height=frame.height, data=frame.data, last=shot.last,
                sent_ms=round(time.perf_counter() * 1000),
            )  # fmt: skip
            try:
                await self._session.publish(event)
            except PayloadTooLarge as error:
                self._stage.post(lambda stage, _: stage.credit.withdrawn())
                self._stage.post(self._restart)
                self._report("face.frame_size", error)
            if shot.reply and (first := self._first.pop(shot.reply, None)):
                first.set()

    async def _trace_first_frame(self, event: TtsChunk) -> None:
        started = self._loop.time()
        self._first = {event.reply: asyncio.Event()}
        waiting = self._first[event.reply]
        with telemetry.span(semconv.FACE_FIRST_FRAME, **{semconv.TURN: event.turn, semconv.REPLY: event.reply}):
            try:
                async with asyncio.timeout(_FIRST_FRAME_S):
                    await waiting.wait()
            except TimeoutError:
                return
        metrics.observe(_first, self._loop.time() - started)
