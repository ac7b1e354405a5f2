"""Session and worker ids, and the subjects made of them.

nats-py accepts ``a..b`` and ``a.*`` as publish subjects, so ids are checked here before they become part of one.
"""

from __future__ import annotations

import re
import secrets
import string

from avatar_contracts.base import Kind
from avatar_contracts.errors import InvalidId

_SESSION = re.compile(r"[a-z0-9]{8,32}")
_WORKER = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]")
_TAIL = re.compile(r"[a-z]+(?:\.[a-z]+)+")
_ALPHABET = string.ascii_lowercase + string.digits


def new_session_id() -> str:
    """A fresh random session id of 16 characters (82 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_worker_id(kind: Kind) -> str:
    """A fresh worker id such as ``tts-4f0k2m``."""
    return f"{kind}-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))


def check_session_id(session: str) -> str:
    """Return `session` unchanged, or raise `InvalidId` when it is not ``[a-z0-9]{8,32}``."""
    if not isinstance(session, str) or not _SESSION.fullmatch(session):
        raise InvalidId("session id", session, "8 to 32 of a-z and 0-9, never user text")
    return session


def check_worker_id(worker: str) -> str:
    """Return `worker` unchanged, or raise `InvalidId` when it could not stand in a subject."""
    if not isinstance(worker, str) or not _WORKER.fullmatch(worker):
        raise InvalidId("worker id", worker, "3 to 40 of a-z, 0-9 and inner hyphens")
    return worker


def event_subject(session: str, tail: str) -> str:
    """The subject ``av.{session}.{tail}`` of an event; raises `InvalidId` for a bad id or tail."""
    if not _TAIL.fullmatch(tail):
        raise InvalidId("event tag", tail, "lower-case words joined by dots")
    return f"av.{check_session_id(session)}.{tail}"


def claim_subject(kind: Kind) -> str:
    """Where an edge asks for a worker of `kind`; the workers with room share it as a queue group."""
    return f"svc.{kind}.claim"


def worker_subject(kind: Kind, worker: str, verb: str) -> str:
    """Where one worker hears ``ping`` and ``release``."""
    return f"svc.{kind}.{check_worker_id(worker)}.{verb}"
