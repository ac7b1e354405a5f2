"""The process in which espeak-ng lives.

espeak-ng is GPL-3 with global state and no thread safety, so it runs alone here and talks to its parent over
stdin and stdout. Only the standard library is imported: the process costs about 15 MB and starts in 50 ms.
It ends when its stdin closes, so it never outlives its parent.

Every frame, both ways, is `FRAME` (kind, request, payload bytes) and its payload:

    to it:    SPEAK   `SPEAK_HEAD` (rate wpm, pitch, pitch range, bytes of the voice name), voice name, UTF-8 text
              CANCEL  nothing
    from it:  READY   u32 samples per second; comes once, with request 0
              SOUND   u16 count of events, `EVENT` each (type, sample, text position, length, mnemonic), s16le PCM
              DONE    nothing: the sentence is complete or was cancelled
              FAILED  UTF-8 message
"""

from __future__ import annotations

import collections
import ctypes
import os
import signal
import struct
import sys
import threading

SPEAK, CANCEL = 1, 2
READY, SOUND, DONE, FAILED = 16, 17, 18, 19
FRAME = struct.Struct("<BII")
SPEAK_HEAD = struct.Struct("<HHHB")
EVENT = struct.Struct("<BIIH8s")
COUNT = struct.Struct("<H")
RATE = struct.Struct("<I")

LIST_END, WORD, PHONEME = 0, 1, 7
"""espeak_EVENT_TYPE of the events that are passed on."""

_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_SPEED, _PITCH, _RANGE = 1, 3, 4
_BUFFER_MS = 120


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, opened once. `write` takes every frame it makes."""

    def __init__(self, library: str, data: str, output: int, stopped: set[int]) -> None:
        self._lib = ctypes.CDLL(library)
        self.rate: int = self._lib.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data.encode(), _PHONEME_EVENTS)
        if self.rate <= 0:
            raise RuntimeError(f"espeak_Initialize answered {self.rate} for the data in {data}")
        self._output = output
        self._stopped = stopped
        self._request = 0
        self._voice = b""
        self._callback = _CALLBACK(self._on_sound)  # kept: the library calls it for as long as the process lives
        self._lib.espeak_SetSynthCallback(self._callback)

    def write(self, kind: int, request: int, payload: bytes = b"") -> None:
        """Send one frame whole; blocks while the parent is behind."""
        view = memoryview(FRAME.pack(kind, request, len(payload)) + payload)
        while view:
            view = view[os.write(self._output, view) :]

    def speak(self, request: int, payload: bytes) -> None:
        """Speak one request: SOUND frames, then DONE or FAILED."""
        speed, pitch, pitch_range, voice_bytes = SPEAK_HEAD.unpack_from(payload)
        voice = payload[SPEAK_HEAD.size : SPEAK_HEAD.size + voice_bytes]
        text = payload[SPEAK_HEAD.size + voice_bytes :] + b"\0"
        if voice != self._voice:
            status = self._lib.espeak_SetVoiceByName(voice)
            if status != 0:
                self._voice = b""
                name = voice.decode("utf-8", "replace")
                self.write(FAILED, request, f"espeak-ng cannot load the voice {name!r} (error {status})".encode())
                return
            self._voice = voice
        # The voice's own file resets these, so they are set for every request.
        for parameter, value in ((_SPEED, speed), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        self._request = request
        status = self._lib.espeak_Synth(text, len(text), 0, 1, 0, _UTF8, None, None)
        if status != 0:
            self.write(FAILED, request, f"espeak_Synth answered {status}".encode())
        else:
            self.write(DONE, request)

    def _on_sound(self, samples: int | None, count: int, events: ctypes.Array[_Event]) -> int:
        if self._request in self._stopped:
            return 1
        packed = []
        index = 0
        while (event := events[index]).type != LIST_END:
            index += 1
            if event.type in (WORD, PHONEME):
                mnemonic = event.id.string if event.type == PHONEME else b""
                packed.append(EVENT.pack(event.type, max(event.sample, 0), event.text_position, event.length, mnemonic))
        pcm = ctypes.string_at(samples, 2 * count) if samples and count > 0 else b""
        if pcm or packed:
            self.write(SOUND, self._request, COUNT.pack(len(packed)) + b"".join(packed) + pcm)
        return 0


def _read(source: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(source, size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def main() -> None:
    """Serve requests until stdin closes. Arguments: the library and its data folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides when to end
    source = os.dup(0)
    output = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints must not land among the frames
    requests: collections.deque[tuple[int, bytes]] = collections.deque()
    stopped: set[int] = set()
    ready = threading.Semaphore(0)

    def listen() -> None:
        try:
            while True:
                kind, request, size = FRAME.unpack(_read(source, FRAME.size))
                payload = _read(source, size)
                if kind == SPEAK:
                    requests.append((request, payload))
                    ready.release()
                elif kind == CANCEL:
                    stopped.add(request)
        except (EOFError, OSError):
            os._exit(0)

    espeak = Espeak(sys.argv[1], sys.argv[2], output, stopped)
    threading.Thread(target=listen, name="listen", daemon=True).start()
    espeak.write(READY, 0, RATE.pack(espeak.rate))
    while True:
        ready.acquire()
        request, payload = requests.popleft()
        if request in stopped:
            espeak.write(DONE, request)
        else:
            espeak.speak(request, payload)
        # Requests are numbered upwards, so a cancel of this one or an older one has no one left to stop.
        for number in list(stopped):
            if number <= request:
                stopped.discard(number)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)  # the parent is gone
