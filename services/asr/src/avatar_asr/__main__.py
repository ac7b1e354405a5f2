"""The asr service: ``python -m avatar_asr``."""

from __future__ import annotations

import sys

from avatar_asr.ears import Ears
from avatar_asr.listener import Listener
from avatar_asr.settings import AsrSettings
from avatar_runtime import engines
from avatar_runtime.service import Service, run


async def serve(settings: AsrSettings) -> None:
    """Load the models, then hear sessions until asked to stop."""
    sys.setswitchinterval(0.001)  # the threads of a session work side by side: a turn must not wait 5 ms for another
    ears = Ears(engines.create("asr", settings.engine, settings))
    async with Service("asr", settings) as service:
        await service.warm_up(ears)
        await service.serve_sessions(lambda session: Listener(session, ears, settings))


def main() -> None:
    """Run the service."""
    run("asr", AsrSettings, serve)


if __name__ == "__main__":
    main()
