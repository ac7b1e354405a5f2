"""A page's server on loopback, on the scripted stack."""

import contextlib
import sys
from pathlib import Path

import msgspec
import pytest

from avatar_edge.web.server import serving
from avatar_edge.web.settings import WebSettings
from avatar_edge.web.visit import Lobby

sys.path.insert(0, str(Path(__file__).parent))


class Site:
    """Attributes: url, and the lobby behind it."""

    def __init__(self, url, lobby):
        self.url = url
        self.lobby = lobby


@pytest.fixture
def site(stack, settings):
    """Serve the page with these settings of the edge, and `web` ones."""

    @contextlib.asynccontextmanager
    async def serve(web=None, **changes):
        web = web or WebSettings(port=0)
        edge = msgspec.structs.replace(settings, **changes)
        lobby = Lobby(stack.bus, stack.bus, web, edge)
        async with serving(lobby, web) as url:
            try:
                yield Site(url, lobby)
            finally:
                await lobby.close()

    return serve
