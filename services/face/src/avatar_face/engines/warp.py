"""The `warp` engine: a photo talks by moving its own pixels, on one CPU core, without weights.

The picture is cut along the lips into an upper and a lower layer over a painted inner mouth; eyelids are a layer
each. Smooth displacement fields move the layers, then one field moves the head as a whole. Only the parts that move
are touched, and each field is summed on a coarse lattice before it is enlarged to pixels. Pictures are BGRA inside:
`cv2.remap` is twice as fast on four bytes per pixel as on three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_face.engines.base import Picture
from avatar_face.errors import PackError
from avatar_face.packs import Pack
from avatar_face.warp import cavity, fields, layers
from avatar_face.warp.fields import HEAD_STEP, JAW_DROP, STEP, Box, Field
from avatar_runtime.engines import EngineInfo

if TYPE_CHECKING:
    from avatar_face.controls import Mouth, Pose
    from avatar_face.geometry import Face
    from avatar_face.settings import FaceSettings

VERSION = 1
_STILL = 0.004  # controls below this leave the picture as it is


def create(settings: FaceSettings) -> WarpEngine:
    """Make the engine; called by the engine registry."""
    return WarpEngine()


def _box(values: NDArray[np.int32]) -> Box:
    x0, y0, x1, y1 = (int(v) for v in values)
    return x0, y0, x1, y1


def _backward(forward: Field, nodes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Where each pixel's content comes from: minus the displacement, relative to the pixel, float32 [h, w, 2].

    Inverts the forward field on its lattice by two fixed-point steps, B(q) = D(q - B(q)), then enlarges it.
    """
    back = forward
    for _ in range(2):
        back = cv2.remap(forward, nodes - back * (1 / STEP), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    enlarged: NDArray[np.float32] = cv2.resize(back * -1, size, interpolation=cv2.INTER_LINEAR)
    return enlarged


def _warp(source: Picture, offsets: NDArray[np.float32], base: NDArray[np.float32]) -> Picture:
    moved: Picture = cv2.remap(source, base + offsets, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved


def _over(front: Picture, back: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Compose premultiplied BGRA over opaque BGRA."""
    clear = 255 - front[..., 3:].astype(np.uint16)
    composed: NDArray[np.uint16] = front + (back * clear + 127) // 255
    return composed


def _opaque(picture: Picture) -> Picture:
    """A BGR picture with a full alpha channel."""
    full: Picture = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
    return full


def _grid(width: int, height: int) -> NDArray[np.float32]:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([x, y])


class WarpEngine:
    """Prepares and animates avatars by warping."""

    info = EngineInfo(name="warp", device="cpu", licence="Apache-2.0")

    def load(self) -> None:
        """Use one thread: frames are small, and the session's own thread is the one that renders."""
        cv2.setNumThreads(1)

    def close(self) -> None:
        """Nothing is held."""

    def prepare(self, image: Picture, face: Face) -> Pack:
        """Solve the fields and cut the layers; about 0.1 s at 512x512."""
        height, width = image.shape[:2]
        box = fields.mouth_box(face, width, height)
        upper, lower = fields.mouth_fields(face, box)
        upper_layer, lower_layer = layers.lip_layers(image, face, box)
        lips = layers.lips_box(face, box)
        inner = cavity.paint(image, face, lips)
        arrays: dict[str, NDArray[np.generic]] = {
            "mouth_box": np.array(box, np.int32), "lips_box": np.array(lips, np.int32),
            "upper_fields": upper, "lower_fields": lower,
            "upper_layer": upper_layer, "lower_layer": lower_layer,
            "cavity_depth": inner.depth, "cavity_jaw": inner.jaw, "cavity_teeth": inner.teeth,
            "head_fields": fields.head_fields(face, width, height),
        }  # fmt: skip
        for side, lids in (
            ("left", (face.left_upper_lid, face.left_lower_lid, face.left_brow, face.left_iris)),
            ("right", (face.right_upper_lid, face.right_lower_lid, face.right_brow, face.right_iris)),
        ):
            above, below, brow, iris = lids
            eye = layers.eye_box(above, below, brow, image)
            arrays[f"{side}_eye_box"] = np.array(eye, np.int32)
            arrays[f"{side}_lid_fields"] = fields.lid_fields(above, below, brow, eye, face)
            arrays[f"{side}_lid"] = layers.lid_layer(image, above, eye, face)
            arrays[f"{side}_gaze"] = layers.gaze_weight(above, below, iris, eye)
        return Pack(engine=self.info.name, version=VERSION, image=image, face=face, arrays=arrays)

    def open(self, pack: Pack) -> WarpAnimator:
        """Animate a pack of this engine."""
        if (pack.engine, pack.version) != (self.info.name, VERSION):
            raise PackError(
                f"this avatar pack was made for {pack.engine} {pack.version}, not {self.info.name} {VERSION}: "
                "prepare the photo again"
            )
        try:
            return WarpAnimator(pack)
        except KeyError as error:
            raise PackError(f"the avatar pack lacks {error}: prepare the photo again") from error


class _Eye:
    """One eye: moves the iris, then lowers the lid, in place."""

    def __init__(self, pack: Pack, side: str) -> None:
        self.box = _box(pack.arrays[f"{side}_eye_box"])
        shut: Field = pack.arrays[f"{side}_lid_fields"]
        self._levels = np.array((0.0, *fields.LID_LEVELS))
        self._fields = np.concatenate([np.zeros_like(shut[:1]), -shut])
        self._lid: Picture = pack.arrays[f"{side}_lid"]
        self._gaze: NDArray[np.float32] = pack.arrays[f"{side}_gaze"][..., None]
        x0, y0, x1, y1 = self.box
        self._size = (x1 - x0, y1 - y0)
        self._grid = _grid(*self._size)
        lids = pack.face.left_upper_lid if side == "left" else pack.face.right_upper_lid
        self._reach = 0.12 * float(np.linalg.norm(lids[0] - lids[-1]))

    def draw(self, canvas: Picture, pose: Pose) -> None:
        x0, y0, x1, y1 = self.box
        part = canvas[y0:y1, x0:x1]
        if abs(pose.gaze_x) + abs(pose.gaze_y) > 0.02:
            toward = np.array([-pose.gaze_x * self._reach, -pose.gaze_y * self._reach], np.float32)
            part[:] = _warp(part.copy(), self._gaze * toward, self._grid)
        if pose.blink > 0.02:
            at = float(np.interp(pose.blink, self._levels, np.arange(len(self._levels))))
            below = min(int(at), len(self._levels) - 2)
            share = np.float32(at - below)
            coarse = self._fields[below] * (1 - share) + self._fields[below + 1] * share
            offsets = cv2.resize(coarse, self._size, interpolation=cv2.INTER_LINEAR)
            part[:] = _over(_warp(self._lid, offsets, self._grid), part)


class _Lips:
    """The mouth: two layers over the inner mouth, drawn into the picture in place."""

    def __init__(self, pack: Pack) -> None:
        a, face = pack.arrays, pack.face
        self.box = _box(a["mouth_box"])
        x0, y0, x1, y1 = self.box
        lx0, ly0, lx1, ly1 = _box(a["lips_box"])
        self._lips = (slice(ly0 - y0, ly1 - y0), slice(lx0 - x0, lx1 - x0))
        self._image = _opaque(pack.image[y0:y1, x0:x1])
        self._upper_fields: Field = a["upper_fields"].reshape(6, -1)
        self._lower_fields: Field = a["lower_fields"].reshape(6, -1)
        self._lattice = a["upper_fields"].shape[1:]
        self._upper: Picture = a["upper_layer"]
        self._lower: Picture = a["lower_layer"]
        self._depth = _opaque(a["cavity_depth"])
        self._jaw: Picture = a["cavity_jaw"]
        self._teeth: Picture = a["cavity_teeth"]
        self._size = (x1 - x0, y1 - y0)
        self._grid = _grid(*self._size)
        self._nodes = _grid(self._size[0] // STEP, self._size[1] // STEP)
        self._fall = face.down * JAW_DROP * face.height * 0.92
        self._shadow = max(2, round(0.022 * face.height))
        # Below the seam the lower field holds, above it the upper; the lips themselves are composed from layers.
        nodes = fields.lattice(self.box, STEP) - face.mouth_centre
        depth = (nodes @ face.down) / (0.02 * face.height)
        self._below = np.clip(0.5 + 0.5 * depth, 0, 1).astype(np.float32)[..., None]

    def draw(self, canvas: Picture, mouth: Mouth) -> None:
        bare, tuck = max(0.0, mouth.lip), max(0.0, -mouth.lip)
        controls = np.array([mouth.jaw, mouth.wide, mouth.round, mouth.close, bare, tuck], np.float32)
        strongest = float(np.abs(controls).max())
        if strongest <= _STILL:
            return
        x0, y0, x1, y1 = self.box
        part = canvas[y0:y1, x0:x1]
        up: Field = (controls @ self._upper_fields).reshape(self._lattice)
        low: Field = (controls @ self._lower_fields).reshape(self._lattice)
        both: Field = up + (low - up) * self._below
        part[:] = _warp(self._image, _backward(both, self._nodes, self._size), self._grid)
        rows, columns = self._lips
        grid = self._grid[rows, columns]
        upper = _warp(self._upper, _backward(up, self._nodes, self._size)[rows, columns], grid)
        lower = _warp(self._lower, _backward(low, self._nodes, self._size)[rows, columns], grid)
        composed = _over(upper, _over(lower, self._inner(mouth.jaw, upper, lower)))
        blend = min(1.0, strongest / 0.04)  # the layers fade in, so that their soft edge never pops
        lips = part[rows, columns]
        if blend < 1:
            lips[:] = (composed * blend + lips * (1 - blend) + 0.5).astype(np.uint8)
        else:
            lips[:] = np.minimum(composed, 255)

    def _inner(self, jaw: float, upper: Picture, lower: Picture) -> NDArray[np.integer]:
        """The inner mouth with the jaw's parts lowered and the lips' shadow on it."""
        fall = self._fall * jaw
        shift = np.array([[1, 0, fall[0]], [0, 1, fall[1]]], np.float32)
        height, width = self._depth.shape[:2]
        inner = _over(self._teeth, _over(cv2.warpAffine(self._jaw, shift, (width, height)), self._depth))
        reach = self._shadow
        # The upper lip shades what lies just under it, the lower lip a little of what lies above.
        shade = np.zeros((height, width), np.uint8)
        shade[reach // 2 :] = upper[: height - reach // 2, :, 3]
        shade = cv2.blur(shade, (reach * 2 + 1, reach * 2 + 1))
        light = 256 - shade.astype(np.uint16) * 115 // 256 - lower[..., 3].astype(np.uint16) * 40 // 256
        shaded: NDArray[np.uint16] = inner * light[..., None] >> 8
        return shaded


class WarpAnimator:
    """Renders one session's face; see `FaceAnimator`."""

    def __init__(self, pack: Pack) -> None:
        self._image = _opaque(np.ascontiguousarray(pack.image))
        self.height, self.width = self._image.shape[:2]
        self._eyes = (_Eye(pack, "left"), _Eye(pack, "right"))
        self._lips = _Lips(pack)
        self._canvas, self._out = self._image.copy(), self._image.copy()
        head: Field = pack.arrays["head_fields"]
        self._region = self._moving(head)
        x0, y0, x1, y1 = self._region
        cut = head[:, y0 // HEAD_STEP : -(-y1 // HEAD_STEP), x0 // HEAD_STEP : -(-x1 // HEAD_STEP)]
        self._head: Field = np.ascontiguousarray(cut).reshape(6, -1)
        self._lattice = cut.shape[1:]
        self._grid = _grid(x1 - x0, y1 - y0)

    def _moving(self, head: Field) -> Box:
        """The smallest box, on whole lattice nodes, outside which nothing of the head ever moves."""
        moved = np.abs(head).max(axis=(0, 3)) > 1e-6
        rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
        x0, y0 = max(0, columns[0] - 1) * HEAD_STEP, max(0, rows[0] - 1) * HEAD_STEP
        x1, y1 = min(self.width, (columns[-1] + 2) * HEAD_STEP), min(self.height, (rows[-1] + 2) * HEAD_STEP)
        return x0, y0, x1, y1

    def render(self, mouth: Mouth, pose: Pose) -> Picture:
        """One frame, BGR uint8 [height, width, 3]."""
        for box in (self._lips.box, self._eyes[0].box, self._eyes[1].box):
            x0, y0, x1, y1 = box
            self._canvas[y0:y1, x0:x1] = self._image[y0:y1, x0:x1]
        for eye in self._eyes:
            eye.draw(self._canvas, pose)
        self._lips.draw(self._canvas, mouth)
        motion = np.array([pose.yaw, pose.pitch, pose.roll, pose.shift_x, pose.shift_y, pose.breath], np.float32)
        x0, y0, x1, y1 = self._region
        still, shown = self._canvas[y0:y1, x0:x1], self._out[y0:y1, x0:x1]
        if np.abs(motion).max() > 1e-4:
            coarse = (-motion @ self._head).reshape(self._lattice)
            rows, columns = self._lattice[0] * HEAD_STEP, self._lattice[1] * HEAD_STEP
            offsets = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR)
            offsets = offsets[: y1 - y0, : x1 - x0] + self._grid
            cv2.remap(still, offsets, None, cv2.INTER_LINEAR, dst=shown, borderMode=cv2.BORDER_REPLICATE)
        else:
            shown[:] = still
        picture: Picture = cv2.cvtColor(self._out, cv2.COLOR_BGRA2BGR)
        return picture
