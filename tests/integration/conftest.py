"""The real services with their real engines on a real nats-server, claimed and leased as an edge does it.

Everything runs in this process: the engines are loaded once for the folder, every test has connections and a session
of its own.
"""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from avatar_asr.ears import Ears
from avatar_asr.listener import Listener
from avatar_asr.settings import AsrSettings
from avatar_contracts import (
    Claim,
    Claimed,
    ErrorRaised,
    Kind,
    LlmDone,
    LlmSentence,
    Ping,
    Pong,
    Release,
    SessionConfig,
    TtsChunk,
    TtsDone,
    TurnText,
    TurnTyped,
    VideoAck,
    VideoFrame,
    decode_control,
    encode_control,
    ids,
)
from avatar_contracts.control import Control
from avatar_face.animator import Animator
from avatar_face.avatars import Avatars
from avatar_face.settings import FaceSettings
from avatar_llm.mind import Mind
from avatar_llm.settings import LlmSettings
from avatar_runtime import engines, log, metrics
from avatar_runtime.leases import Leases, Worker
from avatar_runtime.nats_bus import NatsBus
from avatar_runtime.session import Session
from avatar_runtime.settings import BusSettings, LogSettings
from avatar_runtime.testing.broker import Broker
from avatar_runtime.testing.sessions import Peer
from avatar_tts.settings import TtsSettings
from avatar_tts.speaker import Speaker

Make = Callable[[Session], Worker]

KINDS: tuple[Kind, ...] = ("asr", "llm", "tts", "face")
VOICE_RATE = 22_050
SIDE = 128


@pytest.fixture(autouse=True)
def _quiet_log() -> None:
    log.configure(LogSettings(level="error"), "test")


@pytest.fixture(scope="session")
def server() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the photos that a session may ask the face for."""
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="session")
def makers(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Iterator[dict[Kind, Make]]:
    """How each service makes the worker of a session, its engine loaded."""
    asr, tts = AsrSettings(), TtsSettings(pace=0)
    llm = LlmSettings(first_token_ms=0, tokens_per_s=10_000, persona_dir=str(photos))
    face = FaceSettings(seed=3, width=SIDE, height=SIDE, photos=str(photos))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_CACHE", str(tmp_path_factory.mktemp("cache")))
        ears = Ears(engines.create("asr", asr.engine, asr))
        mind = engines.create("llm", llm.engine, llm)
        voices = engines.create("tts", tts.engine, tts)
        avatars = Avatars(engines.create("face", face.engine, face), face)
        for engine in (ears, mind, voices, avatars):
            engine.load()
        yield {
            "asr": lambda session: Listener(session, ears, asr),
            "llm": lambda session: Mind(session, mind, llm),
            "tts": lambda session: Speaker(session, voices, tts),
            "face": lambda session: Animator(session, avatars, face),
        }
        for engine in (ears, mind, voices, avatars):
            engine.close()


def vowel(seconds: float, rate: int = VOICE_RATE) -> bytes:
    """A voiced sound, s16le."""
    t = np.arange(int(seconds * rate)) / rate
    return (sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 12)) * 6_000).astype("<i2").tobytes()


class Floor:
    """The services that run, and one session that an edge has claimed workers for.

    Attributes:
        peer: The rest of the session: everything it hears, and a way to speak as any service.
        bus: A stranger's connection to the same server.
        leases: Who answers the claims, by kind.
    """

    def __init__(self, bus: NatsBus, leases: dict[Kind, Leases]) -> None:
        self.bus = bus
        self.leases = leases
        self.session_id = ids.new_session_id()
        self.peer = Peer(bus, self.session_id)
        self.peer.session.on(VideoFrame, self._acknowledge)
        self.acknowledging = True
        self._epochs: dict[Kind, int] = {}
        self._numbers = itertools.count(1)

    async def _acknowledge(self, frame: VideoFrame) -> None:
        if self.acknowledging:
            await self.peer.publish(VideoAck(upto=frame.seq))

    async def ask(self, subject: str, message: Control | bytes) -> Control:
        """The answer to a request; bytes go as they are."""
        data = message if isinstance(message, bytes) else encode_control(message)
        return decode_control((await self.bus.request(subject, data, timeout_s=5)).data)

    async def claim(self, kind: Kind, config: SessionConfig | None = None) -> None:
        """Take a worker of `kind` for the session."""
        self._epochs[kind] = self._epochs.get(kind, 0) + 1
        claim = Claim(session=self.session_id, kind=kind, epoch=self._epochs[kind], config=config or SessionConfig())
        assert isinstance(await self.ask(ids.claim_subject(kind), claim), Claimed)

    @staticmethod
    def counted(name: str, **labels: str) -> float:
        """A counter of this process, as /metrics shows it."""
        return metrics.REGISTRY.get_sample_value(name, labels) or 0.0

    @staticmethod
    def outcomes(service: str, tag: str) -> Counter[str]:
        """What became of the messages that `service` got with `tag`."""
        return Counter(
            {
                sample.labels["outcome"]: int(sample.value)
                for family in metrics.REGISTRY.collect()
                if family.name == "avatar_bus_events"
                for sample in family.samples
                if sample.name.endswith("_total")
                and (sample.labels["service"], sample.labels["stage"]) == (service, tag)
            }
        )

    def subject(self, kind: Kind, verb: str) -> str:
        """Where the worker hears `verb`."""
        return ids.worker_subject(kind, self.leases[kind].worker, verb)

    async def ping(self, kind: Kind) -> Pong:
        """Renew the lease, as the edge does."""
        pong = await self.ask(self.subject(kind, "ping"), Ping(session=self.session_id, epoch=self._epochs[kind]))
        assert isinstance(pong, Pong)
        return pong

    async def keep(self) -> None:
        """Renew every lease, for ever."""
        while True:
            await asyncio.sleep(0.5)
            for kind in self._epochs:
                await self.ping(kind)

    async def release(self) -> None:
        """Give every worker back."""
        for kind, epoch in self._epochs.items():
            await self.ask(self.subject(kind, "release"), Release(session=self.session_id, epoch=epoch))

    def worker_session(self, kind: Kind) -> Session:
        """The worker's end of the session."""
        return self.leases[kind]._held[self.session_id].session

    async def send(self, tag: str, data: bytes, headers: dict[str, str] | None = None) -> None:
        """Bytes on a subject of the session, as any stranger could send them."""
        await self.bus.publish(ids.event_subject(self.session_id, tag), data, headers)
        await self.bus.flush()  # what waits unsent is limited

    async def error(self, code: str) -> ErrorRaised:
        """The error event with this code, whose message and service must say something."""
        event = await self.peer.wait_for(ErrorRaised, where=lambda error: error.code == code)
        assert len(event.message) > 20
        return event

    async def answers(self, kind: Kind) -> None:
        """The worker does its work on the next good input."""
        number = next(self._numbers)
        await getattr(self, f"_{kind}_answers")(number)
        assert (await self.ping(kind)).holds

    async def _asr_answers(self, number: int) -> None:
        line = f"This is good line {number}."
        await self.peer.session.command(TurnTyped(client_id=ids.new_session_id(), text=line))
        await self.peer.wait_for(TurnText, where=lambda turn: turn.text == line)

    async def _llm_answers(self, number: int) -> None:
        turn = 1_000 + number
        await self.peer.publish(TurnText(turn=turn, text="What is your name?", language="en", end_reason="typed"))
        done = await self.peer.wait_for(LlmDone, where=lambda done: done.turn == turn)
        assert (done.finish, done.sentences > 0) == ("stop", True)
        said = [sentence.text for sentence in self.peer.heard(LlmSentence) if sentence.reply == done.reply]
        assert "Alex" in " ".join(said)

    async def _tts_answers(self, number: int) -> None:
        turn = reply = 1_000 + number
        text = "All is well again."
        await self.peer.publish(LlmSentence(turn=turn, reply=reply, sentence=0, text=text, language="en"))
        await self.peer.publish(LlmDone(turn=turn, reply=reply, sentences=1))
        done = await self.peer.wait_for(TtsDone, where=lambda done: done.reply == reply)
        assert done.samples > VOICE_RATE // 2
        words = [word for chunk in self.peer.heard(TtsChunk) if chunk.reply == reply for word in chunk.words]
        assert words[-1].chars == len(text)

    async def _face_answers(self, number: int) -> None:
        turn = reply = 1_000 + number
        sound = vowel(0.3)
        await self.peer.publish(TtsChunk(turn=turn, reply=reply, sentence=0, rate=VOICE_RATE, start=0, pcm=sound))
        await self.peer.publish(TtsDone(turn=turn, reply=reply, samples=len(sound) // 2))
        await self.peer.wait_for(VideoFrame, count=3, where=lambda frame: frame.reply == reply)
        idle = sum(frame.reply == 0 for frame in self.peer.heard(VideoFrame))
        await self.peer.wait_for(VideoFrame, count=idle + 2, where=lambda frame: frame.reply == 0)


@pytest.fixture
async def floor(server: Broker, makers: dict[Kind, Make]) -> AsyncIterator[Floor]:
    """All four services on the bus; the test claims what it needs."""
    settings = BusSettings(url=server.url)
    async with contextlib.AsyncExitStack() as stack:
        bus = await NatsBus.connect(settings, "stranger")
        stack.push_async_callback(bus.close)
        leases: dict[Kind, Leases] = {}
        for kind in KINDS:
            theirs = await NatsBus.connect(settings, f"{kind}/test")
            stack.push_async_callback(theirs.close)
            leases[kind] = Leases(theirs, kind, ids.new_worker_id(kind), 4, makers[kind])
            stack.push_async_callback(leases[kind].drain, 0)
            await leases[kind].open()
        made = Floor(bus, leases)
        await made.peer.session.start()
        stack.push_async_callback(made.peer.session.close)
        keeping = asyncio.create_task(made.keep())
        stack.callback(keeping.cancel)
        yield made
        keeping.cancel()
        await made.release()
