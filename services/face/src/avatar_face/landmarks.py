"""Finding the one face of a photo with mediapipe, in a process of its own that ends afterwards.

The models and their runtime take some 200 MB, which a service that only animates prepared faces must not carry.
Run as a program, this module reads an array (.npy) from its input and writes a JSON list of faces.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar_face.errors import FaceError, PhotoError
from avatar_face.geometry import MESH_SIZE, Face

TIMEOUT_S = 60.0
MIN_FACE = 48.0  # pixels from forehead to chin


def find(image: NDArray[np.uint8]) -> Face:
    """The outlines of the only face in a BGR picture, in its pixels.

    Raises `PhotoError` with code "no_face", "several_faces" or "small_face", and `FaceError` when the detector
    itself fails.
    """
    packed = io.BytesIO()
    np.save(packed, image, allow_pickle=False)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "avatar_face.landmarks"],
            input=packed.getvalue(), capture_output=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise FaceError(
            f"looking for the face took more than {TIMEOUT_S:.0f} s: try again, or a smaller photo"
        ) from error
    if done.returncode != 0:
        tail = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise FaceError(f"the face detector failed ({' '.join(tail) or done.returncode}): is mediapipe installed?")
    faces = json.loads(done.stdout)
    if not faces:
        raise PhotoError("no_face", "no face was found in the photo: use one where a single face looks at the camera")
    if len(faces) > 1:
        raise PhotoError("several_faces", "the photo shows more than one face: crop it to one person")
    face = Face.from_mesh(np.array(faces[0]))
    if face.height < MIN_FACE:
        raise PhotoError("small_face", f"the face is only {face.height:.0f} pixels high: use a closer photo")
    return face


def detect(image: NDArray[np.uint8]) -> list[Any]:
    """Every face in a BGR picture, up to two, as mesh points [478, 2] in pixels; imports mediapipe."""
    import mediapipe  # noqa: PLC0415

    height, width = image.shape[:2]
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True, max_num_faces=2) as mesh:
        found = mesh.process(np.ascontiguousarray(image[..., ::-1])).multi_face_landmarks or []
    faces = [[(p.x * width, p.y * height) for p in one.landmark] for one in found]
    assert all(len(points) == MESH_SIZE for points in faces)
    return faces


def main() -> None:
    """Answer one picture."""
    image = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    sys.stdout.write(json.dumps(detect(image)))


if __name__ == "__main__":
    main()
