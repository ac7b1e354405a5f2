"""Metrics: one registry for the process, and constructors that keep names, labels and buckets in order.

Names start with ``avatar_`` and end in their base unit. Labels come from a fixed, small set: never a session, a
turn, a person or a text. Event tags go under ``stage``.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

PREFIX = "avatar_"
LABELS = frozenset({"service", "stage", "engine", "outcome"})
_UNITS = ("_seconds", "_bytes", "_ratio")

# Buckets in seconds, chosen around what each stage should take.
FRAME_S = (0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.04, 0.08)
CHUNK_S = (0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.4, 0.8, 1.6)
DECODE_S = (0.02, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.8, 1.5, 3.0)
TURN_S = (0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 1.0, 1.25, 1.6, 2.5, 5.0)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
    """A number that only grows; `name` ends in ``_total``."""
    _check(name, labels, ("_total",))
    return Counter(name, documentation, labels, registry=REGISTRY)


def gauge(name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
    """A number that goes up and down; a plain count of things needs no unit."""
    _check(name, labels, ())
    return Gauge(name, documentation, labels, registry=REGISTRY)


def histogram(name: str, documentation: str, labels: Sequence[str] = (), *, buckets: Sequence[float]) -> Histogram:
    """A distribution; `name` ends in its unit and `buckets` fit the stage it measures."""
    _check(name, labels, _UNITS)
    return Histogram(name, documentation, labels, buckets=buckets, registry=REGISTRY)


def observe(histogram_: Histogram, value: float) -> None:
    """Add `value`, with the current trace's id as exemplar where the trace is recorded."""
    context = trace.get_current_span().get_span_context()
    sampled = context.is_valid and context.trace_flags.sampled
    histogram_.observe(value, {"trace_id": format(context.trace_id, "032x")} if sampled else None)


def _check(name: str, labels: Sequence[str], endings: tuple[str, ...]) -> None:
    if not name.startswith(PREFIX):
        raise ValueError(f"metric {name!r} must start with {PREFIX}")
    if endings and not name.endswith(endings):
        raise ValueError(f"metric {name!r} must end in its unit: {' or '.join(endings)}")
    if strange := set(labels) - LABELS:
        raise ValueError(f"metric {name!r} has labels {sorted(strange)}; only {sorted(LABELS)} are allowed")
