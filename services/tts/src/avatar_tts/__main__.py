"""The voice service: `python -m avatar_tts`."""

from __future__ import annotations

from avatar_runtime import engines
from avatar_runtime.service import Service, run
from avatar_tts.settings import TtsSettings
from avatar_tts.speaker import Speaker


async def serve(settings: TtsSettings) -> None:
    """Load the engine, then speak for every session that asks."""
    engine = engines.create("tts", settings.engine, settings)
    async with Service("tts", settings) as service:
        await service.warm_up(engine)
        await service.serve_sessions(lambda session: Speaker(session, engine, settings))


def main() -> None:
    """Run until asked to stop."""
    run("tts", TtsSettings, serve)


if __name__ == "__main__":
    main()
