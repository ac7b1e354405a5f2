import io
import json
import logging
import sys

import pytest
import structlog

from avatar_runtime import log, telemetry
from avatar_runtime.settings import LogSettings


@pytest.fixture(autouse=True)
def restored():
    handlers = list(logging.getLogger().handlers)
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_without_a_terminal_each_event_is_one_json_object_bound_to_its_service(capsys):
    logger = log.get("avatar.somewhere")
    log.configure(LogSettings(), "tts", "tts-1")
    logger.info("turn.committed", turn=3)
    (line,) = lines(capsys)
    assert line["event"] == "turn.committed"
    assert line["turn"] == 3
    assert (line["service"], line["worker"], line["logger"]) == ("tts", "tts-1", "avatar.somewhere")
    assert line["level"] == "info"


def test_on_a_terminal_the_log_is_for_people(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    log.configure(LogSettings(), "tts")
    log.get("x").warning("bus.away", url="nats://box")
    shown = screen.getvalue()
    assert "bus.away" in shown
    assert not shown.startswith("{")


def test_events_below_the_level_are_not_written(capsys):
    log.configure(LogSettings(level="warning"), "tts")
    log.get("x").info("quiet")
    log.get("x").warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_what_people_said_is_withheld_unless_it_is_allowed(capsys):
    log.configure(LogSettings(), "asr")
    log.get("x").info("turn.committed", text="my password is swordfish", history=["swordfish"])
    assert "swordfish" not in (shown := capsys.readouterr().err)
    assert "<24 characters>" in shown
    log.configure(LogSettings(content=True), "asr")
    log.get("x").info("turn.committed", text="swordfish")
    assert "swordfish" in capsys.readouterr().err


def test_an_exception_keeps_its_traceback_but_not_the_values_of_variables(capsys):
    log.configure(LogSettings(), "asr")
    private = "swordfish"
    try:
        raise ValueError(len(private))
    except ValueError:
        log.get("x").exception("handler.failed")
    (line,) = lines(capsys)
    assert "ValueError: 9" in line["exception"]
    assert "test_log.py" in line["exception"]
    assert "'swordfish'" not in line["exception"].replace('private = "swordfish"', "")


def test_warnings_of_other_libraries_come_out_in_the_same_form(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would trip over the broken line
    log.configure(LogSettings(), "asr")
    log.configure(LogSettings(), "asr")  # twice: lines must not double
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("lost %d packets", 3)
    logging.getLogger("some.library").log(35, "odd level")
    logging.getLogger("some.library").warning("broken %d", "format")
    found = lines(capsys)
    assert [line["message"] for line in found] == ["lost 3 packets", "odd level", "broken %d"]
    assert found[0]["logger"] == "some.library"


def test_a_line_within_a_span_carries_its_trace_id(capsys):
    log.configure(LogSettings(), "asr")
    with telemetry.span("asr.decode"):
        log.get("x").info("decoded")
        trace_id = telemetry.trace_id()
    assert lines(capsys)[0]["trace_id"] == trace_id
