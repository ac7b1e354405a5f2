"""The rules of turn-taking on scripted probabilities."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_asr.actions import Decode, Draft, Final, Look, Partial, Started, Stopped, Stuck
from avatar_asr.rules import rules_of
from avatar_asr.settings import AsrSettings

FRAME = 512
S = 16_000


def test_a_turn_that_sounds_finished_ends_at_the_minimal_silence(script):
    scene = script().silence(0.5).voice(1.5).silence(1.5)
    (final,) = scene.of(Final)
    assert final.reason == "smart_turn"
    assert final.probability == 0.9
    assert final.turn == 1
    (at,) = scene.at_of(Final)
    assert 0.3 <= at - final.end / S < 0.3 + 2 * FRAME / S


@pytest.mark.parametrize(
    ("probability", "seconds"),
    [(1.0, 0.3), (0.8, 0.3), (0.65, 0.45), (0.51, 0.59), (0.5, 1.0), (0.1, 1.0), (None, 1.0)],
)
def test_the_less_a_turn_sounds_finished_the_longer_the_silence(ruled, probability, seconds):
    assert ruled().needed_silence(probability) == pytest.approx(seconds * S)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted), st.floats(0, 1))
def test_more_certainty_never_waits_longer(ruled, probabilities, threshold):
    rules = ruled(end_threshold=threshold)
    doubtful, certain = (rules.needed_silence(probability) for probability in probabilities)
    assert rules.min_silence <= certain <= doubtful <= rules.silence_cap


def test_a_turn_that_sounds_unfinished_ends_at_the_silence_cap(script):
    scene = script(complete=0.2).silence(0.5).voice(1.5).silence(1.5)
    (final,) = scene.of(Final)
    assert final.reason == "silence"
    (at,) = scene.at_of(Final)
    assert 1.0 <= at - final.end / S < 1.0 + 2 * FRAME / S


def test_a_decode_starts_soon_after_the_voice_ends_and_the_look_when_it_is_done(script, ruled):
    scene = script(rules=ruled(partial_every=0)).silence(0.5).voice(1.5).silence(0.2)
    (decode,), (look,) = scene.of(Decode), scene.of(Look)
    assert decode.end < look.end <= decode.end + round((scene.decode_s + 0.04) * S)
    assert decode.purpose == "pause"
    assert decode.end - scene.loud <= 0.1 * S


def test_silence_is_counted_from_the_last_loud_sound_not_from_the_detector(script):
    late = script().silence(0.5).voice(1.5)
    late.frames(4, 0.9, loud=False).silence(1.0)  # the detector holds on for 128 ms
    (final,) = late.of(Final)
    assert final.end == late.loud
    assert late.at_of(Final)[0] - final.end / S < 0.3 + 2 * FRAME / S


def test_a_level_that_fell_long_ago_moves_the_end_by_200_ms_at_most(script):
    scene = script().silence(0.5).voice(1.0)
    scene.frames(30, 0.9, loud=False).silence(1.5)
    (final,) = scene.of(Final)
    voice_end = round(0.5 * S / FRAME) * FRAME + round(1.0 * S / FRAME) * FRAME + 30 * FRAME
    assert final.end == voice_end - 0.2 * S


def test_a_voice_that_goes_on_voids_the_pause_and_the_whole_is_decoded_again(script):
    scene = script().silence(0.5).voice(1.0).silence(0.2).voice(1.0).silence(1.0)
    (final,) = scene.of(Final)
    pauses = [decode for decode in scene.of(Decode) if decode.purpose == "pause"]
    assert len(pauses) == 2
    assert pauses[0].start == pauses[1].start
    assert final.text == f"<{pauses[1].start}-{pauses[1].end}>"


def test_the_preroll_reaches_back_before_the_first_voiced_frame(script):
    scene = script().silence(1.0).voice(1.0).silence(1.0)
    (started,) = scene.of(Started)
    assert all(decode.start == started.at - 0.2 * S for decode in scene.of(Decode))


def test_the_preroll_never_reaches_into_the_turn_before(script, ruled):
    scene = (
        script(rules=ruled(min_silence=1600, preroll=S)).silence(1.0).voice(1.0).silence(0.3).voice(1.0).silence(1.0)
    )
    first, second = scene.of(Final)
    assert min(d.start for d in scene.of(Decode) if d.end > second.start) >= first.end


def test_one_frame_of_voice_is_no_onset(script):
    scene = script().silence(0.5)
    for _ in range(10):
        scene.frames(1, 0.9).frames(2, 0.1)
    assert scene.actions == []


def test_a_run_with_too_little_voice_is_dropped_without_a_decode(script):
    scene = script().silence(0.5).frames(5, 0.9).silence(1.0)
    assert [type(action) for action in scene.actions] == [Started, Stopped]
    assert scene.of(Stopped)[0].discarded


def test_a_short_run_followed_soon_by_more_voice_is_part_of_the_turn(script):
    scene = script().silence(0.5).frames(5, 0.9).silence(0.25).voice(1.0).silence(1.0)
    (final,) = scene.of(Final)
    assert final.start == scene.of(Started)[0].at
    assert len(scene.of(Started)) == 1


@pytest.mark.parametrize("text", ["", " ", "...", "?!"])
def test_a_decode_without_words_is_dropped(script, text):
    scene = script(text=text).silence(0.5).voice(1.0).silence(1.5)
    assert scene.of(Final) == []
    assert [stop.discarded for stop in scene.of(Stopped)] == [True]


def test_a_slow_decode_delays_the_final_and_nothing_else(script):
    scene = script(decode_s=1.4).silence(0.5).voice(0.35).silence(2.0)
    (final,) = scene.of(Final)
    assert final.reason == "smart_turn"
    assert scene.at_of(Final)[0] >= scene.at_of(Decode)[-1] + 1.4


def test_a_failed_look_leaves_the_silence_cap(script):
    scene = script().silence(0.5).voice(1.0)
    scene.complete = None
    scene.silence(1.5)
    assert [final.reason for final in scene.of(Final)] == ["silence"]


def test_partials_come_while_speaking_and_none_starts_in_a_dip(script):
    scene = script().silence(0.5).voice(3.0).silence(1.0)
    assert 4 <= len(scene.of(Partial)) <= 6
    quiet = script().silence(0.5).voice(0.3)
    quiet.frames(40, 0.9, loud=False)
    assert [decode.purpose for decode in quiet.of(Decode)] == ["pause"]  # a look at the dip itself


def test_partials_slow_down_with_a_slow_decoder(script):
    slow = script(decode_s=0.5).silence(0.5).voice(6.0)
    assert len([decode for decode in slow.of(Decode) if decode.purpose == "partial"]) <= 4


def test_partials_can_be_turned_off(script, ruled):
    scene = script(rules=ruled(partial_every=0)).silence(0.5).voice(3.0)
    assert scene.of(Decode) == []


def test_a_long_turn_is_decoded_in_pieces_cut_where_it_was_quiet(script, ruled):
    scene = script(rules=ruled(partial_every=0)).silence(0.5).voice(10.0)
    scene.frames(2, 0.6)
    quiet = scene.at
    scene.voice(4.0).silence(1.0)
    piece, rest = (decode for decode in scene.of(Decode))
    assert piece.purpose == "piece"
    assert piece.end == rest.start
    assert quiet - 2 * FRAME <= piece.end <= quiet
    (final,) = scene.of(Final)
    assert final.text == f"<{piece.start}-{piece.end}> <{rest.start}-{rest.end}>"


def test_talk_without_a_pause_is_split_at_the_turn_cap_and_no_sound_is_lost_between(script, ruled):
    scene = script(rules=ruled(partial_every=0)).silence(0.5).voice(150.0).silence(1.0)
    finals = scene.of(Final)
    assert [final.reason for final in finals] == ["split", "split", "smart_turn"]
    assert [final.turn for final in finals] == [1, 2, 3]
    for before, after in itertools.pairwise(finals):
        assert before.end == after.start
    decodes = scene.of(Decode)
    assert all(before.end == after.start for before, after in itertools.pairwise(decodes))


def test_a_decoder_slower_than_speech_loses_old_pieces_and_stays_bounded(script, ruled):
    scene = script(rules=ruled(partial_every=0, segment=4 * S), decode_s=40.0).silence(0.5).voice(600.0)
    assert len(scene.turns._speech._decoding.starts) <= 4
    assert scene.at - scene.turns.needed_from < 40 * S
    scene.silence(200.0)
    assert scene.turns.idle
    turns = [final.turn for final in scene.of(Final)]
    assert turns == sorted(turns)


def test_turns_are_numbered_above_the_claim(script):
    scene = script(first_turn=41).silence(0.5).voice(1.0).silence(1.0)
    assert scene.of(Final)[0].turn == 42


def test_a_typed_line_during_speech_comes_first_and_the_speech_is_renumbered(script):
    scene = script().silence(0.5).voice(1.0)
    number, actions = scene.turns.typed()
    scene.take(actions)
    scene.silence(1.0)
    assert number == 2
    assert [started.turn for started in scene.of(Started)] == [1, 3]
    assert [final.turn for final in scene.of(Final)] == [3]


def test_a_restart_of_the_microphone_drops_the_open_turn(script):
    scene = script(decode_s=0.5).silence(0.5).voice(1.0)
    scene.take(scene.turns.restart(7))
    assert [stop.discarded for stop in scene.of(Stopped)] == [True]
    scene.at = 7
    scene.loud = 7
    scene.owed = [(0, request) for _, request in scene.owed]  # the decode under way comes back later
    scene.silence(0.5).voice(1.0).silence(1.5)
    assert [final.turn for final in scene.of(Final)] == [2]


# --- pauses seen early, drafts, words that promise more ---------------------------------------------------------------


def test_a_pause_is_seen_by_its_level_while_the_detector_still_holds_on(script, ruled):
    scene = script(rules=ruled(partial_every=0)).silence(0.5).voice(1.5)
    quiet_from = scene.at
    scene.frames(5, 0.9, loud=False).silence(1.0)
    (decode,), (look,) = scene.of(Decode), scene.of(Look)
    assert 0.064 * S <= decode.end - quiet_from <= 0.1 * S
    assert look.end > decode.end
    (final,) = scene.of(Final)
    assert final.end == quiet_from
    assert final.text == f"<{decode.start}-{decode.end}>"


@pytest.mark.parametrize("min_silence_s", [0.1, 0.2])
def test_no_turn_ends_while_the_detector_still_holds_on(script, ruled, min_silence_s):
    scene = script(rules=ruled(min_silence=round(min_silence_s * S)), decode_s=0.0, look_s=0.0).silence(0.5).voice(1.5)
    scene.frames(6, 0.9, loud=False)
    assert scene.of(Final) == []
    assert len(scene.of(Draft)) == 1


def test_a_voice_too_faint_to_stand_out_is_looked_at_once_and_decoded_whole_at_its_end(script, ruled):
    scene = script(rules=ruled(partial_every=0)).silence(0.5).voice(1.0)
    scene.frames(40, 0.9, loud=False).silence(1.0)
    early, whole = scene.of(Decode)
    assert whole.end - early.end > S
    assert [final.text for final in scene.of(Final)] == [f"<{whole.start}-{whole.end}>"]


def test_a_closure_inside_a_word_is_no_pause_for_long(script):
    scene = script(rules=rules_of(AsrSettings(partial_every_s=0.0))).silence(0.5).voice(0.5)
    scene.frames(3, 0.9, loud=False).voice(0.5).silence(1.0)
    assert [final.turn for final in scene.of(Final)] == [1]
    assert scene.of(Draft)[-1].text == scene.of(Final)[0].text


def test_a_draft_comes_within_200_ms_of_the_pause_and_the_final_has_its_words(script):
    scene = script().silence(0.5).voice(1.5).silence(1.0)
    (draft,), (final,) = scene.of(Draft), scene.of(Final)
    assert (draft.turn, draft.revision, draft.text, draft.end) == (1, 1, final.text, final.end)
    assert scene.at_of(Draft)[0] - final.end / S <= 0.2
    assert scene.at_of(Draft)[0] < scene.at_of(Final)[0]


def test_a_draft_that_the_voice_overtook_is_never_sent(script):
    scene = script(decode_s=0.2).silence(0.5).voice(1.0).silence(0.15).voice(1.0)
    assert scene.of(Draft) == []


def test_a_turn_has_three_drafts_and_keeps_the_last_for_a_likely_end(script):
    scene = script(complete=0.1).silence(0.5)
    for _ in range(5):
        scene.voice(0.6).silence(0.25)
    assert [draft.revision for draft in scene.of(Draft)] == [1, 2]
    scene.silence(1.0)
    (final,) = scene.of(Final)
    assert [draft.revision for draft in scene.of(Draft)] == [1, 2, 3]
    assert scene.of(Draft)[-1].text == final.text


def test_the_same_words_are_not_drafted_twice(script):
    scene = script(text="same words").silence(0.5).voice(0.6).silence(0.25).voice(0.1).silence(1.0)
    assert len(scene.of(Draft)) == 1


def test_speech_beyond_ten_seconds_has_no_drafts(script):
    scene = script().silence(0.5).voice(10.5).silence(1.0)
    assert scene.of(Draft) == []
    assert len(scene.of(Final)) == 1


@pytest.mark.parametrize("text", ["", "you", "I want the"])
def test_nothing_invented_or_unfinished_is_drafted(script, text):
    assert script(text=text).silence(0.5).voice(1.0).silence(0.9).of(Draft) == []


def test_drafts_can_be_turned_off(script):
    scene = script()
    scene.take(scene.turns.configure(scene.rules, "converse", speculate=False))
    assert scene.silence(0.5).voice(1.0).silence(1.0).of(Draft) == []
    assert len(scene.of(Final)) == 1


@pytest.mark.parametrize("complete", [0.99, 0.1, None])
def test_words_that_promise_more_hold_the_turn_to_1_8_s_whatever_it_sounds_like(script, complete):
    scene = script(text="I want the", complete=complete).silence(0.5).voice(1.0).silence(2.5)
    (final,) = scene.of(Final)
    assert 1.8 <= scene.at_of(Final)[0] - final.end / S <= 1.8 + 2 * FRAME / S


def test_a_phrase_invented_on_noise_is_no_turn(script):
    scene = script(text="you").silence(0.5).voice(0.6).silence(1.5)
    assert scene.of(Final) == scene.of(Partial) == []
    assert scene.discarded == 1


def test_a_draft_is_renewed_under_the_new_number_after_a_typed_line(script):
    scene = script().silence(0.5).voice(1.0).silence(0.2)
    scene.take(scene.turns.typed()[1])
    scene.silence(1.0)
    assert [(draft.turn, draft.revision) for draft in scene.of(Draft)] == [(1, 1), (3, 1)]


# --- a microphone that brings voice and no words ----------------------------------------------------------------------


def test_half_a_minute_of_voice_without_a_word_is_a_stuck_microphone_until_it_is_quiet(script):
    scene = script(text="").silence(0.5).voice(120.0)
    (stuck,) = scene.of(Stuck)
    assert 30.0 <= scene.at_of(Stuck)[0] - stuck.at / S <= 31.0
    assert scene.of(Final) == []
    assert scene.discarded == len(scene.of(Started)) == 1
    asked = len(scene.of(Decode))
    assert scene.voice(30.0).of(Decode)[asked:] == []
    scene.silence(0.3).voice(1.0, "here I am").silence(1.0)
    assert [final.text for final in scene.of(Final)] == ["here I am"]


def test_a_person_who_talks_for_long_is_not_stuck(script):
    scene = script().silence(0.5).voice(120.0).silence(1.0)
    assert scene.of(Stuck) == []
    assert len(scene.of(Final)) == 3


def test_a_decoder_that_never_answers_does_not_make_a_person_a_stuck_microphone(script):
    scene = script(decode_s=300.0).silence(0.5).voice(50.0)
    assert scene.of(Stuck) == []


runs = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0.02, 0.3, 0.55, 0.7, 0.97])), max_size=40)


@given(
    runs=runs,
    complete=st.sampled_from([0.1, 0.9, None]),
    decode_s=st.sampled_from([0.0, 0.05, 0.3, 3.0]),
    typed_at=st.sets(st.integers(0, 39), max_size=3),
    text=st.sampled_from([None, "", "yes"]),
)
def test_every_run_of_voice_ends_once_and_numbers_only_grow(script, ruled, *, runs, complete, decode_s, typed_at, text):
    rules = ruled(segment=4 * S, turn_cap=6 * S)
    scene = script(rules=rules, complete=complete, decode_s=decode_s, text=text)
    typed: list[int] = []
    for index, (count, probability) in enumerate(runs):
        if index in typed_at:
            number, actions = scene.turns.typed()
            typed.append(number)
            scene.take(actions)
        scene.frames(count, probability, loud=probability in (0.3, 0.97))
    scene.silence(30.0)  # the slowest decoder has four pieces and the last words to go

    assert scene.turns.idle
    started = [action.turn for action in scene.of(Started)]
    assert started == sorted(set(started))
    ends = [action.turn for action in scene.of(Stopped)]
    assert len(ends) == len(set(ends))
    assert set(ends) <= set(started)
    places = {action.turn: action.at for action in scene.of(Started)}
    assert all(action.at >= places[action.turn] for action in scene.of(Stopped))
    finals = scene.of(Final)
    kept = [action.turn for action in scene.of(Stopped) if not action.discarded]
    assert [final.turn for final in finals] == kept == sorted(set(kept))
    assert not set(kept) & set(typed)
    # A typed line renumbers open speech: the last number of each place is the one that ends.
    assert sorted({action.at: action.turn for action in scene.of(Started)}.values()) == sorted(ends)
    assert all(final.start < final.end for final in finals)
    assert all(before.end <= after.start for before, after in itertools.pairwise(finals))


@given(seconds=st.floats(0.4, 30.0), segment=st.integers(4, 12))
def test_the_decoded_ranges_of_a_turn_cover_it_without_gap_or_overlap(script, ruled, seconds, segment):
    scene = script(rules=ruled(segment=segment * S, partial_every=0)).silence(0.5).voice(seconds).silence(1.5)
    decodes = scene.of(Decode)
    (final,) = scene.of(Final)
    assert decodes[0].start <= final.start
    assert all(before.end == after.start for before, after in itertools.pairwise(decodes))
    assert decodes[-1].end >= final.end
    assert final.text == " ".join(f"<{decode.start}-{decode.end}>" for decode in decodes)
