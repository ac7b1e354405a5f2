"""Ears beside the edge: whether a machine needs its own, and how it gets them.

The microphone of an edge far from the bus would cross the network to the ears there. Instead, a nats-server beside the
edge joins the one elsewhere as a leaf node, with an asr service on it: interest decides what crosses, and nobody
elsewhere is interested in the microphone of this edge.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from avatar_cli.discovery import Found
from avatar_cli.keeper import Order, Outcome
from avatar_cli.probes import HOST, broker_answers
from avatar_runtime.settings import BusSettings

_LOOPBACK = (HOST, "localhost", "::1")


class Ears(NamedTuple):
    """How the edge is to hear.

    Attributes:
        url: The bus beside it, empty: it joins the one elsewhere directly.
        note: What the person should know, empty for nothing.
        lifeline: File descriptor that keeps what was started alive while any process has it open, -1 for none.
    """

    url: str = ""
    note: str = ""
    lifeline: int = -1


def wanted(bus: BusSettings, found: Sequence[Found], here: str = "") -> bool:
    """Whether this machine should have ears of its own: the bus, or the ears on it, are elsewhere.

    `found`: who is on the bus; `here`: the name of this machine, empty: ask.
    """
    asr = [one for one in found if one.kind == "asr"]
    if any(one.host == (here or platform.node()) for one in asr):
        return False
    return bool(asr) or not is_loopback(bus)  # asr elsewhere behind a loopback address: a tunnel


def is_loopback(bus: BusSettings) -> bool:
    """The bus is reached at this machine, which a tunnel also looks like."""
    return all(urlsplit(url.strip()).hostname in _LOOPBACK for url in bus.url.split(","))


def leaf_urls(bus: BusSettings) -> list[str]:
    """Where the servers of `bus` take leaves, credentials in the URL; empty where they cannot be asked."""
    if not bus.leaf_port:
        return []
    made = []
    for url in (text.strip() for text in bus.url.split(",")):
        parts = urlsplit(url)
        if parts.scheme not in ("nats", "tls") or not parts.hostname:
            return []
        given = f"{quote(bus.user, safe='')}:{quote(bus.password, safe='')}" if bus.user else quote(bus.token, safe="")
        login = parts.netloc.rpartition("@")[0] or given
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        made.append(f"{parts.scheme}://{login}{'@' if login else ''}{host}:{bus.leaf_port}")
    return made


def start(bus: BusSettings, logs: Path, ears: Sequence[str] = ()) -> Ears:
    """Ears and a bus here that joins `bus`, the ears with flags `ears`; or a note that says why there are none."""
    remotes = leaf_urls(bus)
    reachable = [url for url in remotes if broker_answers(url)]
    if not reachable:
        where = f"no leaf connection is taken at port {bus.leaf_port}" if remotes else "this bus takes no leaf nodes"
        return Ears(
            note=f"Your microphone crosses the network to the ears there: {where}. "
            f"Open that port, or forward it together with the bus ([bus] leaf_port names it)."
        )
    seed = Path(bus.nkey_seed_file).expanduser().read_text(encoding="ascii").strip() if bus.nkey_seed_file else ""
    command = [sys.executable, "-m", "avatar_asr", "--capacity=1", *ears]
    order = Order(remotes=reachable, nkey_seed=seed, logs=str(logs.resolve()), ears=command)
    reading, lifeline = os.pipe()
    keeper = subprocess.Popen(
        [sys.executable, "-m", "avatar_cli.keeper"],
        stdin=reading,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the edge, which still needs the bus while it says goodbye
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    os.close(reading)
    os.write(lifeline, msgspec.json.encode(order) + b"\n")
    assert keeper.stdout is not None
    with keeper.stdout:
        answer = keeper.stdout.readline()
    outcome = msgspec.json.decode(answer, type=Outcome) if answer else Outcome(error="it ended without a word")
    if outcome.url:
        keeper.returncode = 0  # it outlives this program on purpose: no warning about an unfinished child
        return Ears(url=outcome.url, lifeline=lifeline)
    os.close(lifeline)
    keeper.wait()
    return Ears(note=f"Your microphone crosses the network to the ears there: {outcome.error}.")
