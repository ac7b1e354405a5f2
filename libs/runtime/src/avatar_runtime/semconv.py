"""Names of spans and of their attributes, once. ``messaging.*`` and ``gen_ai.*`` are OpenTelemetry's own."""

from __future__ import annotations

from typing import Final

# Spans: one per stage of a turn, never one per media frame.
ASR_DECODE: Final = "asr.decode"
ASR_SMART_TURN: Final = "asr.smart_turn"
ASR_TURN: Final = "asr.turn"
LLM_REPLY: Final = "llm.reply"
LLM_FIRST_TOKEN: Final = "llm.first_token"  # noqa: S105 - a span, not a secret
TTS_FIRST_CHUNK: Final = "tts.first_chunk"
TTS_SENTENCE: Final = "tts.sentence"
FACE_FIRST_FRAME: Final = "face.first_frame"
EDGE_PLAY: Final = "edge.play"
EDGE_FIRST_AUDIO: Final = "edge.first_audio"

# Attributes of Avatar.
SESSION: Final = "avatar.session"
TURN: Final = "avatar.turn"
REPLY: Final = "avatar.reply"
SENTENCE: Final = "avatar.sentence"
ENGINE: Final = "avatar.engine"
OUTCOME: Final = "avatar.outcome"
LANGUAGE: Final = "avatar.language"
SAMPLES: Final = "avatar.samples"
WORKER: Final = "avatar.worker"

# Attributes every OpenTelemetry backend understands.
ERROR_TYPE: Final = "error.type"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE: Final = "service.instance.id"
MESSAGING_SYSTEM: Final = "messaging.system"
MESSAGING_DESTINATION: Final = "messaging.destination.name"
MESSAGING_OPERATION: Final = "messaging.operation.type"
GEN_AI_OPERATION: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER: Final = "gen_ai.provider.name"
GEN_AI_MODEL: Final = "gen_ai.request.model"
GEN_AI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
