"""What the doctor says of devices, from tables of systems it has not run on and from files."""

from pathlib import Path

import pytest

from avatar_cli.doctor import devices
from avatar_cli.doctor.check import Check
from avatar_edge import EdgeSettings
from avatar_edge.devices.catalogue import Device, Table

WASAPI = "Windows WASAPI"
WINDOWS = Table(
    system="windows",
    devices=(
        Device(0, "Microphone (Jabra Evolve2 65)", WASAPI, 1, 0, 16_000),
        Device(1, "CABLE Output (VB-Audio Virtual Cable)", WASAPI, 2, 0, 48_000),
        Device(2, "CABLE Input (VB-Audio Virtual Cable)", WASAPI, 0, 2, 48_000),
        Device(3, "Headphones (Jabra Evolve2 65)", WASAPI, 0, 2, 48_000),
    ),
    default_in={WASAPI: 0},
    default_out={WASAPI: 3},
)


def found(table: Table, **settings: str) -> dict[str, Check]:
    return {check.name: check for check in devices.chosen(EdgeSettings(**settings), table, makes_microphone=False)}


def test_devices_that_are_there_are_named_and_one_that_is_missing_says_what_to_install() -> None:
    checks = found(WINDOWS, monitor="jabra")
    assert "CABLE Input" in checks["virtual microphone"].found
    assert "Jabra" in checks["microphone"].found
    assert "Headphones" in checks["headphones"].found
    meeting = checks["meeting"]
    assert meeting.level == "warn"
    assert "CABLE-A" in meeting.fix


def test_a_bare_mac_is_told_each_thing_to_install() -> None:
    checks = found(Table(system="macos"))
    assert "brew install blackhole-2ch" in checks["virtual microphone"].fix
    assert "Plug one in" in checks["microphone"].fix
    assert "BlackHole 16ch" in checks["meeting"].fix
    assert all(check.level == "warn" for check in checks.values())


def test_what_is_switched_off_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "me.wav").touch()
    checks = found(WINDOWS, speaker="none", ears="mic", mic=f"file:{tmp_path / 'me.wav'}")
    assert {check.level for check in checks.values()} == {"ok"}
    assert "meeting" not in checks
    missing = found(WINDOWS, mic=f"file:{tmp_path / 'you.wav'}")["microphone"]
    assert missing.level == "fail"


@pytest.mark.parametrize(("webcam", "level"), [("", "ok"), ("/dev/null", "ok"), ("/no/such/camera", "warn")])
def test_a_webcam_is_looked_for_and_not_switched_on(webcam: str, level: str) -> None:
    assert devices.webcam(EdgeSettings(webcam=webcam)).level == level


def test_a_camera_without_a_driver_says_what_to_install() -> None:
    check = devices.camera(EdgeSettings(camera="nonesuch"))
    assert check.level == "warn"
    assert "nonesuch" in check.found
    assert devices.camera(EdgeSettings(camera="none")).level == "ok"
