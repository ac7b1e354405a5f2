"""A sentence's sound becomes contiguous chunks with trimmed ends, faded joins and times that fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_contracts import Viseme, Word
from avatar_tts.engines.base import Speech
from avatar_tts.phrase import Cut, Phrase, pause_s

RATE = 22_050
FIRST, SIZE = 5292, 8820
FADE, LEAD, TAIL = 110, 220, 662


def tone(samples: int, level: float = 0.5) -> np.ndarray:
    return (level * 32767 * np.cos(np.arange(samples) * 0.2)).astype(np.int16)


def silence(samples: int) -> np.ndarray:
    return np.zeros(samples, np.int16)


def phrase(start: int = 0, pause: int = 0, gain: float = 1.0) -> Phrase:
    return Phrase(rate=RATE, gain=gain, start=start, pause=pause, first=FIRST, size=SIZE)


def sound(cuts: list[Cut]) -> np.ndarray:
    return np.frombuffer(b"".join(cut.pcm for cut in cuts), np.int16)


def shape(subject: Phrase, *stretches: Speech) -> list[Cut]:
    return [cut for speech in stretches for cut in subject.push(speech)] + subject.finish()


def test_the_first_chunk_is_short_and_the_others_long() -> None:
    cuts = shape(phrase(), Speech(tone(40_000)))
    lengths = [len(cut.pcm) // 2 for cut in cuts]
    assert lengths[:4] == [FIRST, SIZE, SIZE, SIZE]
    assert sum(lengths) == 40_000
    assert [cut.last for cut in cuts] == [False] * (len(cuts) - 1) + [True]


def test_the_first_chunk_leaves_as_soon_as_it_is_full() -> None:
    subject = phrase()
    assert subject.push(Speech(tone(FIRST))) == []
    assert len(subject.push(Speech(tone(FADE + 10)))) == 1


def test_chunks_are_contiguous_from_the_start_they_are_given() -> None:
    cuts = shape(phrase(start=1000, pause=500), Speech(tone(30_000)))
    at = 1000
    for cut in cuts:
        assert cut.start == at
        at += len(cut.pcm) // 2
    assert at == 1000 + 500 + 30_000


def test_silence_at_both_ends_is_trimmed_and_inside_is_kept() -> None:
    stretches = [silence(9_000), tone(8_000), silence(4_000), tone(8_000), silence(20_000)]
    cuts = shape(phrase(), Speech(np.concatenate(stretches)))
    assert len(sound(cuts)) == pytest.approx(LEAD + 20_000 + TAIL, abs=20)
    again = shape(phrase(), *map(Speech, stretches))
    assert np.array_equal(sound(cuts), sound(again))


def test_a_pause_goes_in_front() -> None:
    cuts = shape(phrase(pause=3000), Speech(tone(20_000)))
    assert not sound(cuts)[:3000].any()
    assert sound(cuts)[3000:3400].any()
    assert cuts[0].visemes[0] == Viseme(0, "sil")


def test_both_ends_fade_to_nothing() -> None:
    pcm = sound(shape(phrase(), Speech(tone(20_000)))).astype(int)
    assert abs(pcm[0]) < 50
    assert abs(pcm[-1]) < 50
    assert abs(pcm[:20]).max() < 0.2 * abs(pcm).max()
    assert abs(pcm[-20:]).max() < 0.2 * abs(pcm).max()


def test_gain_is_fixed_and_clips_instead_of_wrapping() -> None:
    quiet = sound(shape(phrase(gain=0.5), Speech(tone(20_000))))[FADE:-FADE]
    assert np.abs(quiet.astype(int) - tone(20_000)[FADE:-FADE] // 2).max() <= 1
    loud = sound(shape(phrase(gain=4.0), Speech(tone(20_000))))[FADE:-FADE]
    source = tone(20_000)[FADE:-FADE]
    assert loud.max() == 32767
    assert loud.min() == -32768
    assert np.all(np.sign(loud[np.abs(source) > 100]) == np.sign(source[np.abs(source) > 100]))


def test_times_move_with_the_trimmed_silence_and_the_pause() -> None:
    given_speech = Speech(
        np.concatenate([silence(5_000), tone(20_000)]),
        (Viseme(0, "sil"), Viseme(5_000, "PP"), Viseme(12_000, "aa")),
        (Word(5_000, 12_000, 3), Word(12_000, 25_000, 7)),
    )
    cuts = shape(phrase(start=1000, pause=2000), given_speech)
    visemes = [viseme for cut in cuts for viseme in cut.visemes]
    words = [word for cut in cuts for word in cut.words]
    onset = 1000 + 2000 + LEAD
    assert Viseme(onset, "PP") in visemes
    assert Viseme(onset + 7_000, "aa") in visemes
    assert visemes[-1].name == "sil"
    assert words == [Word(onset, onset + 7_000, 3), Word(onset + 7_000, onset + 20_000, 7)]


def test_a_sentence_of_silence_gives_nothing_and_moves_no_clock() -> None:
    subject = phrase(start=500, pause=100)
    assert shape(subject, Speech(silence(30_000))) == []
    assert subject.end == 500


@settings(max_examples=80, deadline=None)
@given(
    stretches=st.lists(st.tuples(st.booleans(), st.integers(0, 12_000)), max_size=8),
    cut_at=st.lists(st.integers(0, 40_000), max_size=6),
    pause=st.integers(0, 5000),
)
def test_however_the_sound_arrives_it_is_cut_the_same(
    stretches: list[tuple[bool, int]], cut_at: list[int], pause: int
) -> None:
    whole = np.concatenate([silence(0), *(tone(size) if loud else silence(size) for loud, size in stretches)])
    pieces = [Speech(piece) for piece in np.split(whole, sorted(at for at in cut_at if at < len(whole)))]
    cuts = shape(phrase(start=77, pause=pause), *pieces)
    at_once = shape(phrase(start=77, pause=pause), Speech(whole))
    assert np.array_equal(sound(cuts), sound(at_once))
    at = 77
    for cut in cuts:
        assert cut.start == at
        assert cut.pcm
        at += len(cut.pcm) // 2
    assert [cut.last for cut in cuts] == [False] * (len(cuts) - 1) + [True] * bool(cuts)
    if len(cuts) > 1:
        assert len(cuts[0].pcm) // 2 >= FIRST


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Hello,", 0.12),
        ("a clause", 0.12),
        ("Done.", 0.2),
        ("Really?", 0.22),
        ('"Go!"', 0.22),
        ("So...", 0.25),
        ("", 0.12),
    ],
)
def test_pauses_follow_the_punctuation(text: str, seconds: float) -> None:
    assert pause_s(text) == seconds
