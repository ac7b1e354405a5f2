"""The sound devices of a call, as the settings choose them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar_edge.audio import AudioIn, AudioOut, load_audio
from avatar_edge.devices.catalogue import Device, Table, Use, find
from avatar_edge.devices.ears import Ears
from avatar_edge.devices.loudspeaker import PortAudioOut
from avatar_edge.devices.microphone import PortAudioMic
from avatar_edge.devices.monitor import Monitored
from avatar_edge.devices.portaudio import PortAudio
from avatar_edge.errors import AudioFileError, DeviceMissing, PortAudioMissing, SoundServerMissing
from avatar_edge.microphone import FileMic
from avatar_edge.settings import EdgeSettings
from avatar_edge.speaker import FileOut, NullOut

FILE = "file:"
NONE = ("", "none")
_AUDIO = (".wav", ".mp3", ".flac", ".m4a", ".ogg", ".opus", ".aac")
_SILENT = "the call goes on silent: type a line, and read the answer or record it"


class Sound:
    """What was opened. Its devices begin with the call, which also closes them; `close` does the rest.

    Attributes:
        ears: What the clone hears.
        speaker: Where its voice goes.
        file_mic: The microphone that plays a file, None where a device is the microphone.
        samples: What it is to say once the call is ready, at 16 kHz.
        told: What the person should know, a line each.
    """

    def __init__(self) -> None:
        self.ears: AudioIn = FileMic()
        self.speaker: AudioOut = NullOut()
        self.file_mic: FileMic | None = None
        self.samples: NDArray[np.float32] | None = None
        self.told: list[str] = []
        self.portaudio: PortAudio | None = None
        self._listener: Callable[[str, str, str], None] | None = None
        self._waiting: list[tuple[str, str, str]] = []

    def trouble(self, code: str, message: str, hint: str) -> None:
        """Something went wrong with a device; from any thread, told to whoever listens, now or later."""
        if self._listener is None:
            self._waiting.append((code, message, hint))
        else:
            self._listener(code, message, hint)

    def listen(self, listener: Callable[[str, str, str], None]) -> None:
        """Tell `listener` of every trouble so far and to come."""
        self._listener = listener
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            listener(*each)

    def close(self) -> None:
        """Leave the sound system as it was; the devices are closed before."""
        if self.portaudio is not None:
            self.portaudio.close()


def open_sound(settings: EdgeSettings) -> Sound:
    """The devices `settings` choose; takes some 100 ms, so not on the event loop.

    A device that is not there is no error: it is looked for during the whole call. Without any the call is silent.

    Raises:
        AudioFileError: A file that cannot be read, or one named without ``file:``.
    """
    sound = Sound()
    for selector in (settings.mic, settings.meeting, settings.speaker, settings.monitor):
        if not selector.startswith(FILE) and Path(selector).suffix.lower() in _AUDIO:
            raise AudioFileError(f"{selector} names no device; for an audio file write {FILE}{selector}")
    try:
        _open(sound, settings)
    except BaseException:
        sound.close()
        raise
    return sound


def _open(sound: Sound, settings: EdgeSettings) -> None:
    mic = _file_mic(sound, settings)
    wanted = [selector for selector in (settings.meeting, settings.speaker, settings.monitor) if _is_device(selector)]
    if wanted or mic is None:
        _start_portaudio(sound, settings)
    out = _speaker(sound, settings)
    voice = out.wanted if isinstance(out, _Out) else None
    monitor = _monitor(sound, settings)
    sound.speaker = Monitored(out, monitor) if monitor is not None else out
    own = mic if mic is not None else _mic(sound, settings, voice)
    meeting = _meeting(sound, settings, voice, acoustic=monitor is not None)
    sound.ears = Ears(own, meeting, settings.ears, settings.mode) if meeting is not None else own


def _is_device(selector: str) -> bool:
    return selector not in NONE and not selector.startswith(FILE)


def _file_mic(sound: Sound, settings: EdgeSettings) -> FileMic | None:
    if _is_device(settings.mic):
        return None
    if settings.mic.startswith(FILE):
        sound.samples = load_audio(settings.mic.removeprefix(FILE))
    sound.file_mic = FileMic(settings.mic_noise_dbfs or None)
    return sound.file_mic


def _start_portaudio(sound: Sound, settings: EdgeSettings) -> None:
    try:
        portaudio = PortAudio()
    except PortAudioMissing as error:
        sound.trouble("sound.missing", str(error), _SILENT)
        return
    sound.portaudio = portaudio
    try:
        if settings.speaker == "auto":
            portaudio.make_microphone()
    except SoundServerMissing as error:
        sound.trouble("speaker.missing", str(error), "nobody in a meeting can hear the clone until then")
    if not portaudio.table().devices:
        portaudio.close()
        sound.portaudio = None
        why = f"; {portaudio.without_server}" if portaudio.without_server else ""
        sound.trouble("sound.missing", f"this machine has no sound devices{why}", _SILENT)


class _Out(PortAudioOut):
    """An output and the device it was meant for at the beginning."""

    wanted: Device | None = None


def _speaker(sound: Sound, settings: EdgeSettings) -> AudioOut:
    selector = settings.speaker
    if selector.startswith(FILE):
        return FileOut(selector.removeprefix(FILE))
    if not _is_device(selector) or sound.portaudio is None:
        return NullOut()
    device = None
    try:
        device = find(selector, "speaker", sound.portaudio.table())
    except DeviceMissing as error:
        if selector == "auto":
            why = sound.portaudio.without_server or str(error)
            sound.trouble("speaker.missing", why, "nobody in a meeting can hear the clone until then")
            return NullOut()
    out = _Out(
        sound.portaudio,
        lambda table: find(selector, "speaker", table),
        use="speaker",
        acoustic=device is not None and not device.virtual,
    )
    out.wanted = device
    out.trouble = sound.trouble
    if device is not None:
        sound.told.append(f"voice: {device.name}{_chosen(device, sound)}")
    return out


def _chosen(device: Device, sound: Sound) -> str:
    server = sound.portaudio.server if sound.portaudio is not None else None
    if device.own and server is not None:
        return f' (choose "{server.microphone}" as the meeting\'s microphone)'
    if "input" in device.name.lower() and device.virtual:
        return f' (choose "{device.name.replace("Input", "Output")}" as the meeting\'s microphone)'
    return ""


def _monitor(sound: Sound, settings: EdgeSettings) -> PortAudioOut | None:
    if not _is_device(settings.monitor) or sound.portaudio is None:
        return None
    monitor = PortAudioOut(sound.portaudio, _finder(settings.monitor, "monitor", None), use="monitor", acoustic=True)
    monitor.trouble = sound.trouble
    sound.told.append(f"headphones: {_name(sound, settings.monitor, 'monitor', None)}")
    return monitor


def _mic(sound: Sound, settings: EdgeSettings, voice: Device | None) -> AudioIn:
    if sound.portaudio is None:
        return FileMic(settings.mic_noise_dbfs or None)
    mic = PortAudioMic(sound.portaudio, _finder(settings.mic, "mic", voice), use="microphone")
    mic.trouble = sound.trouble
    sound.told.append(f"your microphone: {_name(sound, settings.mic, 'mic', voice)}")
    return mic


def _meeting(sound: Sound, settings: EdgeSettings, voice: Device | None, *, acoustic: bool) -> AudioIn | None:
    if not _is_device(settings.meeting) or sound.portaudio is None or settings.ears == "mic":
        return None
    finder = _finder(settings.meeting, "meeting", voice)
    try:
        device = finder(sound.portaudio.table())
    except DeviceMissing as error:
        if settings.meeting == "auto":
            if settings.ears != "auto":
                sound.trouble("meeting.missing", str(error), "the clone hears your microphone instead")
            return None
        sound.told.append(f"meeting: {settings.meeting}, which is not there yet")
    else:
        sound.told.append(f"meeting: {device.name} (heard once it sounds; --ears mic: you alone are)")
    meeting = PortAudioMic(sound.portaudio, finder, use="meeting", acoustic=acoustic)
    meeting.trouble = sound.trouble
    return meeting


def _finder(selector: str, use: Use, voice: Device | None) -> Callable[[Table], Device]:
    return lambda table: find(selector, use, table, speaker=voice)


def _name(sound: Sound, selector: str, use: Use, voice: Device | None) -> str:
    assert sound.portaudio is not None
    try:
        return find(selector, use, sound.portaudio.table(), speaker=voice).name
    except DeviceMissing:
        return "not found yet" if selector in ("auto", "default") else f"{selector}, which is not there yet"
