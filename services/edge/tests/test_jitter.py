import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avatar_edge.jitter import JitterBuffer, NetworkJitter

SOUND = np.arange(1, 2_001, dtype=np.int16)


@st.composite
def deliveries(draw):
    """The sound cut into pieces, some lost, some doubled, in any order."""
    cuts = sorted(draw(st.sets(st.integers(1, len(SOUND) - 1), max_size=12)))
    edges = [0, *cuts, len(SOUND)]
    pieces = list(itertools.pairwise(edges))
    lost = draw(st.sets(st.sampled_from(pieces), max_size=len(pieces) - 1)) if len(pieces) > 1 else set()
    kept = [piece for piece in pieces if piece not in lost]
    doubled = draw(st.lists(st.sampled_from(kept), max_size=4))
    return draw(st.permutations(kept + doubled)), lost


@given(deliveries())
def test_any_order_with_losses_and_doubles_gives_the_sound_with_silence_where_it_was_lost(delivery):
    order, lost = delivery
    buffer = JitterBuffer(10_000)
    for start, end in order:
        buffer.put(start, SOUND[start:end])
    out = []
    while buffer.waiting:
        out.append(buffer.take())
        buffer.skip_hole()
    out.append(buffer.take())
    expected = SOUND.copy()
    for start, end in lost:
        expected[start:end] = 0
    got = np.concatenate(out)
    assert np.array_equal(got, expected[: len(got)])
    assert not expected[len(got) :].any()


def test_a_piece_that_comes_after_its_place_was_given_is_dropped():
    buffer = JitterBuffer(10_000)
    buffer.put(100, SOUND[100:200])
    buffer.skip_hole()
    assert len(buffer.take()) == 200
    assert not buffer.put(0, SOUND[:100])
    assert buffer.position == 200
    assert not buffer.waiting


def test_a_piece_that_overlaps_what_was_given_adds_only_its_new_part():
    buffer = JitterBuffer(10_000)
    buffer.put(0, SOUND[:150])
    buffer.take()
    assert buffer.put(100, SOUND[100:300])
    assert np.array_equal(buffer.take(), SOUND[150:300])


def test_pieces_beyond_the_capacity_are_refused():
    buffer = JitterBuffer(500)
    assert not buffer.put(450, SOUND[:100])
    assert not buffer.waiting


def test_it_is_complete_only_when_the_length_is_known_and_reached():
    buffer = JitterBuffer(5_000)
    buffer.put(0, SOUND)
    buffer.take()
    assert not buffer.complete
    buffer.total = 2_100
    assert not buffer.complete
    buffer.put(2_000, SOUND[:100])
    buffer.take()
    assert buffer.complete


def test_a_quiet_bus_asks_for_no_buffer_and_a_jittery_one_for_twice_its_spread():
    quiet, rough, awful = NetworkJitter(), NetworkJitter(), NetworkJitter()
    for index in range(100):
        quiet.add(0.001 + 0.002 * (index % 3))
        rough.add(0.05 + 0.06 * (index % 2))
        awful.add(0.05 + 0.9 * (index % 2))
    assert quiet.target_s == 0.0
    assert abs(rough.target_s - 0.12) < 0.001
    assert awful.target_s == 0.3
    assert NetworkJitter().target_s == 0.0
