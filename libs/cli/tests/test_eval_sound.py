import numpy as np
import pytest
import soxr

from avatar_cli.eval import sound
from avatar_cli.eval.take import Answer

RATE = 48_000
VOICE = 22_050
WORD_S, GAP_S = 0.34, 0.06


def answer(words: int = 20, seed: int = 3) -> Answer:
    """Noise as loud as speech, in words of 0.34 s with 0.06 s between them."""
    pcm = np.random.default_rng(seed).normal(0, 3_000, round(words * (WORD_S + GAP_S) * VOICE))
    pcm = np.convolve(pcm, np.ones(6) / 6, "same")
    for index in range(words):
        end = round((index * (WORD_S + GAP_S) + WORD_S) * VOICE)
        pcm[end : end + round(GAP_S * VOICE)] = 0
    times = tuple((index * (WORD_S + GAP_S), index * (WORD_S + GAP_S) + WORD_S) for index in range(words))
    return Answer(7, VOICE, pcm.astype(np.int16), times)


def played(clean: Answer, *parts: tuple[float, float, float, float], seconds: float = 8.0) -> np.ndarray:
    """What an output played: (at second, from second of the answer, for seconds, gain in dB)."""
    full = soxr.resample(clean.pcm.astype(np.float64), clean.rate, RATE)
    out = np.zeros(round(seconds * RATE))
    for at, start, length, gain_db in parts:
        piece = full[round(start * RATE) : round((start + length) * RATE)] * 10 ** (gain_db / 20)
        out[round(at * RATE) : round(at * RATE) + len(piece)] += piece
    return out.astype(np.int16)


def test_audible_stretches_are_found_to_ten_milliseconds_and_small_gaps_closed_on_request() -> None:
    pcm = np.zeros(RATE, np.int16)
    pcm[round(0.2 * RATE) : round(0.4 * RATE)] = 5_000
    pcm[round(0.45 * RATE) : round(0.5 * RATE)] = -5_000
    assert sound.audible(pcm, RATE) == [pytest.approx((0.2, 0.4)), pytest.approx((0.45, 0.5))]
    assert sound.audible(pcm, RATE, gap_s=0.06) == [pytest.approx((0.2, 0.5))]
    assert sound.audible(np.zeros(RATE, np.int16), RATE) == []


def test_what_of_a_stretch_lies_within_a_span_is_counted() -> None:
    stretches = [(0.0, 1.0), (2.0, 3.0)]
    assert sound.overlap_s(stretches, 0.5, 2.25) == pytest.approx(0.75)
    assert sound.overlap_s(stretches, 1.1, 1.9) == 0


def test_the_first_sound_is_the_first_sample_above_the_floor_from_a_moment_on() -> None:
    pcm = np.zeros(RATE, np.int16)
    pcm[[100, 30_000]] = 90, 200
    assert sound.first_sound(pcm, RATE, 0.0) == pytest.approx(30_000 / RATE)
    assert sound.first_sound(pcm, RATE, 0.7) is None


def test_a_piece_of_an_answer_is_found_again_whatever_its_level() -> None:
    whole = np.random.default_rng(1).normal(size=8_000)
    assert sound.locate(whole[3_210:4_000] * 0.05, whole) == (3_210, pytest.approx(1.0))
    _, likeness = sound.locate(np.random.default_rng(2).normal(size=800), whole)
    assert likeness < 0.3


def test_what_was_played_is_placed_on_the_clock_of_the_answer() -> None:
    clean = answer()
    found = sound.stretches(played(clean, (1.0, 0.0, 2.0, 0.0)), RATE, [(0.9, clean)])
    assert found[0].start_s == pytest.approx(1.0, abs=0.011)
    for each in found:
        assert each.shift_s == pytest.approx(-1.0, abs=0.002)
        assert each.likeness > 0.9
    assert sound.jumps(found) == []


def test_sound_of_something_else_is_no_part_of_the_answer() -> None:
    found = sound.stretches(played(answer(seed=9), (1.0, 0.0, 2.0, 0.0)), RATE, [(0.9, answer())])
    assert found == []


def test_the_gain_shows_when_an_answer_is_turned_down_and_when_it_falls_silent() -> None:
    clean = answer()
    out = played(clean, (1.0, 0.0, 1.5, 0.0), (2.5, 1.5, 1.0, -18.0))
    found = sound.stretches(out, RATE, [(0.9, clean)])
    gain_db = sound.gains(out, RATE, found, {7: clean})
    assert np.nanmedian(gain_db[110:240]) == pytest.approx(0.0, abs=0.3)
    assert np.nanmedian(gain_db[255:345]) == pytest.approx(-18.0, abs=0.5)
    assert sound.falls(gain_db, 1.2, -12.0, 0.05) == pytest.approx(2.5, abs=0.02)
    assert sound.falls(gain_db, 1.2, -40.0, 0.3) == pytest.approx(3.5, abs=0.05)
    assert np.isnan(gain_db[:95]).all()


def test_the_pauses_of_the_answer_itself_are_no_fall() -> None:
    clean = answer()
    out = played(clean, (1.0, 0.0, 6.0, 0.0))
    gain_db = sound.gains(out, RATE, sound.stretches(out, RATE, [(0.9, clean)]), {7: clean})
    assert sound.falls(gain_db[:690], 1.1, -12.0, 0.05) is None


def test_the_gain_of_an_output_in_which_no_answer_is_found_is_unknown() -> None:
    clean = answer()
    gain_db = sound.gains(played(clean, (1.0, 0.0, 1.0, 0.0)), RATE, [], {7: clean})
    assert np.isnan(gain_db).all()
    assert sound.falls(gain_db, 0.0, -12.0, 0.05) is None


def test_going_on_from_an_earlier_place_is_a_jump_with_both_places() -> None:
    clean = answer()
    out = played(clean, (0.5, 0.0, 1.3, 0.0), (3.0, 0.8, 3.0, 0.0))
    (jump,) = sound.jumps(sound.stretches(out, RATE, [(0.4, clean)]))
    assert jump.silent_at_s == pytest.approx(1.8, abs=0.02)
    assert jump.again_at_s == pytest.approx(3.0, abs=0.02)
    assert jump.left_s == pytest.approx(1.3, abs=0.02)
    assert jump.taken_up_s == pytest.approx(0.8, abs=0.02)
