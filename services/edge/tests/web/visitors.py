"""A browser as the page's server sees it: a WebSocket and a real WebRTC client, without the page."""

import asyncio
import contextlib
import fractions
from urllib.parse import urlsplit

import av
import msgspec
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtcpSrPacket
from websockets.asyncio.client import connect

from avatar_edge.web.protocol import Answer, Offer, ToPage

_decode = msgspec.json.Decoder(ToPage).decode


class Speech(MediaStreamTrack):
    """A microphone that is silent but for what it is told to say, at 48 kHz."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self._samples = np.zeros(0, np.int16)
        self._began = None
        self._position = 0

    def say(self, wave):
        self._samples = np.concatenate((self._samples, (wave * 32_767).astype(np.int16)))

    async def recv(self):
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._position / 48_000 - loop.time()))
        pcm, self._samples = self._samples[:960], self._samples[960:]
        frame = av.AudioFrame.from_ndarray(np.pad(pcm, (0, 960 - len(pcm)))[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._position, fractions.Fraction(1, 48_000)
        self._position += 960
        return frame


class Visitor:
    """What a page does and gets.

    Attributes:
        messages: Everything the server told, oldest first.
        units: Access units received: RTP time stamp and Annex B bytes.
        sound: Samples received (48 kHz, stereo mixed to mono), with the time stamp of the first of each frame.
    """

    def __init__(self, socket):
        self.socket = socket
        self.messages = []
        self.units = []
        self.sound = []
        self.mic = Speech()
        self.peer = None
        self.clocks = ([], [])
        self._arrived = asyncio.Condition()
        self._tasks = [asyncio.create_task(self._read())]

    async def _read(self):
        with contextlib.suppress(Exception):
            async for text in self.socket:
                async with self._arrived:
                    self.messages.append(_decode(text))
                    self._arrived.notify_all()
        async with self._arrived:
            self.messages.append(None)
            self._arrived.notify_all()

    async def send(self, message):
        await self.socket.send(msgspec.json.encode(message).decode())

    def heard(self, kind):
        return [message for message in self.messages if isinstance(message, kind)]

    async def wait_for(self, kind, where=lambda _: True, timeout_s=8.0):
        """The first message of a kind that satisfies `where`, those before included."""

        def found():
            return next((message for message in self.heard(kind) if where(message)), None)

        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(lambda: found() or None in self.messages)
        except TimeoutError:
            raise TimeoutError(f"no {kind.__name__}; got {[type(each).__name__ for each in self.messages]}") from None
        if found() is None:
            raise ConnectionError(f"no {kind.__name__} before the end; got {self.messages}")
        return found()

    async def ended(self, timeout_s=5.0):
        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(lambda: None in self.messages)

    async def offer(self, codecs=("video/H264",)):
        """A connection as a browser would offer it, and its offer."""
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.addTransceiver(self.mic, "sendrecv")
        video = self.peer.addTransceiver("video", "recvonly")
        capabilities = video.receiver.getCapabilities("video").codecs
        video.setCodecPreferences([codec for codec in capabilities if codec.mimeType in codecs])
        self.peer.on("track", self._on_track)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    def _on_track(self, track):
        if track.kind == "video":
            receiver = self.peer.getTransceivers()[1].receiver
            receiver._RTCRtpReceiver__jitter_buffer = Units(self.units)
        else:
            self._tasks.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track):
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                wave = frame.to_ndarray().reshape(-1, 2).mean(axis=1).astype(np.int16)
                self.sound.append((frame.pts, wave))

    async def accept(self, answer):
        await self.peer.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        for transceiver, kept in zip(self.peer.getTransceivers(), self.clocks, strict=True):
            keep_clock(transceiver.receiver, kept)

    async def connect(self):
        """Offer, take the answer, and wait for the first picture."""
        answers = len(self.heard(Answer))
        await self.send(Offer(sdp=await self.offer()))
        await self.wait_for(Answer, lambda answer: answer is not None and len(self.heard(Answer)) > answers)
        before = len(self.units)
        await self.accept(self.heard(Answer)[-1])
        await until(lambda: len(self.units) > before)

    def ntp(self, kind, stamp):
        """Seconds of the sender's clock at which what has this RTP time stamp belongs to."""
        index, rate = (0, 48_000) if kind == "audio" else (1, 90_000)
        ntp, rtp = self.clocks[index][-1]
        return ntp / 2**32 + ((stamp - rtp + 2**31) % 2**32 - 2**31) / rate

    async def close(self):
        if self.peer is not None:
            await self.peer.close()
        await self.socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def wave(self):
        return np.concatenate([wave for _, wave in self.sound]) if self.sound else np.zeros(0, np.int16)


async def until(condition, timeout_s=8.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the outcome of several threads
            await asyncio.sleep(0.01)


def keep_clock(receiver, kept):
    """Keep what the sender's reports say: its clock and the time stamp of that moment."""
    handle = receiver._handle_rtcp_packet

    async def keeping(packet):
        if isinstance(packet, RtcpSrPacket):
            kept.append((packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp))
        await handle(packet)

    receiver._handle_rtcp_packet = keeping


class Units:
    """In place of the library's jitter buffer: keeps the access units as they came over the wire."""

    def __init__(self, units):
        self._units = units
        self._parts = {}

    def add(self, packet):
        data = packet._data
        self._parts.setdefault(packet.timestamp, []).append(data)
        if packet.marker:
            self._units.append((packet.timestamp, b"".join(self._parts.pop(packet.timestamp))))
        return False, None


def nals(annex_b):
    """The NAL units of an access unit, whatever their start codes."""
    parts = annex_b.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return tuple(part for part in parts if part)


@contextlib.asynccontextmanager
async def visitor(url, *, path="/call", origin=None, headers=None):
    """A WebSocket to the server at `url`."""
    origin = url if origin is None else origin
    async with connect(url.replace("http", "ws", 1) + path, origin=origin, additional_headers=headers) as socket:
        visit = Visitor(socket)
        try:
            yield visit
        finally:
            await visit.close()


async def http(url, path="/", *, method="GET", headers=None, host=None):
    """Status, headers (names in lower case) and body of a plain request."""
    address, port = urlsplit(url).hostname, urlsplit(url).port
    reader, writer = await asyncio.open_connection(address, port)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host if host is not None else f'localhost:{port}'}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    raw = await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    found = {}
    for name, _, value in (field.partition(": ") for field in fields):
        found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
    return int(status.split()[1]), found, body
