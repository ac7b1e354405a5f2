"""Settings of the voice service: section [tts] of avatar.toml."""

from __future__ import annotations

from typing import Annotated

import msgspec

from avatar_runtime.settings import ServiceSettings


class EspeakSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How espeak-ng sounds.

    Attributes:
        voice: Default voice: ``base``, ``+variant`` or ``base+variant``.
        languages: Language code → espeak voice base.
        speed_wpm: Words per minute.
        pitch: 0–100.
        pitch_range: 0–100; 0 is monotone.
    """

    voice: Annotated[str, msgspec.Meta(max_length=60)] = "+Diogo"
    languages: dict[str, str] = msgspec.field(default_factory=lambda: {"en": "en-us", "uk": "uk"})
    speed_wpm: Annotated[int, msgspec.Meta(ge=80, le=450)] = 155
    pitch: Annotated[int, msgspec.Meta(ge=0, le=100)] = 48
    pitch_range: Annotated[int, msgspec.Meta(ge=0, le=100)] = 60


class TtsSettings(ServiceSettings, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Settings of the voice service.

    Attributes:
        engine: Name of the voice engine.
        fallback_language: Spoken instead of a language the voice does not have; the user is told.
        first_chunk_ms: Least sound in a sentence's first chunk; the face needs 240 ms to begin.
        chunk_ms: Sound in each further chunk.
        sentences_ahead: Sentences prepared beyond the one being played.
        pace: How much faster than it sounds a reply is sent after its beginning: all at once would fill a thin link,
            and the lips would come late. 0: as fast as it is made.
        espeak: The embedded voice.
    """

    engine: str = "espeak"
    fallback_language: str = "en"
    first_chunk_ms: Annotated[int, msgspec.Meta(ge=100, le=1000)] = 240
    chunk_ms: Annotated[int, msgspec.Meta(ge=100, le=1000)] = 400
    sentences_ahead: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    pace: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1.6
    espeak: EspeakSettings = EspeakSettings()
