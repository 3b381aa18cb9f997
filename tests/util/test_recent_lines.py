"""Log lines in memory: few, short, and without what the log hides."""

import logging
import os
import sys
from collections.abc import Iterator

import pytest
import structlog

from bridge.util import logging as log
from bridge.util.recent_lines import RecentLines


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level, hook = logging.root.handlers[:], logging.root.level, sys.excepthook
    yield
    sys.excepthook = hook
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_the_last_500() -> None:
    lines = RecentLines()
    for number in range(700):
        lines.add("info", {"event": "line", "level": "info", "number": number})
    found = lines.after(0)
    assert len(found) == 500
    assert [text for _, _, text in lines.after(698)] == ["line number=698", "line number=699"]
    assert lines.after(700) == []


def test_long_ones_are_cut_and_fewer() -> None:
    lines = RecentLines()
    for _ in range(500):
        lines.add("info", {"event": "x" * 100_000})
    assert sum(len(text) for _, _, text in lines.after(0)) <= 2**18


@pytest.mark.parametrize("style", ["text", "json"])
def test_secrets_and_what_is_unprintable_are_not_in_them(style: str) -> None:
    lines = RecentLines()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor is needed
        log.configure("info", style, ["S3CR3T-password"], nowhere.fileno(), lines)
        structlog.get_logger().info(
            "a login", url="mqtt://me:S3CR3T@host", password="S3CR3T-password", title="a\x1b[2Jb"
        )
        structlog.get_logger().debug("not logged")
    ((_, level, text),) = lines.after(0)
    assert level == "info"
    assert "S3CR3T" not in text
    assert text.isprintable()
