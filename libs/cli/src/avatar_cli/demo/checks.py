"""Whether the demo showed what it has to show; every failure is a plain sentence."""

from __future__ import annotations

from pathlib import Path

from avatar_cli.bench.words import errors
from avatar_cli.demo.picture import Movement
from avatar_cli.demo.talk import Said, Talk
from avatar_edge import TurnReport

_LONGEST_FREEZE_MS = 1000.0
_MOST_WRONG_WORDS = 0.5
_LEAST_VOICE_MS = 300.0


def problems(talk: Talk, recording: Path, movement: dict[int, Movement]) -> list[str]:
    """Everything that is missing in a finished demo, nothing when all is well.

    Args:
        talk: The conversation.
        recording: Its MP4.
        movement: What the mouth did in the recording, by turn.
    """
    found = [problem for said in talk.said for problem in _line_problems(said, movement)]
    if talk.video.longest_gap_ms > _LONGEST_FREEZE_MS:
        found.append(f"The picture froze for {talk.video.longest_gap_ms:.0f} ms.")
    if not recording.exists():
        found.append(f"{recording} was not written.")
    return found


def _line_problems(said: Said, movement: dict[int, Movement]) -> list[str]:
    heard = " ".join(turn.heard for turn in said.turns)
    wrong, words = errors(said.line.said, heard)
    found = []
    if wrong > _MOST_WRONG_WORDS * words:
        found.append(f"{said.line.said!r} was not heard: the ears made {heard!r} of it.")
    last = said.turns[-1]
    found += _turn_problems(last, movement.get(last.turn))
    return found


def _turn_problems(turn: TurnReport, movement: Movement | None) -> list[str]:
    what = f"Turn {turn.turn} ({turn.heard!r})"
    if not turn.reply or turn.errors:
        why = f": {'; '.join(turn.errors)}" if turn.errors else ""
        return [f"{what} was not answered{why}."]
    if turn.first_audio_ms is None or turn.played_ms < _LEAST_VOICE_MS:
        return [f"{what} was answered without a voice: {turn.played_ms:.0f} ms of it were played."]
    if turn.first_frame_ms is None or turn.frames == 0:
        return [f"{what} was answered without a picture: no speaking frame was shown."]
    if movement is not None and not movement.spoke:
        return [f"{what} was answered with a still mouth: it opened by {movement.opened:.3f} of the face's height."]
    return []
