"""The devices of this machine as the setup tries them: each for a few seconds, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import cv2
import numpy as np
import soxr

from avatar_cli.setup.meter import Meter
from avatar_edge import EdgeSettings
from avatar_edge.audio import MicBlock, Pcm
from avatar_edge.devices import cables
from avatar_edge.devices.catalogue import Device, System, Table, Use, find
from avatar_edge.devices.loudspeaker import PortAudioOut
from avatar_edge.devices.microphone import PortAudioMic
from avatar_edge.devices.portaudio import PortAudio
from avatar_edge.devices.virtual_camera import VirtualCamera
from avatar_edge.errors import DeviceMissing
from avatar_edge.pacing import PacedThread
from avatar_edge.picture import Picture, blank, from_bgr
from avatar_tts.engines.espeak import EspeakEngine
from avatar_tts.settings import EspeakSettings

SENTENCE = "Hello. This is your digital clone, speaking through the virtual microphone."
_LOOK_S = 0.1
_TAIL_S = 0.5
_FPS = 25


class Machine(Protocol):
    """What the setup needs of a machine."""

    def table(self) -> Table:
        """Its sound devices."""

    def listen(self, use: Use, selector: str, seconds: float, show: Callable[[Meter], None]) -> Meter:
        """Hear a device; `show` is called ten times a second. Raises `DeviceMissing`."""

    def speak(self, selector: str) -> Meter | None:
        """Say a sentence into a device; what arrived at its other end, None where that cannot be heard."""

    def picture(self, settings: EdgeSettings, until: Callable[[], None]) -> str:
        """Show a test picture in the virtual camera until `until` returns; its name. Raises `CameraError`."""


class RealMachine:
    """See `Machine`: PortAudio and the virtual camera's driver."""

    def __init__(self, portaudio: PortAudio) -> None:
        self._portaudio = portaudio

    def table(self) -> Table:
        """See `Machine.table`."""
        return self._portaudio.table()

    def listen(self, use: Use, selector: str, seconds: float, show: Callable[[Meter], None]) -> Meter:
        """See `Machine.listen`."""
        device = find(selector, use, self.table())
        with self._hearing(device) as meter:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(_LOOK_S)
                show(meter)
        return meter

    def speak(self, selector: str) -> Meter | None:
        """See `Machine.speak`."""
        table = self.table()
        device = find(selector, "speaker", table)
        far = other_end(device, table)
        out = PortAudioOut(self._portaudio, lambda table: find(selector, "speaker", table), acoustic=False)
        said = _Once(spoken(out.rate))
        if far is None:
            self._play(out, said)
            return None
        with self._hearing(far) as meter:
            self._play(out, said)
        return meter

    def picture(self, settings: EdgeSettings, until: Callable[[], None]) -> str:
        """See `Machine.picture`."""
        camera = VirtualCamera(settings.camera, settings.camera_width, settings.camera_height)
        camera.open(settings.width, settings.height, settings.fps)
        frames = moving_card(settings.camera_width, settings.camera_height)
        pace = PacedThread("test-picture", 1 / _FPS, lambda index, due: camera.push(frames[index % len(frames)], due))
        pace.start()
        try:
            until()
        finally:
            pace.stop()
            camera.close()
        return camera.name

    @contextmanager
    def _hearing(self, device: Device) -> Iterator[Meter]:
        meter = Meter()
        refused: list[str] = []
        mic = PortAudioMic(self._portaudio, lambda table: _same(device, table))
        mic.trouble = lambda _code, message, hint: refused.append(f"{message}; {hint}" if hint else message)

        def take(block: MicBlock) -> None:
            if mic.device is not None:  # silence stands in for a device that is not there yet
                meter.take(block.pcm)

        mic.open(take)
        try:
            yield meter
        finally:
            mic.close()
        if refused and not meter.heard:
            raise DeviceMissing(refused[0])

    def _play(self, out: PortAudioOut, said: _Once) -> None:
        out.open(said)
        try:
            deadline = time.monotonic() + len(said.sound) / out.rate + 3.0
            while not said.ended and time.monotonic() < deadline:
                time.sleep(_LOOK_S)
            time.sleep(_TAIL_S)
        finally:
            out.close()


class _Once:
    """A source that plays a sound once."""

    def __init__(self, sound: Pcm) -> None:
        self.sound = sound
        self._place = 0

    @property
    def ended(self) -> bool:
        return self._place >= len(self.sound)

    def __call__(self, count: int, plays_at: float) -> Pcm:
        out = np.zeros(count, np.int16)
        part = self.sound[self._place : self._place + count]
        out[: len(part)] = part
        self._place += count
        return out


def other_end(voice: Device, table: Table) -> Device | None:
    """The microphone that gives what is played into `voice`: what a meeting chooses."""
    for device in table.usable("mic"):
        if device.monitor:
            continue
        if (voice.own and device.own) or cables.twins(voice.name, device.name):
            return device
    return None


def spoken(rate: int) -> Pcm:
    """The test sentence in the embedded voice."""

    async def synthesise() -> tuple[Pcm, int]:
        engine = EspeakEngine(EspeakSettings())
        await asyncio.to_thread(engine.load)
        try:
            return await engine.speak_all(SENTENCE, "en"), engine.info.rate
        finally:
            engine.close()

    pcm, own_rate = asyncio.run(synthesise())
    wave = soxr.resample(pcm.astype(np.float32), own_rate, rate)
    return np.asarray(np.clip(wave, -32_768, 32_767), np.int16)


def moving_card(width: int, height: int) -> list[Picture]:
    """One second of a card on which a bar moves, so that a frozen picture is seen as one."""
    card = blank(width, height).bgr()
    size = height / 720
    cv2.putText(
        card, "Avatar test picture", (round(width * 0.06), round(height * 0.16)), cv2.FONT_HERSHEY_SIMPLEX,
        2.0 * size, (230, 230, 230), max(1, round(4 * size)), cv2.LINE_AA,
    )  # fmt: skip
    made = []
    for index in range(_FPS):
        frame = card.copy()
        left = round(index / _FPS * width)
        cv2.rectangle(frame, (left, height - height // 12), (left + width // _FPS, height), (60, 200, 90), cv2.FILLED)
        made.append(Picture(from_bgr(frame)))
    return made


def _same(device: Device, table: Table) -> Device:
    for one in table.devices:
        if (one.name, one.api, one.inputs) == (device.name, device.api, device.inputs):
            return one
    raise DeviceMissing(f"{device.name} is gone")


def system_of(machine: Machine) -> System:
    """The system the devices belong to."""
    return machine.table().system
