from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from avatar_face import avatars, framing, landmarks, packs, photo
from avatar_face.errors import PackError, PhotoError, SizeError
from avatar_face.geometry import Face
from avatar_face.settings import FaceSettings
from avatar_runtime.engines import EngineError


def encoded(image: np.ndarray, kind: str = ".png") -> bytes:
    return cv2.imencode(kind, image)[1].tobytes()


def png_header(width: int, height: int) -> bytes:
    """A tiny PNG file that claims to be huge."""

    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(b"")) + part(b"IEND", b"")


@pytest.fixture(scope="module")
def drawn(pack) -> tuple[np.ndarray, Face]:
    return pack.image, pack.face


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp"])
def test_photos_of_every_kind_are_read_and_cut_ones_refused(drawn, kind):
    data = encoded(drawn[0], kind)
    assert photo.read(data).shape == (512, 512, 3)
    for share in (0.02, 0.3, 0.7, 0.99):
        with pytest.raises(PhotoError) as caught:
            photo.read(data[: int(len(data) * share)])
        assert caught.value.code == "truncated"


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "kind", "JPEG, PNG or WebP"),
        (b"just some text, not a picture at all", "kind", "JPEG, PNG or WebP"),
        (b"%PDF-1.7 ...", "kind", "JPEG, PNG or WebP"),
        (b"\xff\xd8\xff\xe0", "truncated", "cut off"),
        (encoded(np.zeros((1, 1, 3), np.uint8)), "size", "1x1"),
        (png_header(30_000, 30_000), "size", "30000x30000"),
        (png_header(512, 512), "unreadable", "damaged"),
        (b"\xff\xd8\x00\x00\x00\x00\x00\x00", "unreadable", "damaged"),
    ],
    ids=["empty", "text", "pdf", "stub", "1x1", "30000x30000", "hollow", "garbled"],
)
def test_bad_photos_are_refused_with_a_plain_sentence(data, code, words):
    with pytest.raises(PhotoError, match=words) as caught:
        photo.read(data)
    assert caught.value.code == code


def test_a_photo_without_a_face_is_refused():
    wall = np.full((300, 400, 3), 180, np.uint8)
    with pytest.raises(PhotoError, match="no face") as caught:
        landmarks.find(wall)
    assert caught.value.code == "no_face"


def test_a_photo_with_two_faces_is_refused(drawn):
    with pytest.raises(PhotoError, match="more than one") as caught:
        landmarks.find(np.hstack([drawn[0], drawn[0][:, ::-1]]))
    assert caught.value.code == "several_faces"


def test_mediapipe_finds_the_drawn_face_where_it_was_drawn(drawn):
    image, exact = drawn
    found = landmarks.find(image)
    for name in ("outer_upper", "outer_lower", "inner_upper", "left_upper_lid", "right_upper_lid", "left_iris", "oval"):
        away = np.linalg.norm(getattr(found, name) - getattr(exact, name), axis=1) / exact.height
        assert away.max() < 0.06, name


def test_a_photo_becomes_an_avatar_and_the_second_time_comes_from_the_cache(engine, drawn, tmp_path, monkeypatch):
    path = tmp_path / "me.png"
    path.write_bytes(encoded(cv2.resize(drawn[0], (900, 900))))
    made = avatars.pack(engine, path, 512, 512)
    assert made.image.shape == (512, 512, 3)
    assert 0.40 < made.face.height / 512 < 0.68
    monkeypatch.setattr(landmarks, "find", lambda _: pytest.fail("prepared again"))
    again = avatars.pack(engine, path, 512, 512)
    assert again.digest == made.digest


def test_a_service_with_an_unusable_avatar_says_why_it_cannot_start(engine, tmp_path):
    path = tmp_path / "cut.png"
    path.write_bytes(encoded(np.zeros((200, 200, 3), np.uint8))[:80])
    with pytest.raises(EngineError, match="cut off"):
        avatars.Avatars(engine, FaceSettings(avatar=str(path))).load()


def test_a_missing_photo_is_an_error_that_names_it(engine, tmp_path):
    with pytest.raises(PhotoError, match=r"nobody\.jpg"):
        avatars.pack(engine, tmp_path / "nobody.jpg", 512, 512)


def test_an_empty_photo_is_an_error_and_not_the_drawn_portrait(engine, pack, tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(PhotoError, match="not a photo"):
        avatars.pack(engine, tmp_path / "empty.png", 512, 512)


@pytest.mark.parametrize("size", [(1, 1), (62, 64), (65, 64), (64, 258), (3842, 2160)])
def test_sizes_that_cannot_be_drawn_are_refused(size):
    with pytest.raises(SizeError, match=f"{size[0]}x{size[1]}"):
        framing.check_size(*size)


def test_sizes_that_are_asked_for_can_be_drawn():
    for size in ((64, 64), (512, 512), (1280, 720), (720, 1280), (3840, 2160)):
        framing.check_size(*size)


def test_sessions_may_only_ask_for_photos_in_the_photo_folder(engine, drawn, tmp_path):
    (tmp_path / "ann.png").write_bytes(encoded(drawn[0]))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "eve.png").write_bytes(encoded(drawn[0]))
    known = avatars.Avatars(engine, FaceSettings(photos=str(tmp_path)))
    assert known.open("ann", 512, 512).width == 512
    for name in ("secret/eve", "../ann", "eve", "ann.png", str(tmp_path / "ann")):
        with pytest.raises(PhotoError, match="no photo named"):
            known.open(name, 512, 512)


def test_a_wide_picture_of_a_narrow_photo_is_filled(drawn):
    image, face = drawn
    wide, moved = framing.frame(image[:, 100:400], face.moved(1.0, (-100.0, 0.0)), 1280, 720)
    assert wide.shape == (720, 1280, 3)
    assert 0 < moved.oval[:, 0].min() < moved.oval[:, 0].max() < 1280
    assert wide[:, :40].std() > 0
    assert abs(moved.mouth_centre[0] - 640) < 120


def test_packs_survive_the_disk_and_refuse_damage(pack, tmp_path):
    path = tmp_path / "a.npz"
    pack.save(path)
    again = packs.load(path)
    assert again.digest == pack.digest
    assert again.face.height == pack.face.height
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    data = bytearray(path.read_bytes())
    for harm in (data[:1000], bytes(200), data[: len(data) // 2] + bytes(64) + data[len(data) // 2 + 64 :]):
        path.write_bytes(harm)
        with pytest.raises(PackError, match="prepare the photo again"):
            packs.load(path)


def test_a_pickle_in_a_pack_is_never_opened(tmp_path):
    class Bomb:
        def __reduce__(self) -> tuple:
            return (pytest.fail, ("a pickle was opened",))

    path = tmp_path / "bomb.npz"
    np.savez(path, head=np.array([1, 1]), digest=np.array([Bomb()], dtype=object))
    with pytest.raises(PackError):
        packs.load(path)
