"""Sounds to fit and to test the ear for backchannels with, made from nothing that has to be kept.

    python backchannel_clips.py test clips.npz

Backchannels: espeak-ng's, in English and Ukrainian, and hums built from harmonics, as a closed mouth makes them.
Others: phrases that take the floor, openings of sentences, and people's onsets in the recordings of moonshine-voice.
Voices, sentences, hums and onsets of the two halves, ``fit`` and ``test``, differ; the phrases are the same. Every clip
is heard in some room, through some microphone, at some level and noise.

It runs as a process of its own: espeak-ng is no guest for a test's process.
"""

from __future__ import annotations

import ctypes
import sys
import wave
from dataclasses import dataclass

import espeakng_loader
import numpy as np
import soxr

from avatar_asr import assets
from avatar_asr.vad import FRAME_SAMPLES, VadModel

RATE = 16_000
SPEECH_DB = -26.0
CUTS_S = (0.3, 0.4, 0.5)

_VARIANTS = [
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "klatt",
    "klatt2",
    "klatt3",
    "klatt4",
    "Diogo",
    "Annie",
    "Andrea",
    "Mario",
    "Michael",
    "linda",
    "steph",
    "Alex",
    "Alicia",
    "anika",
    "max",
]
_BASES = {"en": ("en-us", "en", "en-gb-scotland"), "uk": ("uk",)}
_BACKCHANNELS = {
    "en": [
        "uh-huh",
        "hmm",
        "aha",
        "[[m:h'm:]]",
        "[[m@mh'@m]]",
        "[[mh@m]]",
        "[[VmhVm]]",
        "[[VhV]]",
        "[[@m]]",
        "[[h@m:]]",
    ],
    "uk": ["угу", "ага", "[[mhum]]", "[[umhum]]", "[[aha]]", "[[uhu]]"],
}
_COMMANDS = {
    "en": [
        "stop",
        "wait",
        "wait, stop",
        "no",
        "no no",
        "hold on",
        "hang on",
        "what about",
        "excuse me",
        "sorry",
        "but",
        "what",
        "why",
        "one moment",
        "listen",
        "actually",
        "I have a question",
        "now",
    ],
    "uk": [
        "стоп",
        "чекай",
        "зачекай",
        "ні",
        "ні-ні",
        "стривай",
        "перепрошую",
        "що",
        "чому",
        "слухай",
        "але",
        "хвилинку",
        "досить",
        "вибач",
        "можна питання",
        "не треба",
    ],
}
_SENTENCES = {
    "en": [
        "I think we should go there tomorrow.",
        "My name is Peter and I live here.",
        "Maybe we can try it again.",
        "You know what I mean, right?",
        "How about another one?",
        "And then she told me everything.",
        "Are you sure about that?",
        "Well, it was not my idea.",
        "Under the table there is a box.",
        "Can you say it once more?",
        "Never mind, go on with it.",
        "Home is where the heart is.",
        "Our meeting starts at noon.",
        "Umbrellas are over there.",
        "Who told you this story?",
        "Moving on to another topic.",
        "Let me ask you something.",
        "In my opinion it is wrong.",
        "When will the train arrive?",
        "Animals are not allowed here.",
        "Another thing is the price.",
        "We were hoping to see you.",
        "Honestly, I am not sure.",
        "It depends on the weather.",
        "Other people may disagree.",
    ],
    "uk": [
        "Мені здається, що це неправильно.",
        "Я думаю, ми підемо завтра.",
        "Ану скажи ще раз, будь ласка.",
        "Можна я щось запитаю?",
        "Не знаю, чи це так.",
        "Ми вчора говорили про інше.",
        "А ви впевнені в цьому?",
        "Угорщина межує з Україною.",
        "Мій брат живе в Одесі.",
        "Нам треба поговорити про гроші.",
        "Вона мені вчора дзвонила.",
        "Але ж ти обіцяв прийти.",
        "Коли починається зустріч?",
        "У мене є інша думка.",
        "Хто тобі це сказав?",
        "На мою думку, це дорого.",
        "Наступного разу зробимо інакше.",
        "Агов, ти мене чуєш?",
        "І ще одне запитання.",
        "Давай повернемося до початку.",
    ],
}
_HUMS = {"mm": 40, "mhm": 70, "hm": 30, "uh-huh": 30, "угу": 30, "ага": 25}


@dataclass(frozen=True)
class Clip:
    """A sound as `likeness` gets it; `cut` is 0 where it is heard to its end."""

    kind: str  # "backchannel", "hum", "command", "opening", "recording"; "within" is a recording's middle
    label: str
    voice: str
    cut: float
    samples: np.ndarray


def clips(half: str, *, rooms: int = 1, every: int = 1) -> list[Clip]:
    """The material of one half, each sound in so many `rooms`; of voices and hums only one in `every`."""
    parity = ("fit", "test").index(half)
    rng = np.random.default_rng(100 + parity)
    made: list[Clip] = []
    for kind, label, voice, sound in [*_spoken(rng, parity, every), *_hums(rng, every), *_recorded(rng, parity)]:
        length = len(sound) / RATE
        good = kind in ("backchannel", "hum")
        whole = kind in ("backchannel", "hum", "command") and length < 1.1
        for cut in (*([0.0] if whole else []), *(cut for cut in CUTS_S if cut < length)) * rooms:
            level = SPEECH_DB + (rng.uniform(-13, 2) if good else rng.uniform(-9, 4))
            made.append(Clip(kind, label, voice, cut, _heard(rng, sound, level, cut)))
    return made


def _spoken(rng, parity, every):
    say = _Espeak().say
    for language, bases in _BASES.items():
        for index, variant in enumerate(_VARIANTS[parity :: 2 * every]):
            for again in range(2):
                voice = f"{bases[(index + again) % len(bases)]}+{variant}"
                pitch, swing = int(rng.integers(15, 85)), int(rng.integers(20, 90))
                for text in _BACKCHANNELS[language]:
                    yield "backchannel", text, voice, say(text, voice, int(rng.integers(100, 190)), pitch, swing)
                speed = int(rng.integers(120, 210))
                for text in rng.choice(_COMMANDS[language], 10, replace=False):
                    yield "command", str(text), voice, say(str(text), voice, speed, pitch, swing)
                for text in rng.choice(_SENTENCES[language][parity::2], 5, replace=False):
                    yield "opening", str(text), voice, say(str(text), voice, speed, pitch, swing)


class _Espeak:
    """espeak-ng in this process."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        self._rate = self._lib.espeak_Initialize(2, 120, espeakng_loader.get_data_path().encode(), 0)
        self._parts: list[bytes] = []
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(self._take)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _take(self, samples, count, events):
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))
        return 0

    def say(self, text, voice, speed, pitch, swing):
        assert self._lib.espeak_SetVoiceByName(voice.encode()) == 0, voice
        for parameter, value in ((1, speed), (3, pitch), (4, swing)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        self._parts.clear()
        data = text.encode() + b"\0"
        utf8_and_phonemes_in_brackets = 1 | 0x100
        self._lib.espeak_Synth(data, len(data), 0, 1, 0, utf8_and_phonemes_in_brackets, None, None)
        pcm = np.frombuffer(b"".join(self._parts), "<i2").astype(np.float32) / 32_768
        return _trimmed(soxr.resample(pcm, self._rate, RATE))


def _hums(rng, every):
    for label, count in _HUMS.items():
        for index in range(count // every):
            yield "hum", label, str(index), _hum(rng, label)


def _hum(rng, label):
    """A person's hum: harmonics that fall off with their number, through the resonances of nose or open throat."""
    pitch = float(np.exp(rng.uniform(np.log(85), np.log(270))))
    rise = rng.uniform(0.85, 1.6)
    if label in ("mm", "hm"):
        parts = [_hump(rng, rng.uniform(0.18, 0.6), pitch, pitch * rng.choice([rise, rng.uniform(0.7, 1.1)]), 1.0)]
    else:
        gap = int(rng.uniform(0.03, 0.11) * RATE)
        leak = rng.uniform(0.1, 0.5) if label == "угу" else rng.uniform(0.0, 0.25)
        parts = [
            _hump(rng, rng.uniform(0.10, 0.24), pitch, pitch * rng.uniform(0.85, 1.1), rng.uniform(0.5, 1.0)),
            (np.full(gap, pitch), np.full(gap, leak), np.full(gap, rng.uniform(0.02, 0.3))),
            _hump(rng, rng.uniform(0.14, 0.34), pitch * rng.uniform(0.9, 1.1), pitch * rise, 1.0),
        ]
    hz, envelope, breath = (np.concatenate(part) for part in zip(*parts, strict=True))
    smooth = np.hanning(161) / np.hanning(161).sum()
    envelope, breath = np.convolve(envelope, smooth, "same"), np.convolve(breath, smooth, "same")
    resonances = _resonances(rng, label)

    def gain(at):
        return sum(10 ** (db / 20) / np.sqrt(1 + ((at - centre) / width) ** 2) for centre, width, db in resonances)

    phase = 2 * np.pi * np.cumsum(hz) / RATE
    tilt = rng.uniform(0.8, 1.6)
    voice = np.zeros(len(hz))
    for number in range(1, 40):
        at = hz * number
        partial = gain(at) * number**-tilt * np.sin(number * phase + rng.uniform(0, 6))
        voice += np.where(at < 7_000, partial, 0.0)
    sound = voice * envelope / np.sqrt(np.mean(voice**2))
    sound += _breath(rng, len(hz), gain) * (0.35 * breath + 0.01 * envelope)
    if label == "hm":
        start = _breath(rng, int(rng.uniform(0.03, 0.1) * RATE), gain) * rng.uniform(0.05, 0.25)
        sound = np.concatenate([start, sound])
    return _trimmed(sound)


def _hump(rng, seconds, from_hz, to_hz, loudness):
    count = int(seconds * RATE)
    t = np.linspace(0, 1, count)
    hz = from_hz + (to_hz - from_hz) * t ** rng.uniform(0.6, 1.6)
    hz *= 1 + 0.01 * np.cumsum(rng.normal(0, 1, count)) / np.sqrt(count)
    rise, fall = t * seconds / rng.uniform(0.02, 0.07), (1 - t) * seconds / rng.uniform(0.03, 0.12)
    return hz, loudness * np.minimum(1, np.minimum(rise, fall)), np.zeros(count)


def _resonances(rng, label):
    """(Hz, width, dB) of a closed mouth's nose, and of [u], [a] and a neutral throat."""
    if label in ("mm", "mhm", "hm"):
        first = (rng.uniform(230, 320), rng.uniform(50, 110), 0)
        return first, (rng.uniform(900, 1_300), 180, -rng.uniform(10, 20)), (rng.uniform(2_000, 2_600), 250, -23)
    if label == "угу":
        first, second = (rng.uniform(290, 400), 80, 0), (rng.uniform(620, 850), 100, -rng.uniform(4, 10))
        return first, second, (rng.uniform(2_100, 2_600), 200, -rng.uniform(18, 30))
    if label == "ага":
        first, second = (rng.uniform(620, 820), 110, 0), (rng.uniform(1_050, 1_400), 120, -rng.uniform(2, 8))
        return first, second, (rng.uniform(2_300, 2_800), 200, -rng.uniform(12, 24))
    first, second = (rng.uniform(480, 680), 100, 0), (rng.uniform(1_000, 1_350), 130, -rng.uniform(4, 12))
    return first, second, (rng.uniform(2_200, 2_700), 200, -rng.uniform(14, 26))


def _breath(rng, count, gain):
    hz = np.fft.rfftfreq(count, 1 / RATE)
    noise = np.fft.irfft(np.fft.rfft(rng.normal(0, 1, count)) * gain(hz) * (1 + hz / 2_000), count)
    return noise / noise.std()


def _recorded(rng, parity):
    model = VadModel()
    model.load()
    for name in ("two_cities.wav", "beckett.wav", "endgame_nagg_nell.wav"):
        with wave.open(str(assets.find("moonshine_voice", "assets", name))) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32_768
            sound = sound.reshape(-1, file.getnchannels()).mean(axis=1)
            if file.getframerate() != RATE:
                sound = soxr.resample(sound, file.getframerate(), RATE)
        vad = model.open()
        starts = range(0, len(sound) - FRAME_SAMPLES, FRAME_SAMPLES)
        voiced = [vad.probability(sound[at : at + FRAME_SAMPLES].astype(np.float32)) >= 0.5 for at in starts]
        onsets = [
            at for at in range(4, len(voiced) - 12) if voiced[at] and voiced[at + 1] and not any(voiced[at - 4 : at])
        ]
        for at in onsets[parity::2]:
            yield "recording", name, str(at), sound[at * FRAME_SAMPLES :][: 2 * RATE]
        inside = [at for at in range(len(voiced) - 12) if all(voiced[at : at + 8])]
        for at in rng.choice(inside[parity::2], 30):
            yield "within", name, str(at), sound[at * FRAME_SAMPLES :][: 2 * RATE]


def _heard(rng, sound, level_db, cut):
    """`sound` as a microphone in some room gives it, up to `cut` seconds or with some quiet after its end."""
    sound = sound[: RATE * 3 // 4 if cut else RATE * 3 // 2]
    count = len(sound)
    size = 1 << (count + RATE // 4).bit_length()
    spectrum = np.fft.rfft(sound, size)
    if rng.random() < 0.6:
        decay_s = rng.uniform(0.15, 0.5)
        tail = np.arange(int(decay_s * RATE / 2))
        room = rng.normal(0, 1, len(tail)) * np.exp(-6.9 * tail / (decay_s * RATE))
        room *= rng.uniform(0.05, 0.5) / np.sqrt((room**2).sum())
        room[0] = 1
        spectrum *= np.fft.rfft(room, size)
    hz = np.fft.rfftfreq(size, 1 / RATE) + 1
    gain = rng.uniform(-3, 3) * np.log2(hz / 500)
    if rng.random() < 0.5:
        gain -= 10 * np.log10(1 + (rng.uniform(60, 260) / hz) ** 4)
    if rng.random() < 0.3:
        gain -= 10 * np.log10(1 + (hz / rng.uniform(3_400, 7_000)) ** 12)
    peak = rng.uniform(-4, 4) * np.exp(-((np.log2(hz / rng.uniform(200, 5_000)) / rng.uniform(0.3, 1.5)) ** 2))
    sound = np.fft.irfft(spectrum * 10 ** (np.clip(gain + peak, -40, 15) / 20), size)[:count]
    blocks = sound[: count // 160 * 160].reshape(-1, 160)
    sound *= 10 ** (level_db / 20) / np.sqrt(np.percentile((blocks**2).mean(axis=1), 90))
    sound = sound[: int(cut * RATE)] if cut else np.concatenate([sound, np.zeros(int(rng.integers(0, 3_200)))])
    sound = np.concatenate([np.zeros(int(rng.choice([0, rng.integers(0, 1_600)]))), sound])[: int(1.3 * RATE)]
    return (sound + rng.normal(0, 10 ** (rng.uniform(-75, -45) / 20), len(sound))).astype(np.float32)


def _trimmed(sound):
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    return sound[loud[0] : loud[-1] + 1]


if __name__ == "__main__":
    _, wanted, path = sys.argv
    made = clips(wanted, every=4)
    np.savez(
        path,
        kind=[clip.kind for clip in made],
        label=[clip.label for clip in made],
        cut=[clip.cut for clip in made],
        size=[len(clip.samples) for clip in made],
        sound=np.concatenate([clip.samples for clip in made]),
    )
