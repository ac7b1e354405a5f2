"""Real sound through the real models, on virtual time."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_asr.actions import Cancel, Final, Started
from avatar_asr.frames import Flaw
from avatar_asr.hearing import Flawed, Hearing, LookWanted, WordsWanted
from avatar_asr.settings import AsrSettings
from avatar_contracts import MicFrame

S = 16_000


def finals(outcomes):
    return [outcome for outcome in outcomes if isinstance(outcome, Final)]


def silence(seconds):
    return np.zeros(int(seconds * S), dtype=np.float32)


def noise(seconds, level, seed=0):
    return np.random.default_rng(seed).normal(0, level, int(seconds * S)).astype(np.float32)


def chords(seconds):
    at = np.arange(int(seconds * S)) / S
    chord = sum(np.sin(2 * np.pi * hz * at) / k for k, hz in enumerate((220, 277.2, 329.6, 440, 554.4), 1))
    beat = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * 2 * at))
    return (0.1 * chord * beat).astype(np.float32)


def clicks(seconds):
    sound = noise(seconds, 0.0005)
    sound[:: S // 3] = 0.9
    return sound


def test_two_cities_is_heard_with_few_errors(listen, two_cities, two_cities_words, word_error_rate):
    sound = np.concatenate([two_cities, silence(2)]) + noise(len(two_cities) / S + 2, 3e-4)
    turns = finals(listen(sound, partial_every_s=0.0))
    assert word_error_rate(two_cities_words, " ".join(turn.text for turn in turns)) <= 0.1
    assert [turn.turn for turn in turns] == sorted({turn.turn for turn in turns})
    assert sum(turn.reason == "smart_turn" for turn in turns) > len(turns) / 2


def test_beckett_is_heard_sentence_by_sentence(listen, beckett, beckett_words, word_error_rate):
    turns = finals(listen(np.concatenate([beckett, silence(2)])))
    assert len(turns) == 6
    assert word_error_rate(beckett_words, " ".join(turn.text for turn in turns)) <= 0.25


def test_turns_that_nobody_answers_merge_into_one_with_every_word_once(listen, beckett, beckett_words, word_error_rate):
    outcomes = listen(np.concatenate([beckett, silence(2)]), tentative=True)
    turns = finals(outcomes)
    assert word_error_rate(beckett_words, turns[-1].text) <= 0.25
    assert turns[-1].continues == turns[0].turn == 1
    assert turns[-1].start == turns[0].start
    cancelled = [outcome.turn for outcome in outcomes if isinstance(outcome, Cancel)]
    assert cancelled == [turn.turn for turn in turns[:-1]]


@pytest.mark.parametrize("offset", [0.0, 0.02])
def test_the_end_of_speech_is_found_to_a_few_hundredths(listen, two_cities, offset):
    line = two_cities[int(0.5 * S) : int(4.56 * S)]
    loud = np.flatnonzero(abs(line) > 0.008)[-1]
    (turn,) = finals(listen(np.concatenate([line[: loud + 1], noise(2, 3e-4)]) + offset))
    assert abs(turn.end - loud) < 0.05 * S


@pytest.mark.parametrize(
    "sound",
    [silence(8), noise(8, 0.003), noise(8, 0.1), chords(8), clicks(8)],
    ids=["silence", "faint noise", "loud noise", "chords", "clicks"],
)
def test_what_is_no_voice_makes_no_turn(listen, sound):
    assert finals(listen(sound)) == []


def test_turns_are_told_apart_in_noise_at_10_db(listen, beckett):
    speech = np.concatenate([beckett, silence(2)])
    level = np.sqrt(np.square(beckett[abs(beckett) > 0.01]).mean()) * 10 ** (-10 / 20)
    assert len(finals(listen(speech + noise(len(speech) / S, level)))) in (5, 6)


def test_a_long_sentence_keeps_its_words_across_pieces(listen, two_cities, word_error_rate):
    sound = np.concatenate([two_cities[int(32.6 * S) : int(41.8 * S)], silence(2)])
    whole = finals(listen(sound, segment_s=12.0, partial_every_s=0.0))
    pieces = finals(listen(sound, segment_s=5.0, partial_every_s=0.0))
    assert len(whole) == len(pieces) == 1
    assert word_error_rate(whole[0].text, pieces[0].text) < 0.35


class Endless:
    """Stands in for the detector where its verdict must be known: always voice."""

    def probability(self, frame):
        return 0.99

    def reset(self):
        pass


def test_ten_minutes_without_a_pause_are_split_and_memory_stays_bounded():
    hearing = Hearing(Endless(), AsrSettings())
    pcm = (noise(0.02, 0.1) * 32_767).astype("<i2").tobytes()
    turns, longest = [], 0
    for start in range(0, 600 * S, 320):
        todo = hearing.hear(MicFrame(rate=S, start=start, pcm=pcm))
        while todo:
            outcome = todo.pop(0)
            if isinstance(outcome, WordsWanted):
                longest = max(longest, len(outcome.samples))
                todo += hearing.decoded(outcome.decode.job, "some talk of this and that")
            elif isinstance(outcome, Final):
                turns.append(outcome)
    assert len(turns) in (10, 11, 12)
    assert {turn.reason for turn in turns} == {"split"}
    assert all(45 * S < turn.end - turn.start <= 60 * S for turn in turns)
    assert longest <= 12.1 * S
    assert len(hearing._sound._buffer) <= 64 * S


def test_an_hour_of_silence_keeps_a_few_seconds_of_sound():
    class Still(Endless):
        def probability(self, frame):
            return 0.01

    hearing = Hearing(Still(), AsrSettings())
    second = bytes(2 * S)
    for start in range(0, 3_600 * S, S):
        assert hearing.hear(MicFrame(rate=S, start=start, pcm=second)) == []
    assert len(hearing._sound._buffer) <= 32 * S


def test_the_detector_sleeps_through_a_calm_background_and_misses_no_onset(ears, beckett):
    class Counting:
        def __init__(self):
            self.inner, self.runs = ears.vad.open(), 0

        def reset(self):
            self.inner.reset()

        def probability(self, frame):
            self.runs += 1
            return self.inner.probability(frame)

    room = noise(30, 5e-4)
    vad = Counting()
    hearing = Hearing(vad, AsrSettings())
    started = []
    pcm = (np.concatenate([room, beckett[: 2 * S] + noise(2, 5e-4, 1)]) * 32_767).astype("<i2")
    runs_in_room = 0
    for start in range(0, len(pcm) - 319, 320):
        outcomes = hearing.hear(MicFrame(rate=S, start=start, pcm=pcm[start : start + 320].tobytes()))
        started += [outcome.at for outcome in outcomes if isinstance(outcome, Started)]
        if start < 30 * S:
            runs_in_room = vad.runs
    assert runs_in_room < 100  # of 937 frames
    assert 30.2 * S < started[0] < 30.5 * S


def test_a_lost_second_inside_speech_is_counted_and_the_turn_goes_on(ears, beckett):
    hearing = Hearing(ears.vad.open(), AsrSettings())
    pcm = (np.concatenate([beckett[: 3 * S], silence(2)]) * 32_767).astype("<i2")
    outcomes = []
    for start in range(0, len(pcm) - 319, 320):
        if S <= start < S + 3_200:
            continue
        for outcome in hearing.hear(MicFrame(rate=S, start=start, pcm=pcm[start : start + 320].tobytes())):
            outcomes.append(outcome)
            if isinstance(outcome, WordsWanted):
                outcomes += hearing.decoded(outcome.decode.job, "words")
            elif isinstance(outcome, LookWanted):
                outcomes += hearing.looked(outcome.look.job, 0.9)
    assert [outcome.flaw for outcome in outcomes if isinstance(outcome, Flawed)] == [Flaw.GAP]
    assert finals(outcomes)
    assert len([outcome for outcome in outcomes if isinstance(outcome, Started)]) == len(finals(outcomes))
