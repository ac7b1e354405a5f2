"""What a program of the person's, beside the call, asks of its edge over the bus."""

from __future__ import annotations

import asyncio
import time

from avatar_contracts import SessionReal, encode, ids, spec_of
from avatar_runtime.bus import Bus, BusDisconnected, CommandFailed, NoResponders, RequestTimeout
from avatar_runtime.session import COMMAND_TIMEOUT_S, COMMAND_TRIES, SCHEMA_MAJOR

_EPOCH = 1
"""That of every edge: a higher one would make the edge's own events look stale."""


async def ask_real(bus: Bus, session_id: str, *, on: bool) -> None:
    """Have the edge of a session show the person themself, or the clone again.

    Numbered by the clock, so that commands of programs that know nothing of each other follow one another.

    Raises:
        CommandFailed: No edge of that session takes it.
        InvalidId: `session_id` is none.
    """
    spec = spec_of(SessionReal)
    subject = ids.event_subject(session_id, spec.tag)
    data = encode(SessionReal(on=on, epoch=_EPOCH, seq=time.time_ns() // 1_000_000))
    why = ""
    for _ in range(COMMAND_TRIES):
        try:
            await bus.request(subject, data, timeout_s=COMMAND_TIMEOUT_S, headers={"Av-V": SCHEMA_MAJOR})
        except (NoResponders, RequestTimeout, BusDisconnected) as error:
            why = str(error)
            if not isinstance(error, RequestTimeout):
                await asyncio.sleep(COMMAND_TIMEOUT_S)
        else:
            return
    raise CommandFailed(spec.tag, why)
