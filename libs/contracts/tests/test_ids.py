import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_contracts import InvalidId, ids, specs


def test_a_new_session_id_is_valid_and_never_the_same():
    made = {ids.new_session_id() for _ in range(100)}
    assert len(made) == 100
    assert all(ids.check_session_id(session) == session for session in made)


@pytest.mark.parametrize("kind", ["asr", "llm", "tts", "face", "edge"])
def test_a_new_worker_id_tells_its_kind_and_is_valid(kind):
    worker = ids.new_worker_id(kind)
    assert worker.startswith(f"{kind}-")
    assert ids.check_worker_id(worker) == worker


@pytest.mark.parametrize(
    "session",
    ["", "short", "a" * 33, "with space1", "UPPERCASE", "a..bcdefgh", "abcdefg.*", "abcdefgh\n", "ключключ", None, 7],
)
def test_a_session_id_that_could_break_a_subject_is_refused(session):
    with pytest.raises(InvalidId, match="session id"):
        ids.check_session_id(session)


@pytest.mark.parametrize("worker", ["", "ab", "-abc", "abc-", "a.b.c", "tts *", "tts>", "a" * 41, "tts\n", None])
def test_a_worker_id_that_could_break_a_subject_is_refused(worker):
    with pytest.raises(InvalidId, match="worker id"):
        ids.worker_subject("tts", worker, "ping")


@given(st.text())
def test_no_text_becomes_a_subject_with_wildcards_or_empty_tokens(text):
    with contextlib.suppress(InvalidId):
        subject = ids.event_subject(text, "mic.pcm")
        assert re.fullmatch(r"av\.[a-z0-9]{8,32}\.mic\.pcm", subject)


@pytest.mark.parametrize("tail", ["", "mic", "mic.", ".pcm", "mic.*", "mic.>", "Mic.pcm", "mic..pcm", "mic.pcm\n"])
def test_a_tag_that_could_break_a_subject_is_refused(tail):
    with pytest.raises(InvalidId, match="event tag"):
        ids.event_subject("abcdefgh", tail)


def test_every_registered_tag_makes_a_subject():
    for spec in specs():
        assert ids.event_subject("abcdefgh", spec.tag) == f"av.abcdefgh.{spec.tag}"


def test_control_subjects():
    assert ids.claim_subject("tts") == "svc.tts.claim"
    assert ids.worker_subject("tts", "tts-4f0k2m", "release") == "svc.tts.tts-4f0k2m.release"
