"""The log: JSON lines elsewhere, plain lines on a terminal, no secrets anywhere."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from reconciler import logs
from specs.fields import Secret


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_elsewhere_each_event_is_one_line_of_json():
    out = io.StringIO()
    logs.setup(stream=out)
    structlog.contextvars.bind_contextvars(revision="4f2c91e")
    structlog.get_logger().info("step.done", ref="vm/web", fields={"memory": 1})
    (line,) = out.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "step.done",
        "level": "info",
        "ref": "vm/web",
        "fields": {"memory": 1},
        "revision": "4f2c91e",
    }


@pytest.mark.parametrize("out", [io.StringIO(), Terminal()], ids=["json", "terminal"])
@pytest.mark.parametrize(
    "fact",
    [Secret("hunter2"), {"a": {"b": Secret("hunter2")}}, [Secret("hunter2")], (1, (Secret("hunter2"),))],
    ids=["plain", "mapping", "list", "tuple"],
)
def test_a_secret_is_hidden_wherever_it_is(out, fact):
    logs.setup(stream=out)
    structlog.get_logger().info("step", fact=fact)
    structlog.get_logger().info("step %s", Secret("hunter2"))
    assert "***" in out.getvalue()
    assert "hunter2" not in out.getvalue()


def test_on_a_terminal_a_line_is_for_people(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    logs.setup(stream=out)
    structlog.get_logger().warning("step.failed", ref="vm/web")
    assert "step.failed" in out.getvalue()
    assert "ref=vm/web" in out.getvalue()
    assert "\033" not in out.getvalue()


def test_libraries_log_in_the_same_form():
    out = io.StringIO()
    logs.setup(stream=out)
    logging.getLogger("some.library").error("broken %s", "pipe")
    assert json.loads(out.getvalue())["event"] == "broken pipe"


def test_what_is_below_the_level_is_not_written():
    out = io.StringIO()
    logs.setup("warning", out)
    structlog.get_logger().info("no")
    logging.getLogger("some.library").info("no")
    assert out.getvalue() == ""


def test_a_traceback_is_part_of_the_line():
    out = io.StringIO()
    logs.setup(stream=out)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("bug")
    (line,) = out.getvalue().splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]
