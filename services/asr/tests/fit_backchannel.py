# ruff: noqa: T201  # it reports to whoever runs it
"""Fits the weights of `avatar_asr.backchannel` and writes them to its data file; prints the rates on both halves.

    python services/asr/tests/fit_backchannel.py

Logistic regression over the features and their squares by Newton's method, with a small ridge. Only the ``fit`` half of
the clips is learnt from; the ``test`` half is what the tests assert on.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from backchannel_clips import SPEECH_DB, clips

from avatar_asr.backchannel import FEATURES, features

_RIDGE = 0.002
_CONFUSABLE = {"ні", "ні-ні", "no", "no no", "now", "hold on", "but", "stop", "стоп", "wait"}


def _weight(clip) -> float:
    """How much a clip counts: an interruption taken for a hum is worse than the reverse, and people are few."""
    if clip.label in _CONFUSABLE:
        return 3.0
    return {"recording": 4.0, "within": 1.5, "opening": 2.5, "command": 1.3}.get(clip.kind, 1.0)


def main() -> None:
    halves = {}
    for half, rooms in (("fit", 4), ("test", 1)):
        found = clips(half, rooms=rooms)
        halves[half] = found, np.array([features(clip.samples, SPEECH_DB) for clip in found])
    found, measured = halves["fit"]
    mean, scale = measured.mean(axis=0), measured.std(axis=0)

    def design(values):
        scaled = np.clip((values - mean) / scale, -4, 4)
        return np.hstack([np.ones((len(scaled), 1)), scaled, scaled**2])

    matrix = design(measured)
    good = np.array([clip.kind in ("backchannel", "hum") for clip in found], dtype=float)
    weight = np.array([_weight(clip) for clip in found])
    theta = np.zeros(matrix.shape[1])
    for _ in range(40):
        chance = 1 / (1 + np.exp(-np.clip(matrix @ theta, -30, 30)))
        slope = matrix.T @ (weight * (chance - good)) / len(good) + _RIDGE * theta
        bend = (matrix * (weight * chance * (1 - chance))[:, None]).T @ matrix / len(good)
        theta -= np.linalg.solve(bend + _RIDGE * np.eye(len(theta)), slope)

    linear, square = theta[1 : len(FEATURES) + 1], theta[len(FEATURES) + 1 :]
    lines = [
        "# Weights of avatar_asr.backchannel, written by tests/fit_backchannel.py.",
        "# feature = [mean, scale, weight of z, weight of z squared], z = (feature - mean) / scale",
        f"bias = {theta[0]:.4f}",
        "",
        "[features]",
    ]
    for name, *row in zip(FEATURES, mean, scale, linear, square, strict=True):
        lines.append(f"{name} = [{', '.join(f'{value:.4f}' for value in row)}]")
    path = resources.files("avatar_asr") / "data" / "backchannel.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    for half, (heard, values) in halves.items():
        taken = design(values) @ theta > 0
        for kind in ("backchannel", "hum", "command", "opening", "recording", "within"):
            rates = []
            for cut in (0.0, 0.3, 0.4, 0.5):
                chosen = [
                    bool(yes) for clip, yes in zip(heard, taken, strict=True) if (clip.kind, clip.cut) == (kind, cut)
                ]
                rates.append(f"{cut or 'whole'}: {np.mean(chosen):.3f} of {len(chosen)}" if chosen else "-")
            print(f"{half:5} {kind:12} {'   '.join(rates)}")
        worst = {}
        for clip, yes in zip(heard, taken, strict=True):
            if clip.kind in ("command", "opening"):
                worst.setdefault(clip.label, []).append(bool(yes))
        order = sorted(worst, key=lambda label: -np.mean(worst[label]))[:8]
        print("      most often taken:", ", ".join(f"{label} {np.mean(worst[label]):.2f}" for label in order))


if __name__ == "__main__":
    main()
