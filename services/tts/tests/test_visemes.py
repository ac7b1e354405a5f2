"""Phonemes of both languages find their mouth shape."""

from __future__ import annotations

import pytest

from avatar_contracts import Viseme, Word
from avatar_tts.engines.espeak import EspeakEngine
from avatar_tts.engines.espeak_events import Timeline
from avatar_tts.visemes import shapes


@pytest.mark.parametrize(
    ("mnemonic", "expected"),
    [
        ("p", ("PP",)), ("m", ("PP",)), ("f", ("FF",)), ("T", ("TH",)), ("t#", ("DD",)), ("t[", ("DD",)),
        ("k", ("kk",)), ("tS", ("CH",)), ("dZ", ("CH",)), ("s", ("SS",)), ("n^", ("nn",)), ("l^", ("nn",)),
        ("'A:", ("aa",)), ("a#", ("aa",)), ("'aI", ("aa", "ih")), ("'oU", ("oh", "ou")), ("O2", ("oh",)),
        ("i@3", ("ih", "E")), ("'3:", ("RR",)), ("u:", ("ou",)), ("I", ("ih",)), ("%I2", ("ih",)),
        ("_:", ("sil",)), ("_", ("sil",)), ("h", ()), ("(en)", ()), (";", ()),
    ],
)  # fmt: skip
def test_a_phoneme_has_its_shapes(mnemonic: str, expected: tuple[str, ...]) -> None:
    assert shapes(mnemonic) == expected


EN = (
    "The quick brown fox jumps over the lazy dog; measure, judge, church, thin, sing, boy, cow, fire, poor, near, "
    "hair, butter, bottle, uh oh, loch, genre, can't, million, duke, AI, you, nurse, thought."
)
UK = (
    "Жебракують філософи при ґанку церкви в Гадячі, ще й шатро їхнє п'яне знаємо. Щастя, дзвін, джерело, юнак, "
    "сьогодні, ллє, дядько, зілля, вовк, кінь, бур'ян, пюре, обличчя, суддя, ніч, OpenAI."
)


@pytest.mark.parametrize(("language", "text", "count"), [("en", EN, 13), ("uk", UK, 10)])
async def test_no_phoneme_of_a_pangram_is_left_without_a_shape(
    engine: EspeakEngine, monkeypatch: pytest.MonkeyPatch, language: str, text: str, count: int
) -> None:
    heard: set[str] = set()
    monkeypatch.setattr(Timeline, "on_phoneme", lambda _timeline, _at, mnemonic: heard.add(mnemonic))
    await engine.speak_all(text, language)
    shapeless = {mnemonic for mnemonic in heard if not shapes(mnemonic)}
    assert {mnemonic for mnemonic in shapeless if mnemonic[0] not in "h(;"} == set()
    assert len({shape for mnemonic in heard for shape in shapes(mnemonic)}) >= count


def test_h_takes_the_shape_of_what_follows_and_a_diphthong_turns_half_way() -> None:
    timeline = Timeline()
    timeline.on_phoneme(0, "h")
    timeline.on_phoneme(100, "aI")
    timeline.on_phoneme(1100, "_")
    timeline.finish(2000)
    assert timeline.visemes == [Viseme(0, "aa"), Viseme(605, "ih"), Viseme(1100, "sil")]


def test_a_word_ends_where_the_next_begins_or_the_pause_before_it() -> None:
    timeline = Timeline()
    timeline.on_word(0, 2)
    timeline.on_phoneme(0, "a")
    timeline.on_word(500, 6)
    timeline.on_phoneme(500, "a")
    timeline.on_phoneme(900, "_:")
    timeline.on_word(1500, 9)
    timeline.on_phoneme(1500, "a")
    timeline.finish(2000)
    assert timeline.words == [Word(0, 500, 2), Word(500, 900, 6), Word(1500, 2000, 9)]


def test_nothing_is_settled_past_a_word_or_shape_whose_end_is_open() -> None:
    timeline = Timeline()
    timeline.on_word(0, 2)
    timeline.on_phoneme(0, "m")
    assert timeline.settled(1000) == 0
    timeline.on_word(600, 5)
    timeline.on_phoneme(700, "a")
    assert timeline.settled(1000) == 600
    assert timeline.take(600) == ((Viseme(0, "PP"),), (Word(0, 600, 2),))
