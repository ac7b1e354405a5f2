import pytest
from prometheus_client.openmetrics.exposition import generate_latest

from avatar_runtime import metrics, telemetry
from avatar_runtime.settings import TelemetrySettings


@pytest.mark.parametrize(
    ("make", "name", "part"),
    [
        (metrics.counter, "tts_dropped_total", "avatar_"),
        (metrics.counter, "avatar_tts_dropped", "_total"),
        (lambda name, text: metrics.histogram(name, text, buckets=metrics.CHUNK_S), "avatar_tts_chunk_ms", "_seconds"),
    ],
)
def test_a_name_against_the_rules_is_refused(make, name, part):
    with pytest.raises(ValueError, match=part):
        make(name, "Help")


def test_a_label_that_could_name_a_person_is_refused():
    with pytest.raises(ValueError, match="session"):
        metrics.gauge("avatar_test_refused", "Help", ["service", "session"])


def test_a_counter_counts_by_its_labels():
    dropped = metrics.counter("avatar_test_dropped_total", "Dropped", ["service", "outcome"])
    dropped.labels("tts", "late").inc(2)
    assert metrics.REGISTRY.get_sample_value("avatar_test_dropped_total", {"service": "tts", "outcome": "late"}) == 2


def test_an_observation_within_a_recorded_trace_carries_its_id(collector):
    chunk = metrics.histogram("avatar_test_chunk_seconds", "Chunk", buckets=metrics.CHUNK_S)
    metrics.observe(chunk, 0.003)
    telemetry.configure(TelemetrySettings(otlp_endpoint=collector.url), "tts")
    try:
        with telemetry.span("tts.first_chunk"):
            metrics.observe(chunk, 0.03)
            trace_id = telemetry.trace_id()
    finally:
        telemetry.shutdown()
    shown = generate_latest(metrics.REGISTRY).decode()
    exemplars = [line for line in shown.splitlines() if line.startswith("avatar_test_chunk") and "trace_id" in line]
    assert len(exemplars) == 1
    assert 'le="0.04"' in exemplars[0]
    assert trace_id in exemplars[0]


@pytest.mark.parametrize("name", ["FRAME_S", "CHUNK_S", "DECODE_S", "TURN_S"])
def test_buckets_grow(name):
    buckets = getattr(metrics, name)
    assert list(buckets) == sorted(set(buckets))
