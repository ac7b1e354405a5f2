"""Runs one call with file devices: ``python -m avatar_edge --bus.url nats://… --mic a.wav --record call.mp4``."""

from __future__ import annotations

import sys

from avatar_edge.audio import load_audio
from avatar_edge.call import Call
from avatar_edge.camera import NullCamera
from avatar_edge.errors import EdgeError
from avatar_edge.microphone import FileMic
from avatar_edge.recorder import Recorder
from avatar_edge.settings import EdgeSettings
from avatar_edge.speaker import FileOut, NullOut
from avatar_edge.terminal import converse
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.service import Service, run


async def serve(settings: EdgeSettings) -> None:
    """Hold the call until the process is asked to stop."""
    samples = load_audio(settings.mic) if settings.mic else None
    mic = FileMic(settings.mic_noise_dbfs or None)
    speaker = FileOut(settings.speaker) if settings.speaker else NullOut()
    recorder = Recorder(settings.record, settings.width, settings.height, settings.fps) if settings.record else None
    async with Service("edge", settings) as service:
        video_bus = await NatsBus.connect(settings.bus, f"edge/{service.worker}/video")
        try:
            async with Call(
                service.bus, settings, mic, speaker, NullCamera(), recorder=recorder, video_bus=video_bus
            ) as call:
                await service.ready()
                await converse(call, mic, samples, service.stopping)
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
