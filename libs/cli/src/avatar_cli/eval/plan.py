"""What is held, how often, in which calls: the full form (about 25 minutes) and the quick one (about two)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from avatar_cli.eval import cuts, material, overlap_cases, synthetic, turn_cases
from avatar_cli.eval.rig import ROOMS, Rig
from avatar_cli.eval.take import Condition, Take
from avatar_contracts.session import Patience

NAMES = ("natural", "turns", "patience", "overlaps", "echo", "noise")
PATIENCE: tuple[Patience, ...] = ("balanced", "eager", "patient")
PAUSES_S = (0.2, 0.3, 0.4, 0.6, 0.9, 1.2, 1.5)
KINDS: tuple[cuts.Kind, ...] = ("function", "content", "comma")
_SNR_DB = (20.0, 10.0, 5.0)
_ECHO_S = 200.0
_SLICE_S = 40.0
_MOST_ITEMS = 45
"""Cases in one call: the loudspeaker remembers ten minutes."""


class Item(NamedTuple):
    """One case to be held."""

    name: str
    kind: str
    pause_s: float
    act: Callable[[Rig], Awaitable[Take]]


@dataclass(frozen=True)
class Job:
    """A call and the cases held in it.

    Attributes:
        name: One of `NAMES`.
        condition: Of all its cases.
        items: The cases.
        talkative: The mind gives long answers.
        exact: Its times are figures: nothing may run beside it.
        begin: What is done first in the call.
    """

    name: str
    condition: Condition
    items: list[Item]
    talkative: bool = False
    exact: bool = False
    begin: Callable[[Rig], Awaitable[None]] | None = None


def jobs(quick: bool, names: Sequence[str], patience: Sequence[Patience]) -> list[Job]:
    """The calls to be held for `names`, of which those about turns once for each of `patience`."""
    makers: dict[str, Callable[[], list[Job]]] = {
        "natural": lambda: _natural(1 if quick else 24),
        "turns": lambda: _quick_turns() if quick else _turns() if "balanced" in patience else [],
        "patience": lambda: [] if quick else [job for each in patience if each != "balanced" for job in _preset(each)],
        "overlaps": lambda: _overlaps(quick),
        "noise": lambda: [] if quick else _noise(),
        "echo": lambda: _echo(quick),
    }
    return [part for name in names for job in makers[name]() for part in _parts(job)]


def _parts(job: Job) -> Iterable[Job]:
    for start in range(0, len(job.items), _MOST_ITEMS):
        yield Job(job.name, job.condition, job.items[start : start + _MOST_ITEMS], job.talkative, job.exact, job.begin)


# --- the ends of turns -----------------------------------------------------------------------------------------


def _natural(count: int) -> list[Job]:
    """Each line twice, with and without thinking ahead, so that what that saves is seen side by side."""
    items = []
    for index, (recording, line) in enumerate(itertools.islice(itertools.cycle(material.NATURAL), count)):
        speech = material.whole(recording, line)
        for ahead in (True, False) if index % 2 == 0 else (False, True):
            act = partial(turn_cases.hold, name=line.text, speech=speech, speculate=ahead)
            items.append(Item(line.text, "", 0.0, act))
    return [Job("natural", Condition(group="natural"), items, exact=True)]


def _paused(kind: cuts.Kind, pause_s: float, count: int, first: int = 0) -> list[Item]:
    found = itertools.islice(itertools.cycle(cuts.of_kind(kind)), first, first + count)
    return [_paused_item(cut, pause_s) for cut in found]


def _paused_item(cut: cuts.Cut, pause_s: float) -> Item:
    name = f"{cut.first} … {cut.second}"
    speech = material.paused(cut, pause_s)
    act = partial(turn_cases.hold, name=name, speech=speech, kind=cut.kind, pause_s=pause_s)
    return Item(name, cut.kind, pause_s, act)


def _quick_turns() -> list[Job]:
    return [Job("turns", Condition(group="turns"), [item for kind in KINDS for item in _paused(kind, 0.6, 1)])]


def _turns() -> list[Job]:
    items: list[Item] = []
    for kind in KINDS:
        for index, pause_s in enumerate(PAUSES_S):
            often = {"function": 20, "content": 8, "comma": 8}[kind] if pause_s == 0.6 else 3
            items += _paused(kind, pause_s, often, 3 * index if often == 3 else 0)
    return [Job("turns", Condition(group="turns"), _shuffled(items))]


def _preset(patience: Patience) -> list[Job]:
    items: list[Item] = []
    for kind in KINDS:
        for index, pause_s in enumerate((0.3, 0.6, 0.9)):
            often = (8 if patience == "patient" else 4) if pause_s == 0.6 else 3
            items += _paused(kind, pause_s, often, 3 * index)
    return [Job("patience", Condition(group="turns", patience=patience), _shuffled(items))]


# --- what meets an answer --------------------------------------------------------------------------------------


def _overlaps(quick: bool) -> list[Job]:
    sounds = synthetic.load()
    if quick:
        chosen = [
            *_of("interruption", sounds)[:2], *_of("backchannel", sounds)[:1], *_of("backchannel", sounds)[-2:-1],
            *_of("noise", sounds)[:1],
        ]  # fmt: skip
    else:
        chosen = [
            *_of("interruption", sounds) * 3, *_of("backchannel", sounds) * 3, *_of("noise", sounds) * 2,
            *_of("aside", sounds) * 2,
        ]  # fmt: skip
    items = [*_met(chosen)] if quick else _shuffled(_met(chosen))
    return [_talk("overlaps", Condition(group="overlaps"), items, exact=True)]


def _of(kind: synthetic.Kind, sounds: Sequence[synthetic.Sound]) -> list[synthetic.Sound]:
    return [sound for sound in sounds if sound.kind == kind]


def _met(sounds: Sequence[synthetic.Sound]) -> list[Item]:
    random = np.random.default_rng(len(sounds))
    return [
        Item(each.name, each.kind, 0.0, partial(overlap_cases.hold, sound=each, after_s=random.uniform(1.6, 2.4)))
        for each in sounds
    ]


def _talk(name: str, condition: Condition, items: list[Item], *, exact: bool = False) -> Job:
    first = asyncio.run(synthetic.question())
    return Job(name, condition, items, talkative=True, exact=exact, begin=partial(overlap_cases.begin, first=first))


def _noise() -> list[Job]:
    sounds = synthetic.load()
    chosen = [
        *_of("interruption", sounds)[:4], *_of("backchannel", sounds)[::3], *_of("noise", sounds)[:2],
    ]  # fmt: skip
    found = []
    for snr_db in _SNR_DB:
        said = Condition(group="turns", snr_db=snr_db)
        items = [item for kind in KINDS for pause_s in (0.3, 0.6) for item in _paused(kind, pause_s, 1)]
        items += [
            Item(line.text, "whole", 0.0, partial(
                turn_cases.hold, name=line.text, kind="whole", speech=material.whole(recording, line)
            ))
            for recording, line in material.NATURAL[1:5]
        ]  # fmt: skip
        found.append(Job("noise", said, items))
        found.append(_talk("noise", Condition(group="overlaps", snr_db=snr_db), _met(chosen)))
    return found


def _echo(quick: bool) -> list[Job]:
    interruptions = _of("interruption", synthetic.load())
    found = []
    for index, room in enumerate(list(ROOMS)[: 1 if quick else None]):
        seconds = 30.0 if quick else _ECHO_S
        condition = Condition(group="echo", room=room)
        slices = [_SLICE_S] * int(seconds // _SLICE_S) or [seconds]
        items = [Item(f"{room}, alone", "alone", 0.0, partial(overlap_cases.alone, seconds=each)) for each in slices]
        items += _met(interruptions[: 1 if quick else 5] if index != 1 else interruptions[1:6])
        found.append(Job("echo", condition, items, talkative=True))
    return found


def _shuffled(items: list[Item]) -> list[Item]:
    order = np.random.default_rng(len(items)).permutation(len(items))
    return [items[index] for index in order]
