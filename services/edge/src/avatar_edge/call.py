"""A call: one person, their devices, and the clone that answers them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from avatar_contracts import (
    ErrorRaised,
    Kind,
    SessionClosed,
    TtsChunk,
    VideoFrame,
    ids,
)
from avatar_edge.aec import MicCleaner, echo_expected
from avatar_edge.audio import AudioIn, AudioOut, OwnVoice
from avatar_edge.camera import CameraOut
from avatar_edge.choices import Choices
from avatar_edge.devices.ears import Ears
from avatar_edge.devices.monitor import Monitored
from avatar_edge.dialogue import Dialogue
from avatar_edge.errors import AudioProcessingMissing, CallNotReady
from avatar_edge.jitter import NetworkJitter
from avatar_edge.link import Link
from avatar_edge.listening import MicPublisher
from avatar_edge.pairing import Pairing
from avatar_edge.player import Player
from avatar_edge.playout import Playout
from avatar_edge.rate import RateControl, ceiling_bps
from avatar_edge.real import OwnCamera, RealMe
from avatar_edge.recorder import Recorder
from avatar_edge.screen import Screen
from avatar_edge.seat import Seat
from avatar_edge.settings import EdgeSettings
from avatar_edge.sight import Sight
from avatar_edge.takeover import Takeover
from avatar_edge.video import PictureSession, VideoReceiver
from avatar_edge.wishes import Wishes
from avatar_edge.workers import KINDS, WORDS, Workers
from avatar_runtime import log
from avatar_runtime.bus import Bus
from avatar_runtime.session import Session

_HOUSEKEEPING_S = 0.1

logger = log.get(__name__)


class Call(Wishes, Sight):
    """Owns the session: claims the workers, feeds the microphone, plays voice and face, and knows what was heard.

    Use it as an async context manager. It opens the devices and closes them; the buses stay the caller's.

    Attributes:
        session_id: The session.
    """

    def __init__(
        self,
        bus: Bus,
        settings: EdgeSettings,
        mic: AudioIn,
        speaker: AudioOut,
        camera: CameraOut,
        *,
        webcam: OwnCamera | None = None,
        recorder: Recorder | None = None,
        video_bus: Bus | None = None,
        units: Callable[[int, VideoFrame], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`webcam`: the person's own camera, for `real`; opened and closed with the call.

        `video_bus`: a connection of its own for the picture, so that it never holds up the sound.

        `units`: takes the picture's access units as they come, see `VideoReceiver`. `clock`: the edge clock; that of
        the devices.
        """
        self.session_id = ids.new_session_id()
        self._buses = (bus,) if video_bus is None else (bus, video_bus)
        self._settings = settings
        self._clock = clock
        self._choices = Choices(settings.session_config())
        self._recorder = recorder
        self._session = Session(bus, self.session_id, "edge", epoch=1)
        self._video_session = PictureSession(video_bus, self._session) if video_bus else self._session
        self._jitter = NetworkJitter()
        ceiling = ceiling_bps(settings.width, settings.height, settings.fps, settings.bitrate_bps)
        self._link = Link(
            self._video_session,
            RateControl(ceiling, settings.fps),
            self._jitter,
            face=lambda: self._workers.epoch("face"),
            clock=clock,
        )
        self._pairing = Pairing(1.0 / settings.fps)
        self._playout = Playout(
            speaker.rate,
            frame_wait_s=settings.frame_wait_s,
            starve_s=settings.starve_s,
            target_s=lambda: self._jitter.target_s,
            stalled=lambda: bus.connected and self._link.silent(),
        )
        self._devices = (mic, speaker)
        self._mic = MicPublisher(self._session, mic, recorder.mic if recorder else None)
        self._dialogue = Dialogue(
            self._session,
            self._mic,
            self._playout,
            self._pairing,
            missing=lambda: self._workers.missing,
            guarded=self._mic.guarded,
            clock=clock,
        )
        line = speaker.out if isinstance(speaker, Monitored) else speaker
        # Where a microphone can hear the output, the person's own voice from it would howl.
        own = mic.live if isinstance(mic, OwnVoice) and not line.acoustic else None
        self._real = RealMe(own, webcam, clock=clock)
        if isinstance(speaker, Monitored):
            speaker.withheld = lambda: self._real.on
        self._player = Player(
            self._session,
            bus,
            speaker,
            self._playout,
            self._dialogue.on_change,
            record=recorder.voice if recorder else None,
            played=self._mic.played,
            gain=self._mic.voice_gain if line.acoustic else lambda: 1.0,  # headphones are no part of it
            real=self._real.voice,
            clock=clock,
        )
        self._dialogue.player = self._player
        self._takeover = Takeover(
            self._session,
            self._real,
            self._mic,
            self._playout,
            player=self._player,
            stop=self.stop,
            note=self._note,
            after_s=settings.real_after_s,
            clock=clock,
        )
        self._hear = mic.select if isinstance(mic, Ears) else lambda _: None
        self._obey_mode()
        self._video = VideoReceiver(self._video_session, self._pairing, self._dialogue.on_frame, units)
        self._seat = Seat(
            (self._session, self._video_session), self._dialogue, self._playout, self._video, self._choices
        )
        self._workers = Workers(bus, self.session_id, settings, self._seat, on_round_trip=self._on_round_trip)
        self._screen = Screen(
            camera,
            self._pairing,
            self._playout.playhead,
            width=settings.width,
            height=settings.height,
            fps=settings.fps,
            record=recorder.picture if recorder else None,
            real=self._real.picture,
        )
        self._errors: deque[ErrorRaised] = deque(maxlen=200)
        self._muted = False
        self._closed = False
        self._began_at = 0.0
        self._session.on(ErrorRaised, self._on_error)
        self._session.on(TtsChunk, self._link.sound)

    # --- for the program around it -----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._began_at = self._clock()
        try:
            await self._open()
        except BaseException:
            await self.close("failed")
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close("ended" if error is None else "failed")

    async def ready(self, timeout_s: float = 15.0) -> None:
        """Return once every worker is held and a live picture is shown.

        Raises:
            CallNotReady: Not within `timeout_s`; says what is missing.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._lacks():  # noqa: ASYNC110 - the picture arrives on another thread
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise CallNotReady(f"after {timeout_s:.0f} s the call still lacks {', '.join(self._lacks())}") from None

    def mute(self, on: bool) -> None:
        """The clone hears silence while `on`."""
        self._muted = on
        self._mic.silence("muted", on=on)

    @property
    def muted(self) -> bool:
        """See `mute`."""
        return self._muted

    def need_keyframe(self) -> None:
        """Whoever takes `units` cannot go on without a keyframe; called on the event loop."""
        self._video.need_keyframe()

    # --- start and end -----------------------------------------------------------------------------------------

    async def _open(self) -> None:
        if self._recorder is not None:
            self._recorder.open()
        await self._session.start()
        if self._video_session is not self._session:
            await self._video_session.start()
        await self._video.start()
        self._link.start()
        if problem := await asyncio.to_thread(self._screen.start):
            self._note("camera.missing", problem, "the call goes on without a camera")
        if self._real.camera is not None:
            self._real.camera.open()
        await self._clean_microphone()
        await self._player.start()
        for kind in KINDS:
            self._session.spawn(self._workers.keep(kind), f"{kind} keeper")
        self._session.spawn(self._keep_house(), "housekeeping")
        if self._settings.disclosure:
            self._session.spawn(self._disclose(self._settings.disclosure, self._lacks), "disclosure")
        await self._mic.start()

    async def _clean_microphone(self) -> None:
        settings, (mic, speaker) = self._settings, self._devices
        echo = echo_expected(settings, mic, speaker)
        asked = settings.aec == "on" or settings.noise_suppression or settings.high_pass
        if not echo and not asked:
            return
        try:
            self._mic.cleaner = await asyncio.to_thread(
                MicCleaner,
                speaker.rate,
                echo=echo,
                noise_suppression=settings.noise_suppression,
                high_pass=settings.high_pass,
            )
        except AudioProcessingMissing as error:
            if asked:
                raise
            self._note("echo.missing", str(error), "without headphones the clone hears itself")

    async def close(self, reason: str) -> None:
        """Give the workers back and close the devices; the recording is complete afterwards."""
        if self._closed:
            return
        self._closed = True
        await self._dialogue.close()
        await self._shut(self._mic.close, self._player.close)  # nothing is heard or said from here on
        with contextlib.suppress(Exception):  # the end of a call is no place to fail
            await self._session.publish(SessionClosed(reason=reason))
        await self._session.close()
        await self._workers.release()
        if self._video_session is not self._session:
            await self._video_session.close()
        await self._shut(self._screen.close, self._video.close)
        if self._real.camera is not None:
            await self._shut(self._real.camera.close)
        if self._recorder is not None:
            await self._shut(self._recorder.close)

    @staticmethod
    async def _shut(*closes: Callable[[], None]) -> None:
        """Run each off the event loop; one that fails does not keep the others open."""
        for close in closes:
            try:
                await asyncio.to_thread(close)
            except Exception:
                logger.exception("call.close_failed")

    async def _keep_house(self) -> None:
        connected = True
        told = False
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            self._dialogue.give_up(self._settings.answer_timeout_s)
            if self._recorder is not None and self._recorder.error and not told:
                told = True
                self._note("recording.stopped", self._recorder.error, "the call goes on without it")
            self._takeover.watch(connected=self.connected, whole=not self._lacks())
            if self.connected != connected:
                connected = self.connected
                if connected:
                    await self._player.flush()
                    await self._seat.workers_changed(tuple(self._workers.leases.values()))
                else:
                    self._note("bus.away", "the bus is away", "the idle face is shown until it is back")

    def _lacks(self) -> list[str]:
        missing = [f"a worker for {kind} ({WORDS[kind]})" for kind in self._workers.missing]
        if not missing and not self._pairing.live:
            missing.append("a picture from the face")
        return missing

    async def _on_error(self, event: ErrorRaised) -> None:
        self._errors.append(event)
        if event.turn:
            self._dialogue.ledger.error(event.turn, event.message)

    def trouble(self, code: str, message: str, hint: str) -> None:
        """Tell the person that something is wrong with a device; from any thread, the call goes on."""
        self._note(code, message, hint)

    def _note(self, code: str, message: str, hint: str) -> None:
        """Keep an error that the bus need not or cannot carry."""
        self._errors.append(ErrorRaised(service="edge", code=code, message=message, hint=hint))

    def _on_round_trip(self, kind: Kind, seconds: float, answered: bool) -> None:
        if kind == "tts":
            self._link.round_trip(seconds, answered=answered)
