import asyncio

from avatar_contracts import Claim, PlaybackProgress, TurnText, decode_control, encode_control
from avatar_edge.changes import Change
from avatar_edge.tracing import PlayTrace
from avatar_edge.turns import Ledger


def test_a_claim_never_outgrows_its_cap_however_long_the_talk_was():
    ledger = Ledger(lambda _: (None, 0), lambda _: None)
    for turn in range(1, 31):
        event = TurnText(turn=turn, text=f"{turn:04}" + "ї" * 7_996, language="uk", end_reason="typed")
        ledger.turn_text(event, 0.0, 0.0)
        if turn < 30:
            ledger.failed(turn, "no answer")
    transcript = ledger.transcript(30, "ї" * 50_000)
    claim = Claim(session="abcdefgh12", kind="llm", epoch=1, transcript=transcript)
    assert decode_control(encode_control(claim)) == claim
    assert [int(each.said[:4]) for each in transcript] == [27, 28, 29, 30]


def change(state, reply):
    progress = PlaybackProgress(turn=reply, reply=reply, state="playing", played=0, rate=16_000)
    return Change(state, 0.0, progress)


async def test_a_reply_stopped_before_it_began_does_not_end_the_trace_of_the_one_that_plays():
    tasks = []
    trace = PlayTrace(lambda work, _: tasks.append(asyncio.create_task(work)))
    trace.begin(1)
    trace.changed(change("started", 1))
    trace.changed(change("stopped", 2))
    await asyncio.sleep(0.01)
    assert not tasks[0].done()
    trace.changed(change("finished", 1))
    await asyncio.wait_for(tasks[0], 1)
