import asyncio
import socket
import time

import pytest

from avatar_runtime import metrics, semconv, telemetry
from avatar_runtime.settings import SettingsError, TelemetrySettings
from avatar_runtime.testing.networks import until


@pytest.fixture(autouse=True)
def silent_again():
    yield
    telemetry.shutdown()


def test_a_trace_goes_on_in_the_service_that_takes_the_message(collector):
    headers = {}
    telemetry.configure(TelemetrySettings(otlp_endpoint=collector.url), "llm", "llm-1")
    with telemetry.span(semconv.LLM_REPLY, **{semconv.TURN: 3}):
        telemetry.inject(headers)
    telemetry.configure(TelemetrySettings(otlp_endpoint=collector.url), "tts")
    with telemetry.attached(telemetry.extract(headers)), telemetry.span(semconv.TTS_FIRST_CHUNK):
        pass
    telemetry.shutdown(5)
    reply = collector.wait_for(semconv.LLM_REPLY)
    chunk = collector.wait_for(semconv.TTS_FIRST_CHUNK)
    assert (reply.service, chunk.service) == ("avatar-llm", "avatar-tts")
    assert reply.parent_id == ""
    assert chunk.parent_id == reply.span_id
    assert chunk.trace_id == reply.trace_id
    assert reply.attributes[semconv.TURN] == "3"


async def test_work_done_later_in_another_task_belongs_to_the_trace_it_was_kept_with(collector):
    telemetry.configure(TelemetrySettings(otlp_endpoint=collector.url), "tts")
    kept = asyncio.Queue()

    async def later():
        with telemetry.attached(await kept.get()), telemetry.span("later"):
            pass

    task = asyncio.create_task(later())
    with telemetry.span("now"):
        kept.put_nowait(telemetry.current())
    await task
    await asyncio.to_thread(telemetry.shutdown, 5)
    assert collector.wait_for("later").parent_id == collector.wait_for("now").span_id


def test_a_failed_stage_is_marked_without_the_words_of_the_exception(collector):
    telemetry.configure(TelemetrySettings(otlp_endpoint=collector.url), "tts")
    with pytest.raises(ValueError, match="swordfish"), telemetry.span("tts.sentence"):
        raise ValueError("swordfish")
    telemetry.shutdown(5)
    span = collector.wait_for("tts.sentence")
    assert span.failed
    assert span.attributes == {semconv.ERROR_TYPE: "ValueError"}


def test_without_an_endpoint_ids_travel_and_nothing_is_recorded(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something was sent"))
    telemetry.configure(TelemetrySettings(), "tts")
    headers = {}
    with telemetry.span("tts.first_chunk") as span:
        telemetry.inject(headers)
        assert not span.is_recording()
        assert telemetry.trace_id() in headers["traceparent"]
    telemetry.shutdown()


@pytest.mark.parametrize("broken", ["", "garbage", "00-0-0-00", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ж" * 1000])
def test_a_broken_header_starts_a_new_trace(broken):
    with telemetry.span("outer"):
        outer = telemetry.trace_id()
        with telemetry.attached(telemetry.extract({"traceparent": broken})):
            assert telemetry.trace_id() == ""
            with telemetry.span("inner"):
                assert telemetry.trace_id() not in ("", outer)
        assert telemetry.trace_id() == outer


def failures(service):
    labels = {"service": service, "outcome": "failed"}
    return metrics.REGISTRY.get_sample_value("avatar_trace_exports_total", labels) or 0


def test_a_collector_that_refuses_is_counted_and_harms_nothing(collector):
    collector.refusing = True
    telemetry.configure(TelemetrySettings(otlp_endpoint=collector.url), "face")
    with telemetry.span("face.first_frame"):
        pass
    telemetry.shutdown(5)
    assert failures("face") == 1
    assert collector.spans == []


async def test_a_collector_that_hangs_does_not_delay_the_exit():
    before = failures("tts")
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        telemetry.configure(TelemetrySettings(otlp_endpoint=f"http://127.0.0.1:{hanging.getsockname()[1]}"), "tts")
        with telemetry.span("tts.first_chunk"):
            pass
        started = time.monotonic()
        telemetry.shutdown()
        assert time.monotonic() - started < 1.5
    await until(lambda: failures("tts") == before + 1)  # its thread goes on until the collector is gone


def test_an_endpoint_that_is_no_url_is_a_clear_error():
    with pytest.raises(SettingsError, match="4318"):
        telemetry.configure(TelemetrySettings(otlp_endpoint="localhost:4318"), "tts")
