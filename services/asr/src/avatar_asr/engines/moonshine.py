"""Moonshine tiny: English speech recognition on one CPU core, with no download.

The weights come from the moonshine-voice wheel; its runtime is not used. Run directly, one set of weights serves all
sessions, a decode takes a third of the processor time, and the words of the last decode can be offered as a draft.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avatar_asr import assets
from avatar_asr.engines.base import RATE_HZ
from avatar_asr.inference import open_model
from avatar_runtime.engines import EngineInfo

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime as ort

_START, _END = 1, 2
_HEADS, _HEAD_SIZE = 8, 36
_TOKENS_PER_S = 6.5
_TAIL_SAMPLES = RATE_HZ * 120 // 1_000
_SHORTEST_SAMPLES = RATE_HZ // 2
_DITHER = 3e-4
# Measured on two_cities.wav in three levels of noise: trying again at these cuts where the mean log-probability of the
# tokens is below the doubt took the word error rate from 0.087 to 0.059, at 0.57 more decodes a turn.
_DOUBT = -0.13
_CUTS_SAMPLES = (RATE_HZ * 100 // 1_000, RATE_HZ * 150 // 1_000)

Floats = npt.NDArray[np.float32]


class Moonshine:
    """The engine: one encoder and one decoder session, shared by all decoders."""

    info = EngineInfo(
        name="moonshine",
        languages=("en",),
        rate=RATE_HZ,
        device="cpu",
        licence="MIT; model Moonshine tiny-en by Useful Sensors (Moonshine AI), MIT",
        needs="nothing: the model is in the installed moonshine-voice package; it understands English only",
    )

    def __init__(self) -> None:
        self._model: _Model | None = None

    def load(self) -> None:
        """Read the model and decode once, so that the first real decode is as fast as the others."""
        self._model = _Model(assets.find("moonshine_voice", "assets", "tiny-en"))
        self.open().decode(np.zeros(RATE_HZ, dtype=np.float32))

    def open(self) -> MoonshineDecoder:
        """A decoder for one session: a few kB beside the shared weights."""
        assert self._model is not None, "load() first"
        return MoonshineDecoder(self._model)

    def close(self) -> None:
        """Free the weights."""
        self._model = None


def create(settings: Any) -> Moonshine:
    """The engine of the setting ``engine = "moonshine"``; it has no settings of its own."""
    return Moonshine()


class MoonshineDecoder:
    """Decodes greedily, trying the words of its last decode first.

    Speech that has grown by half a second usually begins with the same words. One run of the decoder checks the whole
    draft; only what follows the first difference is decoded word by word.

    Attributes:
        patience_s: A careful decode makes no further attempt later than this.
    """

    def __init__(self, model: _Model) -> None:
        self.patience_s = 0.15
        self._model = model
        self._draft: list[int] = []
        self._noise = np.random.default_rng(0).normal(0.0, _DITHER, RATE_HZ).astype(np.float32)

    def decode(self, samples: Floats, *, careful: bool = False) -> str:
        """See `Decoder.decode`. About 8 ms a second of speech and 3 ms a new word on one core.

        The model is small enough to stumble over where the sound begins. Where it is in doubt, a careful decode
        tries again with less of the quiet before the voice, and keeps the words it is surest of.
        """
        if samples.ndim != 1 or samples.dtype != np.float32 or not len(samples) or not np.isfinite(samples).all():
            raise ValueError(
                f"cannot decode {samples.dtype}{list(samples.shape)}: needs float32 samples [n], n > 0, all finite"
            )
        until = time.monotonic() + self.patience_s
        tokens, certainty = self._attempt(samples)
        for cut in _CUTS_SAMPLES if careful else ():
            if certainty >= _DOUBT or len(samples) <= cut + _SHORTEST_SAMPLES or time.monotonic() > until:
                break
            again, surer = self._attempt(samples[cut:])
            if again and surer > certainty:
                tokens, certainty = again, surer
        return self._model.text(tokens)

    def _attempt(self, samples: Floats) -> tuple[list[int], float]:
        # Without a tail the last word suffers; without faint noise, digital silence is heard as words.
        padded = np.zeros(max(len(samples) + _TAIL_SAMPLES, _SHORTEST_SAMPLES), dtype=np.float32)
        padded[: len(samples)] = samples
        padded += np.resize(self._noise, len(padded))
        hidden = self._model.encode(padded)
        limit = int(len(padded) / RATE_HZ * _TOKENS_PER_S) + 4
        self._draft, certainty = self._model.words(hidden, self._draft, limit)
        return self._draft, certainty

    def close(self) -> None:
        """Forget the draft."""
        self._draft = []


class _Model:
    """Encoder, decoder and vocabulary in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._encoder: ort.InferenceSession = open_model(folder / "encoder_model.ort")
        self._decoder: ort.InferenceSession = open_model(folder / "decoder_model_merged.ort")
        self._vocabulary = _read_vocabulary(folder / "tokenizer.bin")
        names = [output.name for output in self._decoder.get_outputs()]
        self._all_outputs = names
        # The keys and values of the speech do not change from word to word: fetched once.
        self._step_outputs = [name for name in names if ".encoder." not in name]
        self._past = [name.replace("present", "past_key_values") for name in names if name != "logits"]

    def encode(self, samples: Floats) -> Floats:
        """[n] samples to [1, t, 288], t about n / 384."""
        mask = np.ones((1, len(samples)), dtype=np.int64)
        hidden: Floats = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})[0]
        return hidden

    def words(self, hidden: Floats, draft: list[int], limit: int) -> tuple[list[int], float]:
        """The most likely next token, one after another until the end or `limit`; `draft` only saves time.

        Returns:
            The tokens, and the mean log-probability of each choice.
        """
        draft = draft[:limit]
        feed: dict[str, Any] = {
            "encoder_hidden_states": hidden,
            "encoder_attention_mask": np.ones((1, 1), dtype=np.int64),  # nothing is masked; it broadcasts
            "input_ids": np.array([[_START, *draft]], dtype=np.int64),
            "use_cache_branch": np.array([False]),
        }
        feed |= dict.fromkeys(self._past, np.zeros((1, _HEADS, 0, _HEAD_SIZE), dtype=np.float32))
        outputs = dict(zip(self._all_outputs, self._decoder.run(self._all_outputs, feed), strict=True))
        scores = outputs["logits"][0]
        found: list[int] = []
        token, chance = _choose(scores[0], found)
        chances = [chance]
        while len(found) < len(draft) and token == draft[len(found)]:
            found.append(token)
            token, chance = _choose(scores[len(found)], found)
            chances.append(chance)
        for name in self._past:
            kept = outputs[name.replace("past_key_values", "present")]
            feed[name] = np.ascontiguousarray(kept[:, :, : len(found) + 1]) if ".decoder." in name else kept
        feed["use_cache_branch"] = np.array([True])
        while token != _END and len(found) < limit:
            found.append(token)
            feed["input_ids"] = np.array([[token]], dtype=np.int64)
            outputs = dict(zip(self._step_outputs, self._decoder.run(self._step_outputs, feed), strict=True))
            token, chance = _choose(outputs.pop("logits")[0, -1], found)
            chances.append(chance)
            feed |= {name.replace("present", "past_key_values"): value for name, value in outputs.items()}
        return found, sum(chances) / len(chances)

    def text(self, tokens: list[int]) -> str:
        """The words of `tokens`; bytes that are no UTF-8 are replaced."""
        joined = b"".join(self._vocabulary[token] for token in tokens if token > _END)
        return joined.decode("utf-8", errors="replace").replace("▁", " ").strip()


def _choose(scores: Floats, found: list[int]) -> tuple[int, float]:
    """The most likely token that does not carry on a loop, and its log-probability.

    On odd sounds a small model can repeat one phrase to the end: a phrase that has come three times in a row (a single
    token four times) may not begin again.
    """
    token = int(scores.argmax())
    for length in range(1, 7):
        times = 4 if length == 1 else 3
        tail = found[-length * times :]
        if len(tail) == length * times and tail == tail[:length] * times and token == tail[0]:
            scores = scores.copy()
            scores[token] = -np.inf
            token = int(scores.argmax())
    peak = float(scores[token])
    return token, -math.log(float(np.exp(scores - peak).sum()))


def _read_vocabulary(path: Path) -> list[bytes]:
    """Tokens in order of their ids, each a length (one byte, or two from 128 on: low 7 bits first) and its bytes."""
    data = path.read_bytes()
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            length = length - 128 + 128 * data[at]
            at += 1
        tokens.append(data[at : at + length])
        at += length
    return tokens
