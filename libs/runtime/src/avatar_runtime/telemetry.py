"""Traces: spans around stages, carried from service to service in the headers of messages.

Without a collector's address nothing is recorded and nothing leaves the process; trace ids still travel, so that
the logs of all services can be joined by them.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import Span, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from avatar_runtime import log, metrics, semconv
from avatar_runtime.settings import SettingsError, TelemetrySettings

EXPORT_TIMEOUT_S = 3.0
EXPORT_EVERY_S = 1.0
FLUSH_TIMEOUT_S = 0.5
"""How long leaving may wait for the collector to take the last spans."""

_exports = metrics.counter(
    "avatar_trace_exports_total", "Batches of spans handed to the trace collector.", ["service", "outcome"]
)
_propagator = TraceContextTextMapPropagator()
_log = log.get(__name__)


class _Tracing:
    """The tracer in use; a silent one until `configure`."""

    def __init__(self) -> None:
        self.provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
        self.tracer: Tracer = self.provider.get_tracer("avatar")

    def use(self, provider: TracerProvider) -> None:
        self.provider = provider
        self.tracer = provider.get_tracer("avatar")


_tracing = _Tracing()


def configure(settings: TelemetrySettings, service: str, worker: str = "") -> None:
    """Start tracing as `settings` say; a second call replaces the first.

    Raises:
        SettingsError: The endpoint is not an http(s) URL.
    """
    shutdown()
    endpoint = settings.otlp_endpoint.rstrip("/")
    if not endpoint:
        return
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(
            f"telemetry.otlp_endpoint = {endpoint!r} is not an http:// or https:// URL; "
            "give the base URL of an OTLP/HTTP collector, such as http://127.0.0.1:4318"
        )
    resource = Resource.create({semconv.SERVICE_NAME: f"avatar-{service}", semconv.SERVICE_INSTANCE: worker or service})
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(_Exporter(endpoint, service), schedule_delay_millis=EXPORT_EVERY_S * 1000)
    )
    _tracing.use(provider)


def shutdown(timeout_s: float = FLUSH_TIMEOUT_S) -> None:
    """Hand the last spans to the collector, waiting for it `timeout_s` at most."""
    provider = _tracing.provider
    _tracing.use(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    # The SDK would wait 30 s for a collector that hangs: let it, in a thread nobody waits for.
    flushing = threading.Thread(target=provider.shutdown, name="telemetry-flush", daemon=True)
    flushing.start()
    flushing.join(timeout_s)


@contextlib.contextmanager
def span(name: str, **attributes: AttributeValue) -> Iterator[Span]:
    """A stage of the current trace, or of a new one. An exception marks it failed and goes on.

    Attribute names are those of `semconv`; only the type of an exception is kept, never its message.
    """
    with _tracing.tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute(semconv.ERROR_TYPE, type(error).__qualname__)
            current.set_status(Status(StatusCode.ERROR))
            raise


def inject(headers: dict[str, str]) -> None:
    """Add the current trace context to the headers of a message."""
    _propagator.inject(headers)


def extract(headers: Mapping[str, str]) -> Context:
    """The trace context a message came with; an empty one when it has none or a broken one."""
    return _propagator.extract(headers, context=Context())


@contextlib.contextmanager
def attached(context: Context) -> Iterator[None]:
    """Within the block, be part of the trace of `context`: one that was extracted, or kept by `current`."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def current() -> Context:
    """The current trace context, to be kept with work that is done later and then `attached`."""
    return otel_context.get_current()


def trace_id() -> str:
    """The current trace's id in hexadecimal, empty outside a span."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else ""


class _Exporter(SpanExporter):
    """OTLP over HTTP that tells of a collector's going and coming once, not at every batch."""

    def __init__(self, endpoint: str, service: str) -> None:
        # Imported only where spans are exported: it brings an HTTP client along.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
        self._inner = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S)
        self._endpoint = endpoint
        self._service = service
        self._reached = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        reached = result is SpanExportResult.SUCCESS
        _exports.labels(self._service, "sent" if reached else "failed").inc()
        if reached is not self._reached:
            self._reached = reached
            if reached:
                _log.info("telemetry.collector_back", endpoint=self._endpoint)
            else:
                _log.warning("telemetry.collector_away", endpoint=self._endpoint, hint="traces are lost until it is up")
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]
