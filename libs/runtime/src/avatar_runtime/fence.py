"""Which events are too old to act on: the rule that makes failover, duplicates and late packets safe."""

from __future__ import annotations

from avatar_contracts import ErrorRaised, Event, Kind
from avatar_contracts.registry import Spec


class Fence:
    """Remembers the newest lease of each kind of worker and the newest seq of each of its streams."""

    def __init__(self) -> None:
        self._epochs: dict[Kind, int] = {}
        self._seqs: dict[tuple[Kind, str], int] = {}

    def raise_to(self, kind: Kind, epoch: int) -> None:
        """From now on drop everything from leases of `kind` older than `epoch`."""
        if epoch > self._epochs.get(kind, 0):
            self._epochs[kind] = epoch
            for key in [key for key in self._seqs if key[0] == kind]:
                del self._seqs[key]

    def judge(self, spec: Spec, event: Event) -> str:
        """Accept `event` with an empty answer, or say why to drop it: ``epoch``, ``seq``, or ``repeat``.

        ``repeat`` is the very event accepted last, as a retried command sends it.
        """
        kind = event.service if isinstance(event, ErrorRaised) else spec.owners[0]
        if event.epoch < self._epochs.get(kind, 0):
            return "epoch"
        self.raise_to(kind, event.epoch)
        newest = self._seqs.get((kind, spec.tag), 0)
        if event.seq <= newest:
            return "repeat" if event.seq == newest > 0 else "seq"  # 0: never stamped, so nobody has acted on it
        self._seqs[kind, spec.tag] = event.seq
        return ""
