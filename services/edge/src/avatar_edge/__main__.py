"""Runs one call: ``python -m avatar_edge --bus.url nats://… --mic jabra``, or ``--mic file:a.wav``."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from avatar_edge.call import Call
from avatar_edge.devices.open import Sound, open_sound
from avatar_edge.devices.virtual_camera import open_camera
from avatar_edge.devices.webcam import open_webcam
from avatar_edge.errors import EdgeError
from avatar_edge.recorder import Recorder
from avatar_edge.settings import EdgeSettings
from avatar_edge.terminal import converse
from avatar_edge.web.panel import panel
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.service import Service, run


async def serve(settings: EdgeSettings) -> None:
    """Hold the call until the process is asked to stop."""
    sound = await asyncio.to_thread(open_sound, settings)
    try:
        await _hold(settings, sound)
    finally:
        await asyncio.to_thread(sound.close)


async def _hold(settings: EdgeSettings, sound: Sound) -> None:
    recorder = Recorder(settings.record, settings.width, settings.height, settings.fps) if settings.record else None
    async with Service("edge", settings) as service:
        video_settings = msgspec.structs.replace(settings.bus, url=settings.video_bus or settings.bus.url)
        video_bus = await NatsBus.connect(video_settings, f"edge/{service.worker}/video")
        try:
            async with Call(
                service.bus,
                settings,
                sound.ears,
                sound.speaker,
                open_camera(settings),
                webcam=open_webcam(settings),
                recorder=recorder,
                video_bus=video_bus,
            ) as call:
                sound.listen(call.trouble)
                await service.ready()
                async with panel(call, settings):
                    await converse(call, sound, service.stopping)
        finally:
            await video_bus.close()


def main() -> None:
    """Entry point."""
    try:
        run("edge", EdgeSettings, serve)
    except EdgeError as error:
        sys.stderr.write(f"avatar edge: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
