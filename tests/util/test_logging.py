"""Log lines: readable, complete, without secrets."""

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.util import logging as log
from bridge.util.logging import Hide


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(write: Callable[[], Any], *secrets: str, level: str = "info") -> list[dict[str, Any]]:
    """The lines, as JSON, that `write` logs."""
    out = io.StringIO()
    log.configure(level, "json", secrets, out)
    write()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_json_elsewhere_than_on_a_terminal() -> None:
    out = io.StringIO()
    log.configure(stream=out)
    structlog.get_logger().info("evcc found", version="0.313.2")
    line = json.loads(out.getvalue())
    assert [*line] == ["timestamp", "level", "event", "version"]
    assert (line["level"], line["event"], line["version"]) == ("info", "evcc found", "0.313.2")


def test_coloured_text_on_a_terminal() -> None:
    out = Terminal()
    log.configure(stream=out)
    structlog.get_logger().warning("broker lost", reason="refused")
    assert "\x1b[" in out.getvalue()
    assert "broker lost" in out.getvalue()


def test_text_when_asked_has_no_colour_in_a_file() -> None:
    out = io.StringIO()
    log.configure(style="text", stream=out)
    structlog.get_logger().info("evcc found", version="0.313.2")
    assert "version=0.313.2" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_text_from_elsewhere_does_not_move_the_cursor() -> None:
    out = io.StringIO()
    log.configure(style="text", stream=out)
    structlog.get_logger().info("car\n\x1b[2J", title="a\n2026 [error] b\x1b[1m")
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def test_the_level() -> None:
    def write() -> None:
        structlog.get_logger().info("small")
        structlog.get_logger().warning("large")

    assert [line["event"] for line in lines(write, level="warning")] == ["large"]


def test_libraries_are_heard_from_warnings_on() -> None:
    def write() -> None:
        logging.getLogger("httpx").info("GET /api/state")
        logging.getLogger("websockets").warning("no answer to %s", "geheimnis")

    (line,) = lines(write, "geheimnis")
    assert (line["library"], line["level"], line["event"]) == ("websockets", "warning", "no answer to ***")


def test_an_exception_is_told_without_its_secrets() -> None:
    def write() -> None:
        try:
            int("geheimnis")
        except ValueError:
            structlog.get_logger().exception("failed")
            logging.getLogger("asyncio").exception("also failed")

    first, second = lines(write, "geheimnis")
    assert "invalid literal for int() with base 10: '***'" in first["exception"]
    assert "invalid literal for int() with base 10: '***'" in second["exception"]


def test_a_stream_that_is_gone_ends_nothing() -> None:
    out = io.StringIO()
    log.configure(stream=out)
    out.close()
    structlog.get_logger().info("nobody hears this")


def test_the_journal_is_told_the_priority(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path_factory.mktemp("journal") / "stream"
    with path.open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        log.configure(stream=stream)
        structlog.get_logger().warning("broker lost")
    assert path.read_text().startswith('<4>{"timestamp"')


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("is geheimnis.", "is ***."),
        (b"is geheimnis", "is ***"),
        ({"geheimnis": ["geheimnis", 1, None, True, 1.5]}, {"***": ["***", 1, None, True, 1.5]}),
        (("geheimnis",), ["***"]),
        (ValueError("geheimnis"), "***"),
        ("mqtt://me:word@host/x", "mqtt://***@host/x"),
        ("http://host:7070/@", "http://host:7070/@"),
        ("on and only pw, not upwards", "*** and only ***, not upwards"),
    ],
)
def test_hides(value: Any, shown: Any) -> None:
    assert Hide.of(["geheimnis", "on", "pw", ""])(value) == shown


@given(secret=st.text("abcdef", min_size=7), before=st.text("xyz "), after=st.text("xyz "))
def test_hides_a_long_secret_wherever_it_stands(secret: str, before: str, after: str) -> None:
    assert Hide.of([secret])(f"{before}{secret}{after}") == f"{before}***{after}"
