import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import ErrorRaised, TtsChunk, TtsDone, spec_of
from avatar_runtime.fence import Fence


def done(epoch, seq):
    return TtsDone(turn=1, reply=1, samples=0, epoch=epoch, seq=seq)


def judge(fence, event):
    return fence.judge(spec_of(event), event)


def test_events_of_one_lease_are_taken_in_order_and_gaps_are_allowed():
    fence = Fence()
    assert [judge(fence, done(1, seq)) for seq in (1, 2, 5)] == ["", "", ""]


@pytest.mark.parametrize(("seq", "why"), [(5, "repeat"), (4, "seq"), (0, "seq")])
def test_what_is_not_newer_is_dropped(seq, why):
    fence = Fence()
    judge(fence, done(1, 5))
    assert judge(fence, done(1, seq)) == why


def test_an_event_that_was_never_stamped_is_no_repeat_of_anything():
    assert judge(Fence(), done(1, 0)) == "seq"


def test_a_newer_lease_starts_counting_again_and_ends_the_older_one():
    fence = Fence()
    judge(fence, done(1, 500))
    assert judge(fence, done(2, 1)) == ""
    assert judge(fence, done(1, 501)) == "epoch"


def test_a_fence_raised_by_hand_keeps_the_old_lease_out_before_the_new_one_speaks():
    fence = Fence()
    judge(fence, done(1, 1))
    fence.raise_to("tts", 2)
    assert judge(fence, done(1, 2)) == "epoch"
    fence.raise_to("tts", 1)
    assert judge(fence, done(1, 3)) == "epoch"


def test_streams_of_one_lease_are_counted_apart_but_fenced_together():
    fence = Fence()
    judge(fence, done(3, 9))
    chunk = TtsChunk(turn=1, reply=1, sentence=0, rate=16_000, start=0, pcm=b"", epoch=3, seq=1)
    assert judge(fence, chunk) == ""
    assert judge(fence, TtsChunk(turn=1, reply=1, sentence=0, rate=16_000, start=0, pcm=b"", epoch=2, seq=2)) == "epoch"


def test_errors_are_fenced_by_the_service_that_reports_them():
    fence = Fence()
    fence.raise_to("tts", 2)
    assert judge(fence, ErrorRaised(service="tts", code="a.b", message="", epoch=1, seq=1)) == "epoch"
    assert judge(fence, ErrorRaised(service="llm", code="a.b", message="", epoch=1, seq=1)) == ""


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5))))
def test_what_is_accepted_only_ever_moves_forward(arrivals):
    fence = Fence()
    accepted = [stamp for stamp in arrivals if judge(fence, done(*stamp)) == ""]
    assert accepted == sorted(set(accepted))
