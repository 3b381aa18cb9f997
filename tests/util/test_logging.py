"""Log lines: readable, complete, without secrets."""

import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bridge.util import logging as log
from bridge.util.log_writer import log_writer
from bridge.util.logging import Redactor

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level, hook = logging.root.handlers[:], logging.root.level, sys.excepthook
    yield
    sys.excepthook = hook
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@contextmanager
def written(level: str = "info", style: str = "auto", secrets: Iterable[str] = ()) -> Iterator[list[str]]:
    """The lines that are logged to a file within the block."""
    lines: list[str] = []
    with TemporaryFile("w+") as file:
        log.configure(level, style, secrets, file.fileno())
        yield lines
        log_writer(file.fileno()).flush(5)
        file.seek(0)
        lines.extend(file.read().splitlines())


def test_json_in_a_file() -> None:
    with written() as lines:
        structlog.get_logger().info("evcc found", version="0.313.2")
    line = json.loads(lines[0])
    assert [*line] == ["timestamp", "level", "event", "version"]
    assert (line["level"], line["event"], line["version"]) == ("info", "evcc found", "0.313.2")


def test_coloured_text_on_a_terminal() -> None:
    reader, terminal = pty.openpty()
    try:
        log.configure(descriptor=terminal)
        structlog.get_logger().warning("broker lost", reason="refused")
        text = os.read(reader, 1000).decode()
    finally:
        os.close(terminal)
        os.close(reader)
    assert "\x1b[" in text
    assert "broker lost" in text


def test_text_in_a_file_has_no_colours() -> None:
    with written(style="text") as lines:
        structlog.get_logger().info("evcc found", version="0.313.2")
    assert "version=0.313.2" in lines[0]
    assert "\x1b" not in lines[0]


def test_text_from_outside_does_not_move_the_cursor() -> None:
    with written(style="text") as lines:
        structlog.get_logger().info("car\n\x1b[2J", title="a\n2026 [error] b\x1b[1m")
    assert len(lines) == 1
    assert "\x1b" not in lines[0]


def test_the_level() -> None:
    with written("warning", "json") as lines:
        structlog.get_logger().info("small")
        structlog.get_logger().warning("large")
    assert [json.loads(line)["event"] for line in lines] == ["large"]


def test_libraries_are_logged_from_warnings_on() -> None:
    with written(secrets=["geheimnis"]) as lines:
        logging.getLogger("httpx").info("GET /api/state")
        logging.getLogger("websockets").warning("no answer to %s", "geheimnis")
    (line,) = map(json.loads, lines)
    assert (line["library"], line["level"], line["event"]) == ("websockets", "warning", "no answer to ***")


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_without_its_secrets(style: str) -> None:
    with written(style=style, secrets=["geheimnis"]) as lines:
        try:
            int("geheimnis\x1b")
        except ValueError:
            structlog.get_logger().exception("failed")
            logging.getLogger("asyncio").exception("also failed")
    text = "\n".join(lines)
    assert text.count("invalid literal for int() with base 10: '***") == 2
    assert "geheimnis" not in text
    assert "\x1b" not in text


def test_an_error_that_ends_the_program_is_logged() -> None:
    program = "from bridge.util import logging; logging.configure(secrets=['geheimnis']); int('geheimnis')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    line = json.loads(done.stderr)
    assert (done.returncode, line["level"]) == (1, "critical")
    assert "int() with base 10: '***'" in line["exception"]
    assert "geheimnis" not in done.stderr


def test_a_long_value_is_cut() -> None:
    with written() as lines:
        structlog.get_logger().info("x" * 1_000_000)
    assert len(lines[0]) < 11_000


class TestJournal:
    """The journal has times of its own; the priority stands in front of a line."""

    @pytest.fixture(autouse=True)
    def _is_the_journal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(log, "_is_journal", lambda _: True)

    def test_text_with_priority_and_without_a_second_time(self) -> None:
        with written() as lines:
            structlog.get_logger().warning("broker lost", reason="refused")
            logging.getLogger("asyncio").error("slow")
        assert lines[0].split() == ["<4>[warning", "]", "broker", "lost", "reason=refused"]
        assert lines[1].startswith("<3>[error")

    def test_each_line_of_a_traceback_has_the_priority(self) -> None:
        with written() as lines:
            try:
                int("x")
            except ValueError:
                structlog.get_logger().exception("failed")
        assert len(lines) > 3
        assert all(line.startswith("<3>") for line in lines)

    def test_json_where_it_is_asked_for(self) -> None:
        with written(style="json") as lines:
            structlog.get_logger().warning("broker lost")
        assert lines[0].startswith('<4>{"timestamp"')


def test_the_journal_is_known_by_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryFile() as file:
        assert not log._is_journal(file.fileno())
        found = os.fstat(file.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert log._is_journal(file.fileno())


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
    assert Redactor.hiding(["geheimnis", "on", "pw", ""]).redact(value) == shown


@given(secret=st.text("abcdef", min_size=7), before=st.text("xyz "), after=st.text("xyz "))
def test_hides_a_long_secret_wherever_it_stands(secret: str, before: str, after: str) -> None:
    assert Redactor.hiding([secret]).redact(f"{before}{secret}{after}") == f"{before}***{after}"
