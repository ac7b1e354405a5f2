"""Virtual audio cables by the names they are known by, and what to do where there is none."""

from __future__ import annotations

from typing import Literal

VOICE_SINK = "avatar_voice"
"""The null sink the clone's voice is played into."""
VOICE_SOURCE = "avatar_microphone"
"""The source made of it, which the meeting program chooses."""
MICROPHONE = "Avatar Microphone"
"""How that source is called where people see it."""
FEED = "Avatar Voice"
"""How the null sink is called there."""

WASAPI_LOOPBACK = "[Loopback]"
"""What PortAudio adds to the name of an output it can record (builds after release 19.7; the usual one cannot)."""

_System = Literal["windows", "macos", "linux"]
VOICE: dict[_System, tuple[str, ...]] = {
    "windows": ("cable input", "cable-a input", "cable-b input", "voicemeeter aux input", "voicemeeter input"),
    "macos": ("blackhole 2ch", "blackhole", "vb-cable", "loopback audio"),
    "linux": ("",),
}
"""Outputs that another program can choose as its microphone, the best first; on Linux it is our own."""

MEETING: dict[_System, tuple[str, ...]] = {
    "windows": (
        "cable-a output",
        "cable-b output",
        "cable output",
        "voicemeeter out",
        "stereo mix",
        "stereomix",
        "what u hear",
        "wave out mix",
    ),
    "macos": ("blackhole 16ch", "blackhole 64ch", "blackhole", "vb-cable", "loopback audio"),
    "linux": (),
}
"""Inputs on which the meeting is heard where its program plays into them, the best first."""

INSTALL: dict[_System, str] = {
    "windows": "install VB-Audio Virtual Cable (vb-audio.com/Cable), restart, and choose CABLE Output in the meeting",
    "macos": "install BlackHole 2ch (`brew install blackhole-2ch`) and choose it as the meeting's microphone",
    "linux": "start PulseAudio or PipeWire (`apt install pulseaudio-utils libasound2-plugins` adds what is needed)",
}
HEAR: dict[_System, str] = {
    "windows": "let the meeting play into a second cable (CABLE-A) or switch on Stereo Mix, or go on with ears=mic",
    "macos": "install BlackHole 16ch, let the meeting play into it (a Multi-Output Device keeps your loudspeaker), "
    "or go on with ears=mic",
    "linux": "start PulseAudio or PipeWire, whose monitor of the loudspeaker is used, or go on with ears=mic",
}

_CABLES = (
    "avatar voice",
    "avatar microphone",
    "hi-fi cable",
    "cable",
    "blackhole",
    "vb-cable",
    "voicemeeter",
    "loopback audio",
    "soundflower",
)
_SAME = ("blackhole 2ch", "blackhole 16ch", "blackhole 64ch", "vb-cable", "soundflower (2ch)", "soundflower (64ch)")


def is_cable(name: str) -> bool:
    """Whether a device of this name is a virtual cable."""
    return name.lower().startswith(_CABLES)


def twins(out: str, heard: str) -> bool:
    """Whether what is played into `out` is recorded from `heard`."""
    out, heard = out.lower(), heard.lower()
    if out.startswith(_SAME):
        return out == heard
    kind, word, _ = out.partition(" input")
    return bool(word) and heard.startswith((f"{kind} output", f"{kind} out "))
