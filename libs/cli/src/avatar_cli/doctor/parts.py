"""Checks of what Avatar is made of: settings, broker program, models, codecs and engines."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import av
import espeakng_loader
from av.codec.codec import UnknownCodecError

from avatar_asr import assets
from avatar_cli.commands.config import settings_type
from avatar_cli.doctor.check import Check
from avatar_runtime import engines, nats_server
from avatar_runtime.engines import EngineError
from avatar_runtime.nats_bus import MINIMUM_SERVER
from avatar_runtime.settings import SettingsError, load

_SETUP = "Run `make setup`."
_MODELS = {
    "ears": ("moonshine_voice", "assets", "tiny-en", "encoder_model.ort"),
    "voice activity": ("pipecat", "audio", "vad", "data", "silero_vad.onnx"),
    "end of turn": ("pipecat", "audio", "turn", "smart_turn", "data", "smart-turn-v3.2-cpu.onnx"),
    "face landmarks": ("mediapipe", "modules", "face_landmark", "face_landmark_with_attention.tflite"),
}


def groups() -> list[tuple[str, Callable[[], Iterable[Check]]]]:
    """The checks of the parts by name, such as can be made side by side; the engines take longest."""
    loading = [(f"engine: {kind}", partial(_alone, engine, kind)) for kind in ("asr", "llm", "tts", "face")]
    return [("parts", files), *loading, ("settings", partial(_alone, settings, "edge"))]


def files() -> Iterator[Check]:
    """What is looked at and not loaded."""
    yield broker()
    for what, place in _MODELS.items():
        yield model(what, place)
    yield espeak()
    yield h264()


def _alone(check: Callable[[str], Check], kind: str) -> list[Check]:
    return [check(kind)]


def broker() -> Check:
    """The NATS server's program and version."""
    try:
        program = nats_server.program()
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (nats_server.ServerMissing, OSError, subprocess.SubprocessError) as error:
        return Check("nats-server", "fail", str(error), _SETUP)
    match = re.search(r"v(\d+)\.(\d+)\.\d+", answer)
    if not match or (int(match[1]), int(match[2])) < MINIMUM_SERVER:
        needed = ".".join(map(str, MINIMUM_SERVER))
        return Check("nats-server", "fail", answer.strip(), f"At least {needed} is needed. {_SETUP}")
    return Check("nats-server", "ok", match[0])


def model(what: str, place: tuple[str, ...]) -> Check:
    """One model file inside an installed package."""
    try:
        path = assets.find(*place)
    except EngineError as error:
        return Check(f"model: {what}", "fail", str(error), _SETUP)
    return Check(f"model: {what}", "ok", f"{path.name}, {path.stat().st_size / 1e6:.1f} MB")


def espeak() -> Check:
    """espeak-ng's library and its voices."""
    library, data = Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
    missing = [path for path in (library, data) if not path.exists()]
    if missing:
        return Check("espeak-ng", "fail", f"{missing[0]} is not there", _SETUP)
    return Check("espeak-ng", "ok", library.name)


def h264() -> Check:
    """The encoder of the picture on the bus."""
    try:
        codec = av.codec.Codec("libx264", "w")
    except UnknownCodecError:
        fix = 'Use the wheel of PyAV (`make setup`), or set codec = "jpeg" in [edge].'
        return Check("H.264 encoder", "fail", "PyAV here has no libx264", fix)
    return Check("H.264 encoder", "ok", str(codec.long_name))


def settings(kind: str) -> Check:
    """The settings of a service can be read."""
    try:
        load(kind, settings_type(kind), argv=[])
    except SettingsError as error:
        return Check(
            f"settings: {kind}", "fail", str(error), "Correct it; `avatar config show` shows what is in effect."
        )
    return Check(f"settings: {kind}", "ok", "readable")


def engine(kind: str) -> Check:
    """The engine the settings choose loads."""
    readable = settings(kind)
    if readable.level != "ok":
        return readable
    chosen: Any = load(kind, settings_type(kind), argv=[])
    name = f"engine: {kind}"
    started_at = time.perf_counter()
    try:
        asyncio.run(_try(kind, chosen))
    except EngineError as error:
        return Check(name, "fail", f"{chosen.engine}: {error}", "")
    except Exception as error:
        return Check(name, "fail", f"{chosen.engine} cannot load: {type(error).__name__}: {error}", _SETUP)
    return Check(name, "ok", f"{chosen.engine} loads in {time.perf_counter() - started_at:.1f} s")


async def _try(kind: Any, chosen: Any) -> None:
    made = engines.create(kind, chosen.engine, chosen)
    for step in (made.load, made.close):
        if inspect.iscoroutinefunction(step):
            await step()
        else:
            step()
