"""The embedded voice: espeak-ng from a wheel, in its own process. No download, no GPU, first sound in a millisecond.

It also speaks offline, for a test or a demo that needs a second person's voice:

    engine = EspeakEngine(EspeakSettings(voice="en-us"))
    engine.load()
    pcm = await engine.speak_all("What time is it?", "en", voice="en+f2")   # int16 mono at engine.info.rate
    engine.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import espeakng_loader
import numpy as np

from avatar_runtime.engines import EngineInfo
from avatar_tts.engines.base import Pcm, Speech, TtsEngine
from avatar_tts.engines.espeak_events import Assembler
from avatar_tts.engines.espeak_process import DIED, EspeakProcess, Sink
from avatar_tts.engines.espeak_worker import (
    CANCEL,
    DONE,
    FAILED,
    SOUND,
    SPEAK,
    SPEAK_HEAD,
)
from avatar_tts.errors import (
    EngineDied,
    EngineHung,
    EngineUnavailable,
    LanguageUnknown,
    TextTooLong,
    TtsError,
    VoiceUnknown,
)
from avatar_tts.loudness import reference_gain

if TYPE_CHECKING:
    from avatar_tts.settings import EspeakSettings, TtsSettings

MAX_TEXT_CHARS = 16_000
RATE_HZ = 22_050
_HANG_S = 2.5
"""Shorter than the 3 s after which an edge gives up the whole worker: only the sentence is lost."""
_RESTART_WAIT_S = 3.0
_NAME = re.compile(r"(?P<base>[a-z]{2,3}(?:-[a-z0-9]+)*)?(?:\+(?P<variant>[A-Za-z0-9 ]{1,30}))?")
_REFERENCE = {
    "en": "The morning was bright, and we walked along the river, talking about nothing in particular.",
    "uk": "Ранок був ясний, і ми йшли вздовж річки, розмовляючи про все потроху.",
}


def create(settings: TtsSettings) -> TtsEngine:
    """The engine as the service is set up."""
    return EspeakEngine(settings.espeak)


class EspeakEngine:
    """espeak-ng for all sessions of this process (see `TtsEngine`)."""

    def __init__(self, settings: EspeakSettings) -> None:
        self._settings = settings
        self._process = EspeakProcess()
        self._gains: dict[str, float] = {}
        self.info = EngineInfo(
            name="espeak",
            languages=tuple(settings.languages),
            rate=RATE_HZ,
            device="cpu",
            licence="GPL-3.0-or-later (espeak-ng, in its own process)",
        )

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._process.pid

    def load(self) -> None:
        """Start the worker and measure the default voice in each language."""
        self._process.start()
        try:
            if self._process.rate != RATE_HZ:
                raise EngineUnavailable(f"espeak-ng speaks at {self._process.rate} Hz, {RATE_HZ} Hz was expected")
            for language, name in self.names("").items():
                self._gains[name] = reference_gain(self._speak_blocking(_reference(language), name), RATE_HZ)
        except (TtsError, queue.Empty) as error:
            self._process.stop()
            raise EngineUnavailable(f"{error}; correct the settings of [tts.espeak]") from error

    def close(self) -> None:
        """End the worker."""
        self._process.stop()

    def names(self, voice: str) -> dict[str, str]:
        """The espeak voice to use for each language when the session's voice is `voice`.

        `voice` is ``base``, ``+variant`` or ``base+variant`` in espeak's manner: the base (``en``, ``en-gb-x-rp``)
        is used for its own language, the variant (``f2``, the timbre) for every language.
        """
        match = _NAME.fullmatch(voice or self._settings.voice)
        if match is None:
            raise VoiceUnknown(f"{voice[:60]!r} is not an espeak voice: write base, +variant or base+variant")
        base, variant = match["base"], match["variant"]
        if variant is not None and variant not in _variants():
            raise VoiceUnknown(f"espeak-ng has no variant {variant!r}")
        tail = f"+{variant}" if variant else ""
        names = {language: default + tail for language, default in self._settings.languages.items()}
        if base is not None:
            names[base.split("-")[0]] = base + tail
        return names

    async def open(self, voice: str) -> EspeakVoice:
        """A session's voice: every language of it is tried and its level measured, once per name."""
        names = self.names(voice)
        for language, name in names.items():
            if name not in self._gains:
                try:
                    parts = [speech.pcm async for speech in self.stream(_reference(language), name)]
                except EngineDied:
                    raise
                except TtsError as error:
                    raise VoiceUnknown(str(error)) from error
                self._gains[name] = reference_gain(np.concatenate(parts), RATE_HZ)
        return EspeakVoice(self, names, {language: self._gains[name] for language, name in names.items()})

    async def speak_all(self, text: str, language: str, voice: str = "") -> Pcm:
        """The whole of `text` at the reference level, as int16 mono at `info.rate`."""
        opened = await self.open(voice)
        parts = [speech.pcm async for speech in opened.stream(text, language)]
        sound = np.concatenate(parts).astype(np.float32) * opened.gain(language)
        return np.asarray(np.clip(sound, -32768, 32767), np.int16)

    async def stream(self, text: str, name: str, utterance: Utterance | None = None) -> AsyncGenerator[Speech, None]:
        """Speak `text` with the espeak voice `name`. `Utterance.cancel` or leaving early stops the worker."""
        utterance = utterance or Utterance()
        begun = False
        for attempt in (1, 2):
            async with contextlib.aclosing(self._attempt(text, name, utterance)) as speeches:
                try:
                    async for speech in speeches:
                        begun = True
                        yield speech
                except EngineDied as error:
                    # One that died before it made a sound, perhaps while idle, has cost nothing yet.
                    if begun or attempt == 2 or isinstance(error, EngineHung):
                        raise
                else:
                    return

    async def _attempt(self, text: str, name: str, utterance: Utterance) -> AsyncGenerator[Speech, None]:
        number = await self._submit(text, name, utterance.put)
        utterance.stop = lambda: self._process.tell(CANCEL, number)
        assembler = Assembler()
        try:
            while not utterance.cancelled:
                try:
                    async with asyncio.timeout(_HANG_S):
                        kind, payload = await utterance.frames.get()
                except TimeoutError as error:
                    self._process.kill()
                    raise EngineHung(f"espeak-ng gave no sound for {_HANG_S:.0f} s and was ended") from error
                if utterance.cancelled:
                    return
                if kind == SOUND:
                    speech = assembler.add(payload)
                    if len(speech.pcm):
                        yield speech
                elif kind == DONE:
                    yield assembler.finish()
                    return
                else:
                    _raise(kind, payload)
        finally:
            self._process.forget(number)
            utterance.stop()

    async def _submit(self, text: str, name: str, sink: Sink) -> int:
        payload = self._payload(text, name)
        deadline = asyncio.get_running_loop().time() + _RESTART_WAIT_S
        while True:
            try:
                return self._process.request(SPEAK, payload, sink)
            except EngineDied:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.01)

    def _speak_blocking(self, text: str, name: str) -> Pcm:
        frames: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        number = self._process.request(SPEAK, self._payload(text, name), lambda *frame: frames.put(frame))
        assembler = Assembler()
        parts: list[Pcm] = []
        try:
            while True:
                kind, payload = frames.get(timeout=_HANG_S)
                if kind == DONE:
                    return np.concatenate([*parts, assembler.finish().pcm])
                if kind != SOUND:
                    _raise(kind, payload)
                parts.append(assembler.add(payload).pcm)
        finally:
            self._process.forget(number)

    def _payload(self, text: str, name: str) -> bytes:
        if len(text) > MAX_TEXT_CHARS:
            raise TextTooLong(f"{len(text)} characters are more than the {MAX_TEXT_CHARS} spoken in one go")
        voice = name.encode()
        settings = self._settings
        head = SPEAK_HEAD.pack(settings.speed_wpm, settings.pitch, settings.pitch_range, len(voice))
        return head + voice + text.replace("\0", " ").encode("utf-8", "replace")


class EspeakVoice:
    """One session's voice (see `Voice`)."""

    def __init__(self, engine: EspeakEngine, names: dict[str, str], gains: dict[str, float]) -> None:
        self._engine = engine
        self._names = names
        self._gains = gains
        self._utterance: Utterance | None = None
        self.rate = RATE_HZ
        self.languages = tuple(names)

    def gain(self, language: str) -> float:
        """Factor to -18 LUFS."""
        return self._gains[language]

    async def stream(self, text: str, language: str) -> AsyncGenerator[Speech, None]:
        """See `Voice.stream`."""
        if language not in self._names:
            raise LanguageUnknown(f"this voice speaks {', '.join(self._names)}, not {language}")
        self._utterance = Utterance()
        async with contextlib.aclosing(self._engine.stream(text, self._names[language], self._utterance)) as stream:
            async for speech in stream:
                yield speech

    def cancel(self) -> None:
        """See `Voice.cancel`."""
        if self._utterance is not None:
            self._utterance.cancel()

    def close(self) -> None:
        """Nothing is held between sentences but the names."""
        self.cancel()


class Utterance:
    """One sentence on its way: its frames, and the way to stop it."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.cancelled = False
        self.stop: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()

    def put(self, kind: int, payload: bytes) -> None:
        """Take a frame, on any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody listens any more
            self._loop.call_soon_threadsafe(self.frames.put_nowait, (kind, payload))

    def cancel(self) -> None:
        """Stop the worker and wake who waits for its frames; the stream ends without an error."""
        self.cancelled = True
        self.stop()
        self.frames.put_nowait((DONE, b""))


def _raise(kind: int, payload: bytes) -> None:
    message = payload.decode("utf-8", "replace")
    if kind == DIED:
        raise EngineDied(f"espeak-ng ended while speaking ({message})")
    if kind == FAILED:
        raise TtsError(message)
    raise TtsError(f"espeak-ng sent a frame of unknown kind {kind}")


def _reference(language: str) -> str:
    return _REFERENCE.get(language, _REFERENCE["en"])


def _variants() -> frozenset[str]:
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return frozenset(path.name for path in folder.iterdir())
