"""A headless PulseAudio for tests: a person's microphone and headphones without a sound card."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

MICROPHONE = "Test Headset Microphone"
"""The person's microphone: what is played into `MOUTH` is heard there."""
MOUTH = "Test Mouth"
HEADPHONES = "Test Headphones"
"""The default output."""
_START_S = 10.0

MISSING = ", ".join(name for name in ("pulseaudio", "pactl") if shutil.which(name) is None)
"""Programs that are not installed, empty when nothing is missing: the reason to skip a test."""


class Pulse:
    """A running server.

    Attributes:
        environment: What programs that use it must have in their environment.
    """

    def __init__(self, folder: Path) -> None:
        self.environment: Mapping[str, str] = {
            "PULSE_SERVER": f"unix:{folder}/native",
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_COOKIE": str(folder / "cookie"),
        }

    def pactl(self, *arguments: str) -> str:
        """Run pactl; returns what it prints."""
        environment = os.environ | dict(self.environment)
        return subprocess.run(
            ["pactl", *arguments], env=environment, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    def plug_in(self) -> tuple[str, str]:
        """Add the microphone and its mouth; returns what `unplug` takes."""
        mouth = self.pactl("load-module", "module-null-sink", "sink_name=mouth", "rate=48000", _called("sink", MOUTH))
        source = self.pactl(
            "load-module", "module-remap-source", "master=mouth.monitor", "source_name=headset",
            _called("source", MICROPHONE),
        )  # fmt: skip
        return source, mouth

    def unplug(self, modules: tuple[str, str]) -> None:
        """Take the microphone away."""
        for module in modules:
            self.pactl("unload-module", module)


@contextlib.contextmanager
def pulse_server(folder: Path) -> Iterator[Pulse]:
    """A server of its own in `folder`, with headphones but no microphone."""
    script = folder / "pulse.pa"
    script.write_text(
        f"load-module module-native-protocol-unix auth-anonymous=1 socket={folder}/native\n"
        f"load-module module-null-sink sink_name=headphones rate=48000 {_called('sink', HEADPHONES)}\n"
        "set-default-sink headphones\n"
    )
    pulse = Pulse(folder)
    flags = ("-n", "-F", str(script), "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disallow-exit=1")
    with subprocess.Popen(
        ["pulseaudio", *flags],
        env=os.environ | dict(pulse.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            deadline = time.monotonic() + _START_S
            while True:
                with contextlib.suppress(subprocess.CalledProcessError):
                    pulse.pactl("info")
                    break
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("pulseaudio did not start")
                time.sleep(0.05)
            yield pulse
        finally:
            server.terminate()


def _called(kind: str, description: str) -> str:
    return f"{kind}_properties=\"device.description='{description}'\""
