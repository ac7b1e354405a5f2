"""The log: events, not prose (``log.info("turn.committed", turn=3)``), on stderr.

Pretty on a terminal, one JSON object a line otherwise. What people said, typed or heard is withheld unless
`LogSettings.content` allows it: fields named in `CONTENT_FIELDS` show their length instead.
"""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from avatar_runtime.settings import LogSettings

CONTENT_FIELDS = frozenset({"text", "said", "heard", "prompt", "reply_text", "transcript", "history", "user_name"})
"""Fields that carry a person's words."""

_THIRD_PARTY_LEVEL = logging.WARNING


def get(name: str) -> FilteringBoundLogger:
    """The logger of module `name`."""
    return cast("FilteringBoundLogger", structlog.get_logger(name))


def configure(settings: LogSettings, service: str, worker: str = "") -> None:
    """Set up this process's log; lines of other libraries (warnings and worse) come out in the same form.

    Args:
        settings: Level, format, and whether content may be written.
        service: Bound to every line.
        worker: Bound to every line unless empty.
    """
    bound = {"service": service, "worker": worker} if worker else {"service": service}
    pretty = settings.format == "pretty" or (settings.format == "auto" and sys.stderr.isatty())
    renderer: list[Processor]
    if pretty:
        renderer = [
            structlog.processors.TimeStamper("%H:%M:%S.%f", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
            ),
        ]
    else:
        renderer = [
            structlog.processors.TimeStamper("iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]

    def bind(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**bound, "logger": getattr(logger, "name", ""), **event}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            bind,
            _trace_id,
            *([] if settings.content else [_withhold]),
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=_Output,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Forward)]
    root.addHandler(_Forward(_THIRD_PARTY_LEVEL))


class _Output(structlog.WriteLogger):
    """Writes lines to stderr, looked up at each one: a test or a supervisor may replace it after the start."""

    def __init__(self, name: str = "") -> None:
        super().__init__(sys.stderr)
        self.name = name


def _withhold(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in CONTENT_FIELDS & event.keys():
        value = event[name]
        event[name] = f"<{len(value)} characters>" if isinstance(value, str) else "<withheld>"
    return event


def _trace_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
    return event


class _Forward(logging.Handler):
    """Hands lines of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a library's own broken format string must not take the service down
            message = str(record.msg)
        level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows no levels in between
        get(record.name).log(level, "library.message", message=message, exc_info=record.exc_info or None)


# Until `configure`, too, the log goes to stderr: stdout belongs to a command's results.
structlog.configure(logger_factory=_Output)
