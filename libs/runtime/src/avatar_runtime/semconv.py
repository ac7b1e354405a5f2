"""Names of spans and of their attributes, once."""

from __future__ import annotations

from typing import Final

# Spans: one per stage of a turn, never one per media frame.
ASR_TURN: Final = "asr.turn"
LLM_REPLY: Final = "llm.reply"
LLM_FIRST_TOKEN: Final = "llm.first_token"  # noqa: S105 - a span, not a secret
TTS_FIRST_CHUNK: Final = "tts.first_chunk"
TTS_SENTENCE: Final = "tts.sentence"
FACE_FIRST_FRAME: Final = "face.first_frame"
EDGE_PLAY: Final = "edge.play"
EDGE_FIRST_AUDIO: Final = "edge.first_audio"

# Attributes of Avatar.
TURN: Final = "avatar.turn"
REPLY: Final = "avatar.reply"
SENTENCE: Final = "avatar.sentence"
ENGINE: Final = "avatar.engine"
OUTCOME: Final = "avatar.outcome"
LANGUAGE: Final = "avatar.language"

# Attributes every OpenTelemetry backend understands.
ERROR_TYPE: Final = "error.type"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE: Final = "service.instance.id"
