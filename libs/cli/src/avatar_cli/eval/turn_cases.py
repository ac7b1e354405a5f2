"""Cases of the end of a turn: human readings said into a call, one after the answer to the other."""

from __future__ import annotations

import asyncio

from avatar_cli.eval.material import Speech
from avatar_cli.eval.rig import Rig
from avatar_cli.eval.take import Take

AFTER_S = 2.0
"""It is quiet for at least this long after an utterance."""
_ANSWER_S = 4.0
_AUDIBLE_S = 0.2
_STILL_S = 0.3
_SETTLED_S = 12.0


async def hold(
    rig: Rig, name: str, speech: Speech, kind: str = "", pause_s: float = 0.0, *, speculate: bool = True
) -> Take:
    """Say `speech`, which has a pause of `pause_s` after a `kind` of word, and wait until it is being answered.

    The answer is then stopped, so that the next case need not wait for its end. A mind that is answered the same way
    by the same lines over and over would in the end decline to go on; answers cut short do not count for it.

    Raises:
        EvalFailed: The call did not come to rest.
    """
    await rig.speculate(speculate)
    began, spans = await rig.say(speech)
    await rig.quiet_since(spans[-1].end_s, AFTER_S)
    await rig.until(lambda: rig.call.state not in ("hearing", "thinking"), _ANSWER_S)
    await asyncio.sleep(_AUDIBLE_S)
    take = await rig.take(name, kind, began, spans, pause_s)
    await rig.call.stop()
    await rig.settled(_STILL_S, _SETTLED_S)
    return take
