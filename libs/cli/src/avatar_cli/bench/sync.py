"""How far the lips lag the voice, measured from the produced video with face landmarks."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar_cli import recordings
from avatar_cli.bench.figures import Figure, Limit, percentile, spread
from avatar_cli.errors import BenchFailed
from avatar_cli.joined import answered, joined
from avatar_cli.movie import Clapper, native_chatter_hidden, pictures
from avatar_cli.stack import Stack
from avatar_edge import FileMic, MemoryOut, Recorder
from avatar_face import lipsync

_FPS = 25
_LIMIT = (Limit("p50", 60.0),)
_AROUND_S = 0.4


def measure(stack: Stack, replies: int) -> list[Figure]:
    """Record a call of `replies` answers and compare lips and voice of each."""
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "call.mp4"
        spans, voice, rate = asyncio.run(_record(stack.plan.bus_url, replies, recording))
        lags = [_lag(recording, span, voice, rate) for span in spans]
    command = "avatar bench --only sync"
    signed = percentile([lag_ms for lag_ms, _ in lags], 0.5)
    weakest = min(correlation for _, correlation in lags)
    return [
        Figure(
            name="lip_lag_ms",
            statistics=spread([abs(lag_ms) for lag_ms, _ in lags]),
            command=command,
            limits=_LIMIT,
            note=f"median {signed:+.0f} ms, lips after voice counted positive; correlation at least {weakest:.2f}",
        )
    ]


async def _record(
    url: str, replies: int, recording: Path
) -> tuple[list[tuple[float, float]], NDArray[np.float64], int]:
    """Spans of the answers in seconds of the recording, and the clone's voice from second 0 on (full scale 1.0)."""
    lines = recordings.TWO_CITIES[1 : 1 + replies]
    mic, out, clapper = FileMic(noise_dbfs=-70.0), MemoryOut(), Clapper()
    spans = []
    async with joined(url, mic, out, clapper, Recorder(recording, width=512, height=512, fps=_FPS)) as call:
        await asyncio.sleep(1.0)
        for sound in recordings.cut("two_cities.wav", lines):
            before = len(call.turns)
            utterance = await mic.say(sound)
            turn = (await answered(call, before))[-1]
            if turn.first_audio_ms is None or clapper.began_at is None:
                raise BenchFailed(f"No voice answered {turn.heard!r}: {'; '.join(turn.errors) or 'no error reported'}.")
            begins_s = mic.time_of(utterance.voiced_end) + turn.first_audio_ms / 1000 - clapper.began_at
            spans.append((begins_s - _AROUND_S, begins_s + turn.played_ms / 1000 + _AROUND_S))
    assert clapper.began_at is not None
    offset = round((clapper.began_at - out.began_at) * out.rate)
    voice = out.samples().astype(np.float64) / 32_768
    aligned = voice[offset:] if offset >= 0 else np.concatenate([np.zeros(-offset), voice])
    return spans, aligned, out.rate


def _lag(recording: Path, span: tuple[float, float], voice: NDArray[np.float64], rate: int) -> tuple[float, float]:
    first = round(span[0] * _FPS)
    start_s, end_s = first / _FPS, span[1]
    sound = voice[round(start_s * rate) : round(end_s * rate)]
    with native_chatter_hidden():
        measured = lipsync.measure(pictures(recording, start_s - 0.25 / _FPS, end_s), _FPS, sound, rate)
    return measured.lag_ms, measured.correlation
