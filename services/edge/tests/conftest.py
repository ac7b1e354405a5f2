"""Scripted ears, mind, voice and face that speak real events, real PCM and real H.264 over a real lease protocol."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from fractions import Fraction

import av
import msgspec
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from avatar_contracts import (
    AsrPartial,
    Claim,
    Kind,
    LlmDelta,
    LlmDone,
    LlmSentence,
    MicFrame,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    SpeechStarted,
    SpeechStopped,
    TtsChunk,
    TtsDone,
    TurnCancel,
    TurnStop,
    TurnText,
    TurnTyped,
    VideoAck,
    VideoFrame,
    VideoKeyframe,
    Viseme,
    Word,
)
from avatar_edge import Call, EdgeSettings, FileMic, MemoryCamera, MemoryOut
from avatar_edge.playout import Playout
from avatar_runtime.bus import Bus
from avatar_runtime.leases import Leases
from avatar_runtime.memory_bus import MemoryBus
from avatar_runtime.session import Session

VOICE_RATE = 22_050
SIZE = 64


class ScriptedEars:
    """A turn ends 200 ms after the last loud frame; typed lines are turns too."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.turn = session.claim.turn
        self.voiced = 0
        self.silence = 0
        self.start = self.end = 0
        session.on(MicFrame, self.on_mic)
        session.on(TurnTyped, self.on_typed, ack=True)
        session.on(TurnStop, self.on_stop, ack=True)

    async def on_mic(self, frame: MicFrame) -> None:
        loud = np.abs(np.frombuffer(frame.pcm, np.int16).astype(int)).max() > 500
        if loud:
            if not self.voiced:
                self.turn += 1
                self.start = frame.start
                await self.session.publish(SpeechStarted(turn=self.turn, at=frame.start))
            self.voiced += 1
            self.silence = 0
            self.end = frame.start + 320
            await self.session.publish(AsrPartial(turn=self.turn, text="hel"))
        elif self.voiced:
            self.silence += 1
            if self.silence == 10:
                await self.session.publish(SpeechStopped(turn=self.turn, at=self.end))
                await self.publish_text("hello there", "silence", self.start, self.end)
                self.voiced = 0

    async def on_typed(self, event: TurnTyped) -> None:
        self.turn += 1
        manner = {"verbatim": event.verbatim, "interruptible": event.interruptible}
        await self.publish_text(event.text, "typed", 0, 0, **manner)

    async def on_stop(self, _: TurnStop) -> None:
        await self.session.publish(TurnCancel(turn=self.turn, reason="stop"))

    async def publish_text(self, text: str, reason: str, start: int, end: int, **manner: bool) -> None:
        await self.session.publish(
            TurnText(
                turn=self.turn,
                text=text,
                language="en",
                end_reason=reason,
                speech_start=start,
                speech_end=end,
                **manner,
            )
        )

    async def close(self) -> None:
        pass


class ScriptedMind:
    """Answers every turn with the same two sentences; a cancelled turn cancels its reply."""

    sentences = ("One two three.", "Four five six seven.")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.reply = session.claim.reply
        self.progress: list[PlaybackProgress] = []
        session.on(TurnText, self.on_turn)
        session.on(TurnCancel, self.on_cancel)
        session.on(PlaybackProgress, self.on_progress)
        if (pending := session.claim.pending) is not None:
            manner = {"end_reason": "silence", "verbatim": pending.verbatim}
            turn = TurnText(turn=pending.turn, text=pending.text, language=pending.language, **manner)
            session.spawn(self.answer(turn), "pending")

    async def on_turn(self, event: TurnText) -> None:
        if event.turn > self.session.claim.turn:
            await self.answer(event)

    async def answer(self, event: TurnText) -> None:
        self.reply += 1
        turn, reply = event.turn, self.reply
        await self.session.publish(ReplyCommitted(turn=turn, reply=reply, interruptible=event.interruptible))
        sentences = (event.text,) if event.verbatim else self.sentences
        for number, text in enumerate(sentences):
            await self.session.publish(LlmDelta(turn=turn, reply=reply, text=text + " "))
            await self.session.publish(
                LlmSentence(turn=turn, reply=reply, sentence=number, text=text, language=event.language)
            )
        await self.session.publish(LlmDone(turn=turn, reply=reply, sentences=len(sentences)))

    async def on_cancel(self, event: TurnCancel) -> None:
        await self.session.publish(ReplyCancelled(turn=event.turn, reply=self.reply, reason="cancelled"))

    async def on_progress(self, event: PlaybackProgress) -> None:
        self.progress.append(event)

    async def close(self) -> None:
        pass


class ScriptedVoice:
    """A tone of 200 ms for every word, in chunks of 200 ms, as fast as they can be made."""

    pause_s = 0.0

    def __init__(self, session: Session) -> None:
        self.session = session
        self.position: dict[int, int] = {}
        self.count: dict[int, int] = {}
        self.cancelled: set[int] = set()
        self.jobs: asyncio.Queue[LlmSentence | LlmDone] = asyncio.Queue()
        session.on(LlmSentence, self.jobs.put)
        session.on(LlmDone, self.jobs.put)
        session.on(ReplyCancelled, self.on_cancelled)
        session.spawn(self.speak(), "speak")

    async def on_cancelled(self, event: ReplyCancelled) -> None:
        self.cancelled.add(event.reply)

    async def speak(self) -> None:
        done: dict[int, LlmDone] = {}
        while True:
            job = await self.jobs.get()
            if isinstance(job, LlmDone):
                done[job.reply] = job
            else:
                await self.say(job)
            end = done.get(job.reply)
            if end is not None and self.count.get(job.reply, 0) >= end.sentences and job.reply not in self.cancelled:
                await self.session.publish(
                    TtsDone(turn=end.turn, reply=end.reply, samples=self.position.get(end.reply, 0))
                )

    async def say(self, job: LlmSentence) -> None:
        self.count[job.reply] = self.count.get(job.reply, 0) + 1
        length = VOICE_RATE // 5
        tone = (8_000 * np.sin(np.arange(length) * 2 * np.pi * 440 / VOICE_RATE)).astype(np.int16).tobytes()
        words = job.text.split()
        chars = 0
        for index, word in enumerate(words):
            if job.reply in self.cancelled:
                return
            start = self.position.get(job.reply, 0)
            chars = job.text.index(word, chars) + len(word)
            await self.session.publish(
                TtsChunk(
                    turn=job.turn,
                    reply=job.reply,
                    sentence=job.sentence,
                    rate=VOICE_RATE,
                    start=start,
                    pcm=tone,
                    visemes=(Viseme(start, "aa"),),
                    words=(Word(start, start + length, chars),),
                    last=index == len(words) - 1,
                )
            )
            self.position[job.reply] = start + length
            await asyncio.sleep(self.pause_s)

    async def close(self) -> None:
        pass


class ScriptedFace:
    """Real H.264 at 25 fps: the idle face is dark, the speaking one bright; two pictures ahead of real time."""

    size = (SIZE, SIZE)
    stalled = False

    def __init__(self, session: Session) -> None:
        self.session = session
        self.reply = 0
        self.samples = 0
        self.total: dict[int, int] = {}
        self.over = 0
        self.keyframes = 0
        self.acked = 0
        self.sent = 0
        self.keyframe_wanted = True
        self.encoder = encoder(*self.size)
        session.on(TtsChunk, self.on_chunk)
        session.on(TtsDone, self.on_done)
        session.on(ReplyCancelled, self.on_cancelled)
        session.on(VideoKeyframe, self.on_keyframe)
        session.on(VideoAck, self.on_ack)
        session.spawn(self.render(), "render")

    async def on_chunk(self, chunk: TtsChunk) -> None:
        if chunk.reply > self.over:
            if chunk.reply != self.reply:
                self.reply, self.frame = chunk.reply, 0
            self.samples = chunk.start + len(chunk.pcm) // 2

    async def on_done(self, done: TtsDone) -> None:
        self.total[done.reply] = done.samples

    async def on_cancelled(self, event: ReplyCancelled) -> None:
        self.over = max(self.over, event.reply)
        if self.reply == event.reply:
            self.reply = 0

    async def on_keyframe(self, _: VideoKeyframe) -> None:
        self.keyframes += 1
        self.keyframe_wanted = True

    async def on_ack(self, ack: VideoAck) -> None:
        self.acked = ack.upto

    async def render(self) -> None:
        began = time.perf_counter()
        index = 0
        while True:
            await asyncio.sleep(max(0.0, began + index * 0.04 - time.perf_counter()))
            index += 1
            if self.stalled:
                continue
            speaking = self.reply
            if speaking:
                await self.send(speaking, self.frame * VOICE_RATE // 25, 200, index)
                self.frame += 1
                if self.frame == 1:  # a lead of two pictures
                    for _ in range(2):
                        await self.send(speaking, self.frame * VOICE_RATE // 25, 200, index + self.frame)
                        self.frame += 1
                end = self.total.get(speaking)
                if end is not None and self.frame * VOICE_RATE // 25 > end + VOICE_RATE // 10:
                    self.over, self.reply = speaking, 0
            else:
                await self.send(0, index * VOICE_RATE // 25, 60, index)

    async def send(self, reply: int, pts: int, level: int, index: int) -> None:
        self.sent += 1
        if self.sent - self.acked > 50:
            return
        picture = np.full((self.size[1], self.size[0], 3), level, np.uint8)
        picture[: self.size[1] // 4, : 1 + index % self.size[0]] = 255 - level
        data, key = access_unit(self.encoder, picture, keyframe=self.keyframe_wanted)
        self.keyframe_wanted = False
        width, height = self.size
        await self.session.publish(
            VideoFrame(
                reply=reply,
                pts=pts,
                rate=VOICE_RATE,
                codec="h264",
                keyframe=key,
                width=width,
                height=height,
                data=data,
            )
        )

    async def close(self) -> None:
        pass


def encoder(width: int, height: int) -> VideoCodecContext:
    context = VideoCodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.thread_count = 1
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "g": "50",
        "x264-params": "repeat-headers=1",
    }
    return context


def access_unit(context: VideoCodecContext, bgr: np.ndarray, *, keyframe: bool) -> tuple[bytes, bool]:
    frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
    if keyframe:
        frame.pict_type = av.video.frame.PictureType.I
    (packet,) = context.encode(frame)
    return bytes(packet), packet.is_keyframe


class Stack:
    """The four scripted workers behind real leases on one memory bus."""

    makers: dict[Kind, Callable[[Session], object]]

    def __init__(self, bus: Bus | None = None) -> None:
        self.bus = bus or MemoryBus()
        self.makers = {"asr": ScriptedEars, "llm": ScriptedMind, "tts": ScriptedVoice, "face": ScriptedFace}
        self.leases: dict[Kind, Leases] = {}
        self.made: dict[Kind, list] = {kind: [] for kind in self.makers}
        self.claims: list[Claim] = []
        self._born = 0

    async def start(self, *kinds: Kind) -> None:
        for kind in kinds or tuple(self.makers):
            self._born += 1
            leases = Leases(
                self.bus, kind, f"{kind}-{self._born:04d}", 4, lambda session, k=kind: self._make(k, session)
            )
            self.leases[kind] = leases
            await leases.open()

    def _make(self, kind: Kind, session: Session) -> object:
        self.claims.append(session.claim)
        worker = self.makers[kind](session)
        self.made[kind].append(worker)
        return worker

    async def kill(self, kind: Kind) -> None:
        """As kill -9 looks from outside: every subscription gone, nothing said."""
        leases = self.leases.pop(kind)
        for held in leases._held.values():
            await held.session.close()
        leases._held.clear()
        await leases.drain(0.0)

    async def stop(self) -> None:
        for kind in list(self.leases):
            await self.kill(kind)


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    stack = Stack()
    await stack.start()
    yield stack
    await stack.stop()


@pytest.fixture
def stack_on():
    """A stack on another bus, which the test starts and stops."""
    return Stack


@pytest.fixture
def settings() -> EdgeSettings:
    return EdgeSettings(width=SIZE, height=SIZE)


class Rig:
    """A call on the scripted stack with devices in memory."""

    def __init__(self, stack: Stack, settings: EdgeSettings, recorder=None) -> None:
        self.stack = stack
        self.mic = FileMic()
        self.out = MemoryOut()
        self.camera = MemoryCamera(keep=2_000)
        self.call = Call(stack.bus, settings, self.mic, self.out, self.camera, recorder=recorder)


@pytest.fixture
def rig(stack: Stack, settings: EdgeSettings):
    @contextlib.asynccontextmanager
    async def make(recorder=None, **changes):
        rig = Rig(stack, msgspec.structs.replace(settings, **changes), recorder)
        async with rig.call:
            await rig.call.ready(5)
            yield rig

    return make


def voice(seconds: float = 0.4) -> np.ndarray:
    return (0.3 * np.sin(np.arange(int(16_000 * seconds)) * 2 * np.pi * 200 / 16_000)).astype(np.float32)


@pytest.fixture
def said() -> np.ndarray:
    return voice()


@pytest.fixture
def h264():
    return encoder, access_unit


class Device:
    """A device and a bus on virtual time."""

    def __init__(self, rate=16_000, latency_s=0.0, **options):
        self.playout = Playout(rate, **options)
        self.rate = rate
        self.now = 0.0
        self.latency_s = latency_s
        self.heard = []

    def run(self, seconds):
        for _ in range(round(seconds * 100)):
            self.heard.append(self.playout.pull(self.rate // 100, self.now + self.latency_s, self.now))
            self.now += 0.01
        return self

    @property
    def sound(self):
        return np.concatenate(self.heard)

    def chunk(self, reply, start, pcm, *, turn=1, sentence=0, rate=16_000, words=(), last=False):
        event = TtsChunk(
            turn=turn,
            reply=reply,
            sentence=sentence,
            rate=rate,
            start=start,
            pcm=np.asarray(pcm, np.int16).tobytes(),
            words=words,
            last=last,
        )
        return self.playout.chunk(event, self.now)

    def done(self, reply, samples, turn=1):
        self.playout.done(TtsDone(turn=turn, reply=reply, samples=samples), self.now)

    def commit(self, reply, turn=1, **options):
        return self.playout.commit(turn, reply, self.now, **options)

    def states(self):
        return [change.state for change in self.playout.changes(self.now + 1.0)]


@pytest.fixture
def device():
    return Device
