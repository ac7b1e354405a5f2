"""What the demo leaves behind in words and figures: demo.json and the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from avatar_cli import machine
from avatar_cli.console import table
from avatar_cli.demo.talk import Talk

_SKEW = ("p50", "p95", "max")


def document(talk: Talk) -> dict[str, Any]:
    """The content of demo.json."""
    video = talk.video
    return {
        "machine": machine.describe(),
        "turns": [
            {
                "said": said,
                "heard": turn.heard,
                "reply": turn.reply,
                "first_audio_ms": _rounded(turn.first_audio_ms),
                "first_frame_ms": _rounded(turn.first_frame_ms),
                "stages_ms": {stage: round(ms, 1) for stage, ms in turn.stages_ms.items()},
                "interrupted": turn.interrupted,
            }
            for said, turn in talk.turns
        ],
        "video": {
            "width": video.width,
            "height": video.height,
            "fps": round(video.fps, 2),
            "frames": video.frames,
            "dropped": video.dropped,
            "longest_gap_ms": round(video.longest_gap_ms, 1),
        },
        "av_skew_ms": {name: round(talk.skew_ms[name], 1) for name in _SKEW},
    }


def write(document: dict[str, Any], path: Path) -> None:
    """Write demo.json."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")


def show(talk: Talk) -> None:
    """Print what was heard and answered, and where each millisecond went."""
    rows = [(turn.heard, turn.reply, _ms(turn.first_audio_ms), _ms(turn.first_frame_ms)) for _, turn in talk.turns]
    table("", ("heard", "answered", "voice ms", "picture ms"), rows, right=("voice ms", "picture ms"))
    stages = list(dict.fromkeys(stage for _, turn in talk.turns for stage in turn.stages_ms))
    times = [(str(turn.turn), *(_ms(turn.stages_ms.get(stage)) for stage in stages)) for _, turn in talk.turns]
    table("milliseconds of each stage", ("turn", *stages), times, right=("turn", *stages))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
