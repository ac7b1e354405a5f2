"""The panel: pages that watch and steer the call of this machine's devices."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from avatar_edge.call import Call
from avatar_edge.settings import EdgeSettings
from avatar_edge.web.channel import Channel
from avatar_edge.web.desk import Desk
from avatar_edge.web.feed import Feed
from avatar_edge.web.protocol import Hello
from avatar_edge.web.server import serving
from avatar_edge.web.settings import WebSettings
from avatar_edge.web.together import together
from avatar_runtime.settings import SettingsError

PAGES = 8
"""Pages at most that watch one call."""
PORTS = 8
"""Ports tried one after the other: the page of `avatar up` may have the first."""


class Panel:
    """Lets pages at one call, which goes on without them. See `app.Door`."""

    def __init__(self, call: Call, settings: EdgeSettings) -> None:
        self._call = call
        self._settings = settings
        self._channels: set[Channel] = set()

    async def enter(self, channel: Channel) -> None:
        """See `app.Door`."""
        if len(self._channels) >= PAGES:
            channel.bye(f"{PAGES} pages show this call already; close one", again=True)
            return
        self._channels.add(channel)
        call, settings = self._call, self._settings
        desk = Desk(call, channel.send)
        channel.send(
            Hello(
                session=call.session_id,
                media=False,
                real=call.real_available,
                width=settings.width,
                height=settings.height,
                disclosure=settings.disclosure,
            )
        )
        try:
            await together(channel.listen(desk.ask), desk.run(), Feed(call, channel.send).run())
        finally:
            self._channels.discard(channel)

    async def close(self) -> None:
        """The call is over."""
        for channel in self._channels:
            channel.bye("the call has ended", again=False)
            channel.hang_up()
        while self._channels:  # noqa: ASYNC110 - they leave within moments
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def panel(call: Call, settings: EdgeSettings) -> AsyncIterator[str]:
    """Serve the panel of `call` while the block lasts; gives its URL, empty where there is none.

    Without a free port the person is told, and the call goes on without it.
    """
    if not settings.panel:
        yield ""
        return
    door = Panel(call, settings)
    async with contextlib.AsyncExitStack() as stack:
        url = problem = ""
        for port in range(settings.panel, min(settings.panel + PORTS, 65_536)):
            page = WebSettings(port=port, bus=settings.bus, log=settings.log)
            try:
                url = await stack.enter_async_context(serving(door, page))
                break
            except SettingsError as error:
                problem = problem or str(error)
        sys.stdout.write(f"The panel of this call is at {url}\n" if url else f"There is no panel: {problem}\n")
        sys.stdout.flush()
        try:
            yield url
        finally:
            await door.close()
