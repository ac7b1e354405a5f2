"""The rules of turn-taking on scripted probabilities."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_asr.actions import Action, Decode, Final, Look, Partial, Started, Stopped
from avatar_asr.rules import Rules, rules_of
from avatar_asr.settings import AsrSettings
from avatar_asr.turns import Turns

FRAME = 512
S = 16_000


def ruled(**changes: float) -> Rules:
    """The rules as they ship, with some changed."""
    return replace(rules_of(AsrSettings()), **changes)


@dataclass
class Script:
    """Feeds frames to `Turns` and answers what it asks, `decode_s` and `look_s` later."""

    rules: Rules = field(default_factory=ruled)
    complete: float = 0.9
    decode_s: float = 0.08
    look_s: float = 0.06
    first_turn: int = 0
    text: str | None = None

    def __post_init__(self) -> None:
        self.turns = Turns(self.rules, self.first_turn)
        self.at = 0
        self.loud = 0
        self.actions: list[Action] = []
        self.when: list[int] = []
        self.owed: list[tuple[int, Action]] = []

    def frames(self, count: int, probability: float, *, loud: bool | None = None) -> Script:
        for _ in range(count):
            self.at += FRAME
            if probability > 0.5 if loud is None else loud:
                self.loud = self.at
            self.take(self.turns.step(probability, self.at, self.loud))
            self.answer()
        return self

    def voice(self, seconds: float) -> Script:
        return self.frames(round(seconds * S / FRAME), 0.97)

    def silence(self, seconds: float) -> Script:
        return self.frames(round(seconds * S / FRAME), 0.02)

    def answer(self) -> None:
        while ready := [debt for debt in self.owed if debt[0] <= self.at]:
            debt = ready[0]
            self.owed.remove(debt)
            request = debt[1]
            if isinstance(request, Decode):
                words = f"<{request.start}-{request.end}>" if self.text is None else self.text
                self.take(self.turns.decoded(request.job, words))
            elif isinstance(request, Look):
                self.take(self.turns.looked(request.job, self.complete))

    def take(self, actions: list[Action]) -> None:
        self.actions += actions
        self.when += [self.at] * len(actions)
        for action in actions:
            if isinstance(action, Decode):
                self.owed.append((self.at + round(self.decode_s * S), action))
            elif isinstance(action, Look):
                self.owed.append((self.at + round(self.look_s * S), action))

    def of(self, kind: type) -> list:
        return [action for action in self.actions if isinstance(action, kind)]

    def at_of(self, kind: type) -> list[float]:
        return [when / S for action, when in zip(self.actions, self.when, strict=True) if isinstance(action, kind)]


def test_a_turn_that_sounds_finished_ends_at_the_minimal_silence():
    script = Script().silence(0.5).voice(1.5).silence(1.5)
    (final,) = script.of(Final)
    assert final.reason == "smart_turn"
    assert final.probability == 0.9
    assert final.turn == 1
    (at,) = script.at_of(Final)
    assert 0.3 <= at - final.end / S < 0.3 + 2 * FRAME / S


@pytest.mark.parametrize(
    ("probability", "seconds"),
    [(1.0, 0.3), (0.8, 0.3), (0.65, 0.45), (0.51, 0.59), (0.5, 1.0), (0.1, 1.0), (None, 1.0)],
)
def test_the_less_a_turn_sounds_finished_the_longer_the_silence(probability, seconds):
    assert ruled().needed_silence(probability) == pytest.approx(seconds * S)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted), st.floats(0, 1))
def test_more_certainty_never_waits_longer(probabilities, threshold):
    rules = ruled(end_threshold=threshold)
    doubtful, certain = (rules.needed_silence(probability) for probability in probabilities)
    assert rules.min_silence <= certain <= doubtful <= rules.silence_cap


def test_a_turn_that_sounds_unfinished_ends_at_the_silence_cap():
    script = Script(complete=0.2).silence(0.5).voice(1.5).silence(1.5)
    (final,) = script.of(Final)
    assert final.reason == "silence"
    (at,) = script.at_of(Final)
    assert 1.0 <= at - final.end / S < 1.0 + 2 * FRAME / S


def test_decode_and_look_start_side_by_side_soon_after_the_voice_ends():
    script = Script(rules=ruled(partial_every=0)).silence(0.5).voice(1.5).silence(0.2)
    (decode,), (look,) = script.of(Decode), script.of(Look)
    assert decode.end == look.end
    assert decode.purpose == "pause"
    assert decode.end - script.loud <= 0.1 * S


def test_silence_is_counted_from_the_last_loud_sound_not_from_the_detector():
    late = Script().silence(0.5).voice(1.5)
    late.frames(4, 0.9, loud=False).silence(1.0)  # the detector holds on for 128 ms
    (final,) = late.of(Final)
    assert final.end == late.loud
    assert late.at_of(Final)[0] - final.end / S < 0.3 + 2 * FRAME / S


def test_a_level_that_fell_long_ago_moves_the_end_by_200_ms_at_most():
    script = Script().silence(0.5).voice(1.0)
    script.frames(30, 0.9, loud=False).silence(1.5)
    (final,) = script.of(Final)
    voice_end = round(0.5 * S / FRAME) * FRAME + round(1.0 * S / FRAME) * FRAME + 30 * FRAME
    assert final.end == voice_end - 0.2 * S


def test_a_voice_that_goes_on_voids_the_pause_and_the_whole_is_decoded_again():
    script = Script().silence(0.5).voice(1.0).silence(0.2).voice(1.0).silence(1.0)
    (final,) = script.of(Final)
    pauses = [decode for decode in script.of(Decode) if decode.purpose == "pause"]
    assert len(pauses) == 2
    assert pauses[0].start == pauses[1].start
    assert final.text == f"<{pauses[1].start}-{pauses[1].end}>"


def test_the_preroll_reaches_back_before_the_first_voiced_frame():
    script = Script().silence(1.0).voice(1.0).silence(1.0)
    (started,) = script.of(Started)
    assert all(decode.start == started.at - 0.2 * S for decode in script.of(Decode))


def test_the_preroll_never_reaches_into_the_turn_before():
    script = (
        Script(rules=ruled(min_silence=1600, preroll=S)).silence(1.0).voice(1.0).silence(0.3).voice(1.0).silence(1.0)
    )
    first, second = script.of(Final)
    assert min(d.start for d in script.of(Decode) if d.end > second.start) >= first.end


def test_one_frame_of_voice_is_no_onset():
    script = Script().silence(0.5)
    for _ in range(10):
        script.frames(1, 0.9).frames(2, 0.1)
    assert script.actions == []


def test_a_run_with_too_little_voice_is_dropped_without_a_decode():
    script = Script().silence(0.5).frames(5, 0.9).silence(1.0)
    assert [type(action) for action in script.actions] == [Started, Stopped]
    assert script.of(Stopped)[0].discarded


def test_a_short_run_followed_soon_by_more_voice_is_part_of_the_turn():
    script = Script().silence(0.5).frames(5, 0.9).silence(0.25).voice(1.0).silence(1.0)
    (final,) = script.of(Final)
    assert final.start == script.of(Started)[0].at
    assert len(script.of(Started)) == 1


@pytest.mark.parametrize("text", ["", " ", "...", "?!"])
def test_a_decode_without_words_is_dropped(text):
    script = Script(text=text).silence(0.5).voice(1.0).silence(1.5)
    assert script.of(Final) == []
    assert [stop.discarded for stop in script.of(Stopped)] == [True]


def test_a_slow_decode_delays_the_final_and_nothing_else():
    script = Script(decode_s=1.4).silence(0.5).voice(0.35).silence(2.0)
    (final,) = script.of(Final)
    assert final.reason == "smart_turn"
    assert script.at_of(Final)[0] >= script.at_of(Decode)[-1] + 1.4


def test_a_failed_look_leaves_the_silence_cap():
    script = Script().silence(0.5).voice(1.0)
    script.complete = None
    script.silence(1.5)
    assert [final.reason for final in script.of(Final)] == ["silence"]


def test_partials_come_while_speaking_and_none_starts_in_a_dip():
    script = Script().silence(0.5).voice(3.0).silence(1.0)
    assert 4 <= len(script.of(Partial)) <= 6
    quiet = Script().silence(0.5).voice(0.3)
    quiet.frames(40, 0.9, loud=False)
    assert not quiet.of(Decode)


def test_partials_slow_down_with_a_slow_decoder():
    slow = Script(decode_s=0.5).silence(0.5).voice(6.0)
    assert len([decode for decode in slow.of(Decode) if decode.purpose == "partial"]) <= 4


def test_partials_can_be_turned_off():
    script = Script(rules=ruled(partial_every=0)).silence(0.5).voice(3.0)
    assert script.of(Decode) == []


def test_a_long_turn_is_decoded_in_pieces_cut_where_it_was_quiet():
    script = Script(rules=ruled(partial_every=0)).silence(0.5).voice(10.0)
    script.frames(2, 0.6)
    quiet = script.at
    script.voice(4.0).silence(1.0)
    piece, rest = (decode for decode in script.of(Decode))
    assert piece.purpose == "piece"
    assert piece.end == rest.start
    assert quiet - 2 * FRAME <= piece.end <= quiet
    (final,) = script.of(Final)
    assert final.text == f"<{piece.start}-{piece.end}> <{rest.start}-{rest.end}>"


def test_talk_without_a_pause_is_split_at_the_turn_cap_and_no_sound_is_lost_between():
    script = Script(rules=ruled(partial_every=0)).silence(0.5).voice(150.0).silence(1.0)
    finals = script.of(Final)
    assert [final.reason for final in finals] == ["split", "split", "smart_turn"]
    assert [final.turn for final in finals] == [1, 2, 3]
    for before, after in itertools.pairwise(finals):
        assert before.end == after.start
    decodes = script.of(Decode)
    assert all(before.end == after.start for before, after in itertools.pairwise(decodes))


def test_a_decoder_slower_than_speech_loses_old_pieces_and_stays_bounded():
    script = Script(rules=ruled(partial_every=0, segment=4 * S), decode_s=40.0).silence(0.5).voice(600.0)
    assert len(script.turns._waiting) <= 4
    assert script.at - script.turns.needed_from < 40 * S
    script.silence(200.0)
    assert script.turns.idle
    turns = [final.turn for final in script.of(Final)]
    assert turns == sorted(turns)


def test_turns_are_numbered_above_the_claim():
    script = Script(first_turn=41).silence(0.5).voice(1.0).silence(1.0)
    assert script.of(Final)[0].turn == 42


def test_a_typed_line_during_speech_comes_first_and_the_speech_is_renumbered():
    script = Script().silence(0.5).voice(1.0)
    number, actions = script.turns.typed()
    script.take(actions)
    script.silence(1.0)
    assert number == 2
    assert [started.turn for started in script.of(Started)] == [1, 3]
    assert [final.turn for final in script.of(Final)] == [3]


def test_a_restart_of_the_microphone_drops_the_open_turn():
    script = Script(decode_s=0.5).silence(0.5).voice(1.0)
    script.take(script.turns.restart(7))
    assert [stop.discarded for stop in script.of(Stopped)] == [True]
    script.at = 7
    script.loud = 7
    script.owed = [(0, request) for _, request in script.owed]  # the decode under way comes back later
    script.silence(0.5).voice(1.0).silence(1.5)
    assert [final.turn for final in script.of(Final)] == [2]


runs = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0.02, 0.3, 0.55, 0.7, 0.97])), max_size=40)


@given(
    runs=runs,
    complete=st.sampled_from([0.1, 0.9, None]),
    decode_s=st.sampled_from([0.0, 0.05, 0.3, 3.0]),
    typed_at=st.sets(st.integers(0, 39), max_size=3),
    text=st.sampled_from([None, "", "yes"]),
)
def test_every_run_of_voice_ends_once_and_numbers_only_grow(runs, complete, decode_s, typed_at, text):
    rules = ruled(segment=4 * S, turn_cap=6 * S)
    script = Script(rules=rules, complete=complete, decode_s=decode_s, text=text)
    typed: list[int] = []
    for index, (count, probability) in enumerate(runs):
        if index in typed_at:
            number, actions = script.turns.typed()
            typed.append(number)
            script.take(actions)
        script.frames(count, probability, loud=probability in (0.3, 0.97))
    script.silence(12.0)

    assert script.turns.idle
    started = [action.turn for action in script.of(Started)]
    assert started == sorted(set(started))
    ends = [action.turn for action in script.of(Stopped)]
    assert len(ends) == len(set(ends))
    assert set(ends) <= set(started)
    places = {action.turn: action.at for action in script.of(Started)}
    assert all(action.at >= places[action.turn] for action in script.of(Stopped))
    finals = script.of(Final)
    kept = [action.turn for action in script.of(Stopped) if not action.discarded]
    assert [final.turn for final in finals] == kept == sorted(set(kept))
    assert not set(kept) & set(typed)
    # A typed line renumbers open speech: the last number of each place is the one that ends.
    assert sorted({action.at: action.turn for action in script.of(Started)}.values()) == sorted(ends)
    assert all(final.start < final.end for final in finals)
    assert all(before.end <= after.start for before, after in itertools.pairwise(finals))


@given(seconds=st.floats(0.4, 30.0), segment=st.integers(4, 12))
def test_the_decoded_ranges_of_a_turn_cover_it_without_gap_or_overlap(seconds, segment):
    script = Script(rules=ruled(segment=segment * S, partial_every=0)).silence(0.5).voice(seconds).silence(1.5)
    decodes = script.of(Decode)
    (final,) = script.of(Final)
    assert decodes[0].start <= final.start
    assert all(before.end == after.start for before, after in itertools.pairwise(decodes))
    assert decodes[-1].end >= final.end
    assert final.text == " ".join(f"<{decode.start}-{decode.end}>" for decode in decodes)
