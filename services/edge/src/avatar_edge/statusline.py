"""How the call is doing, in one line of a terminal."""

from __future__ import annotations

from typing import Protocol

from avatar_edge.link import LinkStats
from avatar_edge.report import TurnReport

_STATES = {
    "offline": "no bus: reconnecting",
    "waiting": "waiting for a service",
    "real": "YOUR OWN FACE AND VOICE",
}


class Seen(Protocol):
    """What is looked at of a call."""

    @property
    def state(self) -> str:
        """See `Call.state`."""

    @property
    def muted(self) -> bool:
        """See `Call.muted`."""

    @property
    def turns(self) -> list[TurnReport]:
        """See `Call.turns`."""

    def link(self) -> LinkStats:
        """See `Call.link`."""


def status(call: Seen) -> str:
    """State, latency of the last answer, pictures a second, skew and bitrate; what is not known yet is left out."""
    link = call.link()
    latency = next((turn.first_audio_ms for turn in reversed(call.turns) if turn.first_audio_ms is not None), None)
    parts = [_STATES.get(call.state, call.state)]
    if call.muted:
        parts.append("muted")
    if latency is not None:
        parts.append(f"answered in {latency:.0f} ms")
    if link.connected and link.fps:
        parts.append(f"{link.fps:.0f} fps")
    if link.skew_ms is not None:
        parts.append(f"lips {link.skew_ms:.0f} ms")
    if link.connected and link.kbps:
        parts.append(f"{link.kbps / 1000:.1f} Mbit/s")
    if link.rtt_ms is not None:
        parts.append(f"link {link.rtt_ms:.0f} ms")
    if link.lost:
        parts.append(f"{link.lost} lost")
    return " · ".join(parts)
