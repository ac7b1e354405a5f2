"""The setup with devices from tables, and with a real PulseAudio."""

import io
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avatar_cli.setup.advice import in_the_meeting
from avatar_cli.setup.machine import RealMachine, moving_card, other_end, spoken
from avatar_cli.setup.meter import FLOOR_DBFS, Meter
from avatar_cli.setup.wizard import Wizard
from avatar_edge import EdgeSettings
from avatar_edge.audio import FRAME
from avatar_edge.devices.catalogue import Device, Table
from avatar_edge.devices.portaudio import PortAudio
from avatar_edge.errors import CameraError, DeviceMissing
from avatar_runtime.testing.pulse import HEADPHONES, MICROPHONE, MISSING, MOUTH, pulse_server

WASAPI = "Windows WASAPI"
WINDOWS = Table(
    system="windows",
    devices=(
        Device(0, "Microphone (Jabra Evolve2 65)", "MME", 1, 0, 44_100),
        Device(1, "Microphone (Jabra Evolve2 65)", WASAPI, 1, 0, 16_000),
        Device(2, "Microphone Array (Realtek(R) Audio)", WASAPI, 2, 0, 48_000),
        Device(3, "CABLE Output (VB-Audio Virtual Cable)", WASAPI, 2, 0, 48_000),
        Device(4, "CABLE-A Output (VB-Audio Cable A)", WASAPI, 2, 0, 48_000),
        Device(5, "CABLE Input (VB-Audio Virtual Cable)", WASAPI, 0, 2, 48_000),
        Device(6, "Headphones (Jabra Evolve2 65)", WASAPI, 0, 2, 48_000),
    ),
    default_in={WASAPI: 1, "MME": 0},
    default_out={WASAPI: 6, "MME": -1},
)
BARE = Table(system="macos")


def loud(dbfs: float, seconds: float = 1.0) -> Meter:
    meter = Meter()
    tone = np.sin(np.arange(FRAME) * 0.3) * np.sqrt(2) * 10 ** (dbfs / 20) * 32_768
    for _ in range(round(seconds * 50)):
        meter.take(np.clip(tone, -32_768, 32_767).astype(np.int16))
    return meter


class Scripted:
    """A machine whose devices are those of a table."""

    def __init__(self, table: Table, level: float = -20.0, camera: str = "OBS Virtual Camera") -> None:
        self.devices, self.level, self.camera = table, level, camera
        self.done: list[tuple[str, str]] = []

    def table(self) -> Table:
        return self.devices

    def listen(self, use, selector, seconds, show):
        self.done.append((use, selector))
        if self.level == 0:
            raise DeviceMissing(f"{selector} is busy: close the program that holds it")
        meter = loud(self.level)
        show(meter)
        return meter

    def speak(self, selector):
        self.done.append(("speak", selector))
        return loud(self.level)

    def picture(self, settings, until):
        if not self.camera:
            raise CameraError("the virtual camera cannot be opened: no driver; install one")
        until()
        return self.camera


def walk(machine: Scripted, typed: str, **settings: str) -> tuple[Wizard, str]:
    shown = io.StringIO()
    wizard = Wizard(machine, EdgeSettings(**settings), io.StringIO(typed), shown)
    wizard.run()
    return wizard, shown.getvalue()


def test_enter_all_the_way_keeps_what_is_proposed_and_tries_each_device() -> None:
    machine = Scripted(WINDOWS)
    wizard, shown = walk(machine, "\n" * 20)
    assert wizard.choice == {"speaker": "auto", "mic": "default", "meeting": "auto", "monitor": "none"}
    assert machine.done == [("speak", "auto"), ("mic", "default"), ("meeting", "auto")]
    assert "*  1  CABLE Input (VB-Audio Virtual Cable)" in shown
    assert "*  1  Microphone (Jabra Evolve2 65)" in shown
    assert 'It arrived at "CABLE Output (VB-Audio Virtual Cable)" with -20 dBFS' in shown
    assert "Good (-20 dBFS)." in shown
    assert 'Microphone: "CABLE Output (VB-Audio Virtual Cable)"' in shown
    assert 'Camera: "OBS Virtual Camera"' in shown
    assert 'choose "CABLE-A Input (VB-Audio Cable A)" as the meeting\'s speaker' in shown


def test_another_number_chooses_another_device_and_nonsense_is_asked_again() -> None:
    wizard, shown = walk(Scripted(WINDOWS), "\nn\nseven\n9\n2\n\n0\n\n1\nn\n")
    assert wizard.choice["mic"] == "Microphone Array (Realtek(R) Audio)"
    assert wizard.choice["meeting"] == "none"
    assert "'seven' is none of them" in shown
    assert "'9' is none of them" in shown
    assert "hears your own microphone" in shown


def test_what_goes_wrong_is_said_and_the_walk_goes_on() -> None:
    wizard, shown = walk(Scripted(WINDOWS, level=0, camera=""), "\n" * 20)
    assert "is busy" in shown
    assert "virtual camera cannot be opened: no driver" in shown
    assert "In the meeting program" in shown
    assert wizard.choice["mic"] == "default"


def test_a_silent_microphone_is_named_as_such() -> None:
    _, shown = walk(Scripted(WINDOWS, level=-65.0), "\n" * 20)
    assert "Nothing arrived at" in shown
    assert "Nothing was heard" in shown


def test_a_machine_without_devices_is_told_what_to_install_and_its_choice_stays_open() -> None:
    wizard, shown = walk(Scripted(BARE), "\n" * 20)
    assert "brew install blackhole-2ch" in shown
    assert wizard.choice["speaker"] == "auto"


def test_a_pipe_that_ends_at_once_explains_and_changes_nothing() -> None:
    machine = Scripted(WINDOWS)
    wizard, shown = walk(machine, "")
    assert not wizard.answered
    assert machine.done == []
    assert "CABLE Output" in shown


@pytest.mark.parametrize(
    ("dbfs", "word"), [(FLOOR_DBFS, "Nothing was heard"), (-50.0, "Faint"), (-20.0, "Good"), (3.0, "Too loud")]
)
def test_a_level_is_judged(dbfs: float, word: str) -> None:
    assert loud(dbfs).verdict.startswith(word)


def test_a_bar_grows_with_the_level_and_a_click_is_no_speech() -> None:
    assert [loud(dbfs).bar().count("#") for dbfs in (-70.0, -35.0)] == [0, 15]
    click = Meter()
    for number in range(50):
        click.take(np.full(FRAME, 8_000 if number == 25 else 0, np.int16))
    assert click.loudest_dbfs < loud(-12.2).loudest_dbfs - 8


def test_the_advice_for_each_system_names_what_to_choose() -> None:
    for system in ("windows", "macos", "linux"):
        lines = "\n".join(in_the_meeting(system, "BlackHole 2ch", "", "BlackHole 16ch"))
        assert '"BlackHole 2ch"' in lines
        assert "Zoom" in lines
        assert "Teams" in lines
    assert "no virtual microphone" in "\n".join(in_the_meeting("macos", "", "", ""))


def test_the_far_end_of_a_cable_is_what_a_meeting_chooses() -> None:
    end = other_end(WINDOWS.devices[5], WINDOWS)
    assert end is not None
    assert end.name == "CABLE Output (VB-Audio Virtual Cable)"


def test_the_test_sentence_is_speech_and_the_test_picture_moves() -> None:
    sound = spoken(48_000)
    assert 2 < len(sound) / 48_000 < 10
    assert np.abs(sound).max() > 3_000
    first, second = moving_card(320, 180)[:2]
    assert (first.width, first.height) == (320, 180)
    assert not np.array_equal(first.i420, second.i420)


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if MISSING:
        pytest.skip(f"{MISSING} is not installed")
    with pulse_server(tmp_path_factory.mktemp("pulse")) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        server.plug_in()
        yield


def test_a_sentence_said_into_the_virtual_microphone_arrives_at_it_and_a_real_device_is_metered(pulse: None) -> None:
    portaudio = PortAudio()
    try:
        portaudio.make_microphone()
        machine = RealMachine(portaudio)
        arrived = machine.speak("auto")
        assert arrived is not None
        assert arrived.heard
        shown: list[float] = []
        silent = machine.listen("mic", MICROPHONE, 1.0, lambda meter: shown.append(meter.now_dbfs))
        assert len(shown) >= 5
        assert not silent.heard
        with pytest.raises(DeviceMissing):
            machine.listen("mic", "no such device", 0.5, lambda _: None)
    finally:
        portaudio.close()


def test_the_command_saves_what_is_answered_over_a_pipe(pulse: None, tmp_path: Path) -> None:
    ran = subprocess.run(
        [Path(sys.executable).with_name("avatar"), "edge", "--setup", "--camera", "none"],
        cwd=tmp_path, input="\nn\n1\nn\n\nn\n1\nn\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert MICROPHONE in ran.stdout
    assert "Avatar Microphone" in ran.stdout
    saved = tomllib.loads((tmp_path / "avatar.toml").read_text())["edge"]
    assert saved["speaker"] == "auto"
    assert saved["mic"] in ("default", MICROPHONE)
    assert saved["monitor"] in (HEADPHONES, MOUTH)
