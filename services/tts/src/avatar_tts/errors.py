"""The exceptions of this package."""

from __future__ import annotations

from avatar_runtime import engines


class TtsError(Exception):
    """Base of everything this package raises; `code` is the stable name used in error events."""

    code = "tts.failed"
    hint = ""


class EngineUnavailable(TtsError, engines.EngineUnavailable):
    """The engine cannot be used at all: its library, data or process will not start."""

    code = "tts.engine"
    hint = "Run `avatar doctor` to see what is missing."


class EngineDied(TtsError):
    """The engine's process ended while it was speaking; it is started again by itself."""

    code = "tts.engine_died"
    hint = "The sentence was skipped; the next one is spoken by a fresh engine process."


class EngineHung(EngineDied):
    """The engine's process gave no sound for too long and was killed."""

    code = "tts.engine_hung"


class VoiceUnknown(TtsError):
    """The engine has no voice of this name."""

    code = "tts.voice"
    hint = "Choose a voice the engine has, or leave the name empty for the default."


class LanguageUnknown(TtsError):
    """The voice cannot speak this language."""

    code = "tts.language"
    hint = "Add the language to [tts.espeak.languages], or speak one that is listed there."


class TextTooLong(TtsError):
    """A sentence nobody would speak in one go."""

    code = "tts.text_too_long"
    hint = "Send the reply in sentences."
