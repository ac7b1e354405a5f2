"""A case held for real: a reading, a stack of its own, the whole way to its numbers."""

import pytest

from avatar_cli.errors import EvalFailed
from avatar_cli.eval import plan, runner
from avatar_cli.eval.plan import Item, Job
from avatar_cli.eval.rig import Rig
from avatar_cli.eval.take import Condition, Take


@pytest.mark.timeout(90)
def test_a_real_utterance_is_answered_measured_and_drawn_and_a_broken_case_does_not_end_the_rest() -> None:
    async def breaks(rig: Rig) -> Take:
        raise EvalFailed("nobody came")

    (said, *_) = plan.jobs(True, ["natural"], ["balanced"])[0].items
    job = Job("natural", Condition(group="natural"), [Item("broken", "", 0.0, breaks), said])
    broken, held = runner.hold([job], beside=1)
    assert "nobody came" in broken.failed
    assert not held.failed
    assert held.turn is not None
    assert held.turn.answered
    assert held.turn.words.said - held.turn.words.errors >= 8
    assert held.turn.delay_ms is not None
    assert held.turn.voice_to_voice_ms is not None
    assert 100 < held.turn.delay_ms < held.turn.voice_to_voice_ms < 5_000
    assert held.drawing is not None
    assert {"speech", "turn", "reply"} <= {mark.lane for mark in held.drawing.marks}
    assert held.drawing.clone[0].start_s > held.drawing.voice[-1].end_s
