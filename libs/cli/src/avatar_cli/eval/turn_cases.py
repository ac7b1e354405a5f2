"""Cases of the end of a turn: human readings said into a call, one after the answer to the other."""

from __future__ import annotations

from avatar_cli.eval.material import Speech
from avatar_cli.eval.rig import Rig
from avatar_cli.eval.take import Take

AFTER_S = 2.0
"""It is quiet for at least this long after an utterance."""
_STILL_S = 0.5
_ANSWER_S = 12.0


async def hold(
    rig: Rig, name: str, speech: Speech, kind: str = "", pause_s: float = 0.0, *, speculate: bool = True
) -> Take:
    """Say `speech`, which has a pause of `pause_s` after a `kind` of word, and wait until the answer has been given.

    Raises:
        EvalFailed: The call did not come to rest.
    """
    await rig.speculate(speculate)
    began, spans = await rig.say(speech)
    await rig.quiet_since(spans[-1].end_s, AFTER_S)
    await rig.settled(_STILL_S, _ANSWER_S)
    return await rig.take(name, kind, began, spans, pause_s)
