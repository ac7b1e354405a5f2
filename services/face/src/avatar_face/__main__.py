"""The face service: `python -m avatar_face`."""

from __future__ import annotations

from avatar_face.animator import Animator
from avatar_face.avatars import Avatars
from avatar_face.settings import FaceSettings
from avatar_runtime import engines
from avatar_runtime.service import Service, run


async def serve(settings: FaceSettings) -> None:
    """Animate sessions until asked to stop."""
    avatars = Avatars(engines.create("face", settings.engine, settings), settings)
    async with Service("face", settings) as service:
        await service.warm_up(avatars)
        await service.serve_sessions(lambda session: Animator(session, avatars, settings))


def main() -> None:
    """Run the service."""
    run("face", FaceSettings, serve)


if __name__ == "__main__":
    main()
