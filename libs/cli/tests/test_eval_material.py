import numpy as np
import pytest

from avatar_asr.engines.moonshine import Moonshine, MoonshineDecoder
from avatar_cli.bench import words
from avatar_cli.eval import cuts, material, plan, synthetic
from avatar_cli.eval.material import RATE

FUNCTION_WORDS = {"a", "and", "from", "had", "in", "its", "of", "that", "the", "was", "you"}
QUIET = np.zeros(RATE // 8, np.float32)


@pytest.fixture(scope="module")
def decoder() -> MoonshineDecoder:
    engine = Moonshine()
    engine.load()
    return engine.open()


def heard(decoder: MoonshineDecoder, samples: np.ndarray) -> list[str]:
    return words.normalise(decoder.decode(np.concatenate([QUIET, samples, QUIET]).astype(np.float32)))


def test_every_cut_lies_between_the_words_that_the_table_says(decoder: MoonshineDecoder) -> None:
    misheard = []
    for cut in cuts.CUTS:
        speech = material.paused(cut, 0.6)
        first, second = speech.spans
        middle = round((first.end_s + second.start_s) / 2 * RATE)
        before, after = heard(decoder, speech.samples[:middle]), heard(decoder, speech.samples[middle:])
        said_before, said_after = words.normalise(cut.first), words.normalise(cut.second)
        # A word more or less on either side of the pause would be a wrong cut; a small model may mishear one.
        assert abs(len(before) - len(said_before)) <= 1, (cut, before)
        assert abs(len(after) - len(said_after)) <= 2, (cut, after)
        misheard += [cut] if before[-1:] != said_before[-1:] and after[:1] != said_after[:1] else []
    assert len(misheard) <= len(cuts.CUTS) // 10, misheard


def test_the_kinds_of_cut_are_what_their_last_word_says() -> None:
    for cut in cuts.CUTS:
        last = cut.first.split()[-1]
        assert last.endswith(",") is (cut.kind == "comma"), cut
        if cut.kind != "comma":
            assert (last in FUNCTION_WORDS) is (cut.kind == "function"), cut
    assert len(cuts.of_kind("function")) >= 20
    assert len(cuts.of_kind("content")) >= 8
    assert len(cuts.of_kind("comma")) >= 8


@pytest.mark.parametrize("pause_s", [0.2, 0.6, 1.5])
def test_a_pause_is_as_long_as_it_is_said_to_be(pause_s: float) -> None:
    for cut in cuts.CUTS:
        first, second = material.paused(cut, pause_s).spans
        assert second.start_s - first.end_s == pytest.approx(pause_s, abs=0.011), cut


def test_recordings_of_any_level_are_brought_to_the_level_of_speech() -> None:
    for recording in (cuts.CITIES, cuts.ENDGAME):
        speech = material.paused(next(cut for cut in cuts.CUTS if cut.recording == recording), 0.3)
        windows = speech.samples[: len(speech.samples) // 160 * 160].reshape(-1, 160)
        loud_db = 10 * np.log10(np.percentile(np.mean(windows**2, axis=1), 75))
        assert loud_db == pytest.approx(material.SPEECH_DBFS, abs=5)


def test_every_sound_has_its_kind_and_the_interruptions_are_understood(decoder: MoonshineDecoder) -> None:
    sounds = synthetic.load()
    kinds = [each.kind for each in sounds]
    assert {kind: kinds.count(kind) for kind in kinds} == {"interruption": 6, "backchannel": 12, "noise": 6, "aside": 3}
    pairs = [(each.name, " ".join(heard(decoder, each.speech.samples))) for each in sounds if each.kind == kinds[0]]
    assert words.error_rate(pairs) < 0.2
    level = {
        kind: max(float(np.sqrt(np.mean(each.speech.samples**2))) for each in sounds if each.kind == kind)
        for kind in kinds
    }
    assert level["aside"] < level["interruption"] * 10 ** (-15 / 20)
    for each in sounds:
        (span,) = each.speech.spans
        assert 0 <= span.start_s < span.end_s <= len(each.speech.samples) / RATE, each.name


def test_a_hum_is_voiced_low_and_has_as_many_pulses_as_asked() -> None:
    wave = synthetic.hum(0.6, 2)
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    frequencies = np.fft.rfftfreq(len(wave), 1 / RATE)
    assert spectrum[frequencies < 800].sum() > 0.95 * spectrum.sum()
    envelope = np.convolve(np.abs(wave), np.ones(800) / 800, "same")
    middle = envelope[len(wave) // 2]
    assert middle < 0.3 * envelope[: len(wave) // 2].max()
    assert middle < 0.3 * envelope[len(wave) // 2 :].max()


def test_the_full_plan_holds_every_pause_and_kind_and_stays_within_what_a_call_remembers() -> None:
    jobs = plan.jobs(False, plan.NAMES, plan.PATIENCE)
    paused = {(item.kind, item.pause_s) for job in jobs if job.name == "turns" for item in job.items}
    assert paused == {(kind, pause_s) for kind in plan.KINDS for pause_s in plan.PAUSES_S}
    hard = [
        item
        for job in jobs
        if job.name == "turns"
        for item in job.items
        if (item.kind, item.pause_s) == ("function", 0.6)
    ]
    assert len(hard) >= 20
    assert {job.condition.patience for job in jobs} == {"balanced", "eager", "patient"}
    assert {job.condition.snr_db for job in jobs} == {None, 20.0, 10.0, 5.0}
    assert len({job.condition.room for job in jobs if job.condition.room}) == 3
    assert max(len(job.items) for job in jobs) <= 45


def test_the_quick_plan_has_a_case_of_every_sort() -> None:
    jobs = plan.jobs(True, plan.NAMES, plan.PATIENCE)
    kinds = {item.kind for job in jobs for item in job.items}
    assert kinds == {"", "function", "content", "comma", "interruption", "backchannel", "noise", "alone"}
    assert sum(len(job.items) for job in jobs) <= 16
