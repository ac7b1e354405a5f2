import threading
import time

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_edge.web.microphone import PeerMic
from avatar_edge.web.uplink import LOST_MOST, PACKET, REORDER, REORDER_S, Uplink


def taken(uplink, sequences, now=0.0):
    return [part for sequence in sequences for part in uplink.put(sequence & 0xFFFF, bytes([sequence & 0xFF]), now)]


def numbers(parts):
    return [part if isinstance(part, int) else part[0] for part in parts]


def test_packets_in_order_pass_at_once_also_where_the_numbers_begin_anew():
    assert numbers(taken(Uplink(), range(65_530, 65_545))) == [number & 0xFF for number in range(65_530, 65_545)]


def test_a_packet_that_was_overtaken_is_put_back_in_its_place():
    assert numbers(taken(Uplink(), [1, 2, 4, 3, 5])) == [1, 2, 3, 4, 5]


def test_a_packet_that_is_lost_leaves_silence_of_its_length_once_it_has_been_waited_for():
    uplink = Uplink()
    assert numbers(taken(uplink, [1, 3])) == [1]
    assert list(uplink.expire(REORDER_S / 2)) == []
    assert numbers(uplink.expire(REORDER_S)) == [PACKET, 3]
    assert numbers(taken(Uplink(), [1, 3, 4, 5, 6])) == [1, PACKET, 3, 4, 5, 6]


def test_what_comes_twice_or_too_late_is_left_out():
    assert numbers(taken(Uplink(), [1, 2, 2, 4, 5, 6, 7, 3, 8])) == [1, 2, PACKET, 4, 5, 6, 7, 8]


def test_a_jump_of_the_numbers_is_a_new_beginning():
    assert numbers(taken(Uplink(), [1, 2, 40_000, 40_001, 7])) == [1, 2, 40_000 & 0xFF, 40_001 & 0xFF, 7]
    assert numbers(taken(Uplink(), [1, 1 + LOST_MOST + REORDER + 2])) == [1, 1 + LOST_MOST + REORDER + 2]


@given(st.lists(st.integers(0, 60), max_size=80))
def test_whatever_comes_leaves_in_order_and_nothing_waits_for_ever(sequences):
    uplink = Uplink()
    parts = taken(uplink, sequences)
    parts += [part for _ in range(80) for part in uplink.expire(10.0)]
    assert not uplink._waiting
    lost = [part for part in parts if isinstance(part, int)]
    assert all(0 < samples <= (LOST_MOST + REORDER) * PACKET for samples in lost)
    assert len(parts) - len(lost) <= len(sequences)


class Heard:
    """What a microphone delivered."""

    def __init__(self):
        self.blocks = []
        self.more = threading.Event()

    def __call__(self, block):
        self.blocks.append(block)


@pytest.fixture
def mic():
    made, heard = PeerMic(), Heard()
    made.open(heard)
    yield made, heard
    made.close()
    assert not made._thread.is_alive()


def opus(seconds, channels=1):
    """Packets of a tone of 500 Hz as a browser sends them."""
    layout = "mono" if channels == 1 else "stereo"
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format, context.bit_rate = 48_000, layout, "s16", 32_000
    wave = (8_000 * np.sin(np.arange(int(48_000 * seconds)) * 2 * np.pi * 500 / 48_000)).astype(np.int16)
    for block in wave.reshape(-1, 960):
        frame = av.AudioFrame.from_ndarray(np.repeat(block, channels)[np.newaxis], format="s16", layout=layout)
        frame.sample_rate = 48_000
        yield from (bytes(packet) for packet in context.encode(frame))


def play(mic, packets, first=0):
    for index, packet in enumerate(packets):
        mic.packet(first + index, packet)
        time.sleep(0.02)


def sound(blocks):
    return np.concatenate([block.pcm for block in blocks])


@pytest.mark.parametrize("channels", [1, 2])
def test_a_browser_is_heard_at_16_khz_mono_with_a_clock_without_gaps(mic, channels):
    made, heard = mic
    play(made, opus(0.8, channels))
    time.sleep(0.1)
    blocks = heard.blocks
    assert [block.start for block in blocks] == [320 * index for index in range(len(blocks))]
    wave = sound(blocks).astype(float)
    loud = wave[np.abs(wave) > 1_000]
    assert np.abs(wave).max() == pytest.approx(8_000, rel=0.1)
    assert len(loud) / 16_000 == pytest.approx(0.8 * 0.92, abs=0.12)
    spectrum = np.abs(np.fft.rfft(wave))
    assert np.argmax(spectrum) * 16_000 / len(wave) == pytest.approx(500, abs=5)


def test_without_packets_the_clock_goes_on_in_silence_at_the_pace_of_time(mic):
    _, heard = mic
    time.sleep(0.7)
    assert 0.5 <= len(heard.blocks) * 0.02 <= 0.75
    assert not sound(heard.blocks).any()


def test_lost_packets_are_silence_and_late_ones_do_not_make_the_clock_run_ahead(mic):
    made, heard = mic
    packets = list(opus(1.2))
    play(made, packets[:20])
    time.sleep(0.4)  # nothing comes; then all of it at once
    for index, packet in enumerate(packets[20:40], 20):
        made.packet(index, packet)
    play(made, packets[40:], 40)
    passed = time.perf_counter() - made._began_at
    assert len(heard.blocks) * 0.02 == pytest.approx(passed, abs=0.16)
    assert [block.start for block in heard.blocks] == [320 * index for index in range(len(heard.blocks))]


def test_when_a_frame_was_captured_does_not_carry_the_jitter_of_its_arrival(mic):
    made, heard = mic
    for index, packet in enumerate(opus(0.8)):
        made.packet(index, packet)
        time.sleep(0.03 if index % 2 else 0.01)
    begins = np.array([block.at - block.start / 16_000 for block in heard.blocks[20:]])
    assert np.ptp(begins) < 0.008


def test_packets_that_are_no_opus_are_silence(mic):
    made, heard = mic
    for index in range(20):
        made.packet(index, bytes([255, 255, 3, index]))
        time.sleep(0.005)
    play(made, list(opus(0.4)), 20)
    assert made._thread.is_alive()
    assert np.abs(sound(heard.blocks)).max() > 5_000
