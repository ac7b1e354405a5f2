"""Where the milliseconds of a turn went, measured on the edge's own clock."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_runtime import metrics

_stages = metrics.histogram(
    "avatar_turn_stage_seconds",
    "Time a turn spent in each stage, seen from the edge",
    ["stage"],
    buckets=metrics.TURN_S,
)

STAGES = ("asr", "llm_first_token", "llm_first_sentence", "tts", "playout")
"""Stages one after another; they sum to ``total``. ``face`` runs beside ``playout``.

An answer begun on a draft may have its first token, sentence and sound before turn.text: those stages then took none
of the time the person waited and count 0, and ``playout`` runs from turn.text on.
"""


@dataclass
class Marks:
    """Edge clock of what happened in a turn, None for what has not.

    Attributes:
        voiced_end: The last voiced sample was captured (typed turns: the line was sent).
        speech_stopped: speech.stopped came.
        turn_text: turn.text came. What follows may have come before it.
        first_token: The first llm.delta of the reply came.
        first_sentence: Its first llm.sentence came.
        first_chunk: Its first tts.chunk came.
        first_frame: Its first video.frame came.
        first_audio: Its first audible sample was handed to the output.
        first_shown: Its first picture was handed to the camera.
    """

    voiced_end: float | None = None
    speech_stopped: float | None = None
    turn_text: float | None = None
    first_token: float | None = None
    first_sentence: float | None = None
    first_chunk: float | None = None
    first_frame: float | None = None
    first_audio: float | None = None
    first_shown: float | None = None

    def stages_ms(self) -> dict[str, float]:
        """Milliseconds of every stage that took place; one that had begun before its predecessor ended counts 0."""
        ends = (self.turn_text, self.first_token, self.first_sentence, self.first_chunk, self.first_audio)
        stages: dict[str, float] = {}
        before = self.voiced_end
        for stage, end in zip(STAGES, ends, strict=True):
            if end is None or before is None:
                continue
            stages[stage] = max(0.0, end - before) * 1000.0
            before = max(before, end)
        if (face := _between(self.first_chunk, self.first_frame)) is not None:
            stages["face"] = face
        if (total := self.since_voice_ms(self.first_audio)) is not None:
            stages["total"] = total
        return {stage: round(value, 1) for stage, value in stages.items()}

    @property
    def speculated(self) -> bool:
        """The first sentence of the answer came before the turn was known to be over."""
        return self.turn_text is not None and self.first_sentence is not None and self.first_sentence < self.turn_text

    def since_voice_ms(self, mark: float | None) -> float | None:
        """Milliseconds from the last voiced sample to a mark."""
        return _between(self.voiced_end, mark)


def observe(stages_ms: dict[str, float]) -> None:
    """Add a turn to ``avatar_turn_stage_seconds``."""
    for stage, value in stages_ms.items():
        metrics.observe(_stages.labels(stage), value / 1000.0)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start) * 1000.0
