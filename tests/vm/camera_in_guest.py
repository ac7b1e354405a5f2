"""`make test-vm`: the edge's camera on a real v4l2loopback device. Not a part of `make test`: it boots a machine."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from avatar_edge.picture import Picture, fitted

sys.path.insert(0, str(Path(__file__).parent))
import machine
from pattern import face, number_of

WIDTH, HEIGHT = 1280, 720
FOLDER = Path(__file__).parents[2] / "out" / "vm"


@pytest.fixture(scope="module")
def results() -> Path:
    if need := machine.missing():
        pytest.fail(f"this test needs programs of the system: {need}", pytrace=False)
    machine.build(FOLDER)
    guest = Path(__file__).with_name("guest.py")
    return machine.boot(FOLDER, [sys.executable, str(guest), machine.DEVICE, "/mnt"])


@pytest.fixture(scope="module")
def said(results: Path) -> dict:
    return json.loads((results / "said.json").read_text())


@pytest.mark.timeout(290)
def test_frames_read_from_the_device_are_the_edge_s_pictures_letterboxed(results, said):
    frames = np.fromfile(results / "frames.yuv", np.uint8).reshape(-1, HEIGHT * 3 // 2, WIDTH)
    assert len(frames) >= 30, said["ffmpeg"]
    numbers = []
    for frame in frames:
        number = number_of(frame[:HEIGHT])
        assert np.array_equal(frame, fitted(Picture(face(number)), WIDTH, HEIGHT).i420), f"frame {number} is damaged"
        numbers.append(number)
    steps = np.diff(numbers) % 256
    assert steps.max() < 128, f"the picture goes back: {numbers}"
    assert len(set(numbers)) >= 10, f"the picture stands still: {numbers}"


def test_the_device_has_one_format_and_the_label_it_was_given(said):
    assert f"{WIDTH}x{HEIGHT}" in said["ffmpeg"]
    assert said["name"] == f"{machine.LABEL} ({machine.DEVICE})"


def test_a_second_program_is_told_that_the_camera_is_in_use_and_once_given_back_it_opens_again(said):
    assert "another program holds it" in said["second_writer"]
    assert said["again"] == said["name"]
