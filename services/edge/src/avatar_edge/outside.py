"""What a program of the person's, beside the call, asks of its edge over the bus."""

from __future__ import annotations

import time

from avatar_contracts import SessionReal, encode, ids, spec_of
from avatar_runtime.bus import Bus
from avatar_runtime.session import SCHEMA_MAJOR, command

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
    await command(bus, spec.tag, subject, data, {"Av-V": SCHEMA_MAJOR})
