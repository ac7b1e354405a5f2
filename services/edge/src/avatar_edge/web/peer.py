"""The WebRTC connection of one browser: its offer answered, its sound taken, voice and picture sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Literal

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtcrtptransceiver import RTCRtpTransceiver
from aiortc.rtp import RtcpSrPacket

from avatar_edge.errors import EdgeError
from avatar_edge.web import camera, voice
from avatar_edge.web.camera import PeerCamera
from avatar_edge.web.microphone import PeerMic
from avatar_edge.web.settings import IceServer
from avatar_edge.web.tracks import Clock, PacketTrack
from avatar_edge.web.voice import PeerOut
from avatar_runtime import log

ANSWER_S = 5.0
"""An offer that cannot be answered by then is given up."""
CONNECT_S = 15.0
"""A connection that does not stand by then never will."""
CANDIDATES = 40
_H264 = {"packetization-mode": "1", "profile-level-id": "42e01f"}
_NAMES = re.compile(r"^a=(?:candidate:.*\.local .*|end-of-candidates)\r?\n", re.MULTILINE)
"""How a page that may not listen yet hides its addresses. Few networks resolve such names, and finding that out takes
seconds; the browser's own checks tell where it is."""
_PACKETS_HELD = 10
_UNITS_HELD = 100

PeerState = Literal["connected", "failed"]

logger = log.get(__name__)


class OfferRefused(EdgeError):
    """An offer that cannot be answered; the message says why, for the person."""


class Devices:
    """Microphone, loudspeaker and camera of a visit, which stay while connections come and go."""

    def __init__(self, mic: PeerMic, out: PeerOut, screen: PeerCamera) -> None:
        self.mic = mic
        self.out = out
        self.camera = screen


class Peer:
    """One connection. It takes the devices over once it stands, and lets them go when it ends."""

    def __init__(self, devices: Devices, ice: tuple[IceServer, ...], on_state: Callable[[PeerState], None]) -> None:
        """`on_state` is told once that it stands and once that it is over, unless it was closed from here."""
        self._devices = devices
        self._on_state = on_state
        servers = [RTCIceServer(each.url, each.user or None, each.password or None) for each in ice]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        clock = Clock()
        self._voice = PacketTrack("audio", voice.RATE, clock, _PACKETS_HELD)
        self._picture = PacketTrack("video", camera.RATE, clock, _UNITS_HELD)
        self._state = ""
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._connection.on("connectionstatechange", self._changed)

    async def answer(self, sdp: str) -> str:
        """The answer to an offer that holds all its candidates; raises `OfferRefused`."""
        _check(sdp)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._answer(sdp)
        except TimeoutError:
            raise OfferRefused(f"the media connection could not be prepared within {ANSWER_S:.0f} s") from None
        except OfferRefused:
            raise
        except Exception as error:  # the library raises whatever its parser stumbles over
            logger.info("offer.refused", error=f"{type(error).__name__}: {error}"[:200])
            raise OfferRefused("the browser's offer of a media connection cannot be read") from error

    async def _answer(self, sdp: str) -> str:
        connection = self._connection
        sound = connection.addTransceiver(self._voice, "sendrecv")
        picture = connection.addTransceiver(self._picture, "sendonly")
        # A choice of codecs counts only for transceivers that are there before the offer.
        sound.setCodecPreferences(_codecs("audio", "audio/opus", {}))
        picture.setCodecPreferences(_codecs("video", "video/H264", _H264))
        picture.sender._stream_id = sound.sender._stream_id  # noqa: SLF001 - one stream: the browser keeps them in step
        await connection.setRemoteDescription(RTCSessionDescription(_NAMES.sub("", sdp), "offer"))
        if sound.mid is None or picture.mid is None:
            raise OfferRefused("the browser's offer lacks sound or picture")
        self._take_over(sound, picture)
        await connection.setLocalDescription(await connection.createAnswer())
        self._timer = asyncio.get_running_loop().call_later(CONNECT_S, self._give_up)
        return str(connection.localDescription.sdp)

    def _take_over(self, sound: RTCRtpTransceiver, picture: RTCRtpTransceiver) -> None:
        """Get at what the library offers no way to: each packet of sound as it comes, lost pictures, and its clock."""
        receiver: Any = sound.receiver
        receiver._RTCRtpReceiver__jitter_buffer = _Tap(self._devices.mic)  # noqa: SLF001
        sender: Any = picture.sender
        sender._send_keyframe = self._devices.camera.restart  # noqa: SLF001
        _tell_time(sound.sender, self._voice)
        _tell_time(picture.sender, self._picture)

    async def close(self) -> None:
        """End it and free everything."""
        self._closed = True
        self._let_go()
        await self._connection.close()

    # --- the connection ----------------------------------------------------------------------------------------

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and not self._state and not self._closed:
            self._state = "connected"
            if self._timer is not None:
                self._timer.cancel()
            self._devices.mic.restart()
            self._devices.out.attach(self._voice)
            self._devices.camera.attach(self._picture)
            self._on_state("connected")
        elif state in ("failed", "closed"):
            self._give_up()

    def _give_up(self) -> None:
        if self._state == "failed" or self._closed:
            return
        self._let_go()
        self._state = "failed"
        self._on_state("failed")

    def _let_go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._state == "connected":
            self._devices.out.attach(None)
            self._devices.camera.attach(None)
            self._devices.mic.restart()


class _Tap:
    """Stands in for the library's jitter buffer, which would hold four packets back and stall at each that is lost."""

    def __init__(self, mic: PeerMic) -> None:
        self._mic = mic

    def add(self, packet: Any) -> tuple[bool, None]:
        """A packet came, its payload as it was; nothing is given to the library's own decoder."""
        self._mic.packet(packet.sequence_number, packet._data)  # noqa: SLF001 - where the library puts it
        return False, None


def _codecs(kind: str, wanted: str, parameters: dict[str, str]) -> list[RTCRtpCodecCapability]:
    """The one codec that is sent, and retransmission."""
    return [
        codec
        for codec in RTCRtpSender.getCapabilities(kind).codecs
        if codec.mimeType == f"{kind}/rtx"
        or (codec.mimeType == wanted and parameters.items() <= codec.parameters.items())
    ]


def _tell_time(sender: Any, track: PacketTrack) -> None:
    """Let the sender's reports say when the newest packet was due, where the library says when it was sent.

    A browser brings sound and picture together by these reports: what delays one of them must not shift it.
    """
    send = sender._send_rtcp  # noqa: SLF001

    async def telling(packets: list[Any]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and packet.sender_info.packet_count:
                packet.sender_info.ntp_timestamp = track.ntp(track.newest)
        await send(packets)

    sender._send_rtcp = telling  # noqa: SLF001


def _check(sdp: str) -> None:
    """Refuse what is no offer of one sound and one picture before anything is set up for it."""
    kinds = sorted(re.findall(r"^m=(\w+)", sdp, re.MULTILINE))
    if kinds != ["audio", "video"]:
        raise OfferRefused("an offer of one sound and one picture is expected")
    if sdp.count("a=candidate:") > CANDIDATES:
        raise OfferRefused(f"the offer names more than {CANDIDATES} candidates")
    if not re.search(r"^a=rtpmap:\d+ H264/90000", sdp, re.MULTILINE | re.IGNORECASE):
        raise OfferRefused("this browser offers no H.264, in which the picture comes; use another one, or update it")
    if not re.search(r"^a=rtpmap:\d+ opus/48000", sdp, re.MULTILINE | re.IGNORECASE):
        raise OfferRefused("this browser offers no Opus sound; use another one, or update it")
