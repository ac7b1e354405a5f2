"""Serves the page in which browsers talk with the clone: ``python -m avatar_edge.web --bus.url nats://…``."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import msgspec

from avatar_edge.errors import EdgeError
from avatar_edge.settings import EdgeSettings
from avatar_edge.web.server import serving
from avatar_edge.web.settings import WebSettings
from avatar_edge.web.visit import Lobby
from avatar_runtime import log
from avatar_runtime.bus import BusError
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.service import Service
from avatar_runtime.settings import SettingsError, load

logger = log.get(__name__)


async def serve(settings: WebSettings, edge: EdgeSettings) -> None:
    """Serve until the process is asked to stop; `edge` holds for the calls."""
    settings.check()
    async with Service("edge", settings) as service:
        video_settings = msgspec.structs.replace(settings.bus, url=edge.video_bus or settings.bus.url)
        video_bus = await NatsBus.connect(video_settings, f"edge/{service.worker}/video")
        try:
            lobby = Lobby(service.bus, video_bus, settings, edge)
            async with serving(lobby, settings) as url:
                await service.ready()
                logger.info("page.ready", url=url)
                sys.stdout.write(f"The clone is at {url}\n")
                sys.stdout.flush()
                await service.stopping.wait()
                await lobby.close()
        finally:
            await video_bus.close()


def main() -> None:
    """Entry point. What holds for the calls is read from [edge] and AVATAR_EDGE__…, flags are the page's own."""
    try:
        settings = load("web", WebSettings)
        edge = load("edge", EdgeSettings, argv=_config(sys.argv[1:]))
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings, edge))
    except (SettingsError, BusError, EdgeError) as error:
        sys.stderr.write(f"avatar web: {error}\n")
        sys.exit(2)


def _config(argv: list[str]) -> list[str]:
    """The flag that names the file of settings, which is the same for both."""
    for index, flag in enumerate(argv):
        if flag == "--config":
            return argv[index : index + 2]
        if flag.startswith("--config="):
            return [flag]
    return []


if __name__ == "__main__":
    main()
