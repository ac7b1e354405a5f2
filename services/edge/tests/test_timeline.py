import numpy as np
import pytest

from avatar_edge.timeline import DeviceClock, Played

RATE = 48_000


def tone(times, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * times)


def play(played, begin, end, *, rate=RATE, jitter=lambda: 0.0, hertz=440.0):
    """A tone from edge clock `begin` to `end` in blocks of 10 ms; its phase belongs to the edge clock."""
    block = rate // 100
    for index in range(round((end - begin) * 100)):
        at = begin + index * 0.01
        wave = tone(at + np.arange(block) / rate, hertz)
        played.add(np.rint(wave * 32_767).astype(np.int16), at + jitter())


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("hertz", [300.0, 5_000.0])
def test_what_was_played_is_read_at_any_moment_between_its_samples(rate, hertz):
    played = Played(rate)
    rate_block = rate // 100 * 100  # whole blocks of 10 ms
    for index in range(100):
        at = 5.0 + index * (rate_block // 100) / rate
        wave = tone(at + np.arange(rate_block // 100) / rate, hertz)
        played.add(np.rint(wave * 32_767).astype(np.int16), at)
    for at in (5.3, 5.3123456, 5.799999):
        read = played.read(at, 320)
        assert np.abs(read - tone(at + np.arange(320) / 16_000, hertz)).max() < 0.01


def test_what_a_slower_rate_cannot_carry_is_not_folded_back():
    played = Played(RATE)
    play(played, 0.0, 1.0, hertz=11_000.0)
    assert np.abs(played.read(0.5, 320)).max() < 0.005


def test_times_that_jitter_do_not_shake_what_is_read():
    rng = np.random.default_rng(3)
    played = Played(RATE, kept_s=2.0)
    play(played, 0.0, 20.0, jitter=lambda: rng.uniform(-0.005, 0.005))
    steps = [played.read(18.5 + index * 0.02, 320) for index in range(50)]
    read = np.concatenate(steps)
    times = 18.5 + np.arange(len(read)) / 16_000
    late_s = (np.angle(np.sum(read * np.exp(-2j * np.pi * 440 * times))) + np.pi / 2) / (2 * np.pi * 440)
    assert abs(late_s) < 0.0003
    assert np.abs(read - tone(times + late_s)).max() < 0.02


def test_before_between_and_after_what_was_played_is_silence():
    played = Played(RATE)
    assert played.until == 0.0
    assert not played.read(1.0, 320).any()
    play(played, 10.0, 10.5)
    play(played, 10.8, 11.0)
    assert played.until == pytest.approx(11.0, abs=0.001)
    assert not played.read(9.9, 320).any()
    assert np.abs(played.read(10.4, 320)).max() > 0.4
    assert not played.read(10.6, 320).any()
    assert np.abs(played.read(10.4, 320) - tone(10.4 + np.arange(320) / 16_000)).max() < 0.01
    assert np.abs(played.read(10.9, 320) - tone(10.9 + np.arange(320) / 16_000)).max() < 0.01
    assert not played.read(11.1, 320).any()


def test_after_a_suspension_longer_than_what_is_kept_only_the_new_is_read():
    played = Played(RATE, kept_s=1.0)
    play(played, 0.0, 1.0)
    play(played, 3_600.0, 3_600.5)
    assert np.abs(played.read(3_600.2, 320) - tone(3_600.2 + np.arange(320) / 16_000)).max() < 0.01
    assert not played.read(3_599.9, 320).any()


def test_a_device_that_goes_back_in_time_is_followed():
    played = Played(RATE)
    play(played, 100.0, 101.0)
    play(played, 50.0, 51.0)
    assert np.abs(played.read(50.7, 320) - tone(50.7 + np.arange(320) / 16_000)).max() < 0.01


def test_a_clock_follows_drift_and_forgets_single_outliers():
    clock = DeviceClock(16_000)
    for index in range(3_000):
        at = index * 0.02 * (1 + 100e-6) + (0.05 if index == 2_500 else 0.0)
        assert clock.observe(index * 320, at, 0.02) == 0.0
    assert clock.time(2_999 * 320) == pytest.approx(2_999 * 0.02 * (1 + 100e-6), abs=0.0015)
    assert clock.sample(clock.time(12_345)) == pytest.approx(12_345)


def test_a_clock_follows_a_small_step_once_it_lasts():
    clock = DeviceClock(16_000)
    jumps = [clock.observe(index * 320, index * 0.02 + (0.03 if index >= 100 else 0.0), 0.02) for index in range(200)]
    assert sum(jump != 0.0 for jump in jumps) == 1
    assert clock.time(199 * 320) == pytest.approx(199 * 0.02 + 0.03, abs=0.001)
    assert max(index for index, jump in enumerate(jumps) if jump) < 115
