import pytest
from structlog.testing import capture_logs

from bridge.util.diagnostics import Diagnostics


@pytest.fixture
def problems() -> Diagnostics:
    return Diagnostics()


def texts(problems: Diagnostics, *settings: tuple[str, str | None]) -> list[str]:
    """The texts that whoever waits for changes sees."""
    seen = []
    for key, text in settings:
        problems.set(key, text)
        if problems.changed.is_set():
            problems.changed.clear()
            seen.append(problems.text)
    return seen


def test_the_text_is_that_of_all_current_problems_the_oldest_first(problems: Diagnostics) -> None:
    changes = [("a", "one"), ("b", "two"), ("a", "other"), ("b", None), ("a", None)]
    assert texts(problems, *changes) == ["one", "one; two", "other; two", "other", ""]
    assert problems.text == ""


def test_nothing_changes_when_the_text_is_the_same(problems: Diagnostics) -> None:
    assert texts(problems, ("a", None), ("a", ""), ("a", "one"), ("a", "one")) == ["one"]
    assert texts(problems, ("a", "x" * 5000), ("a", "x" * 5000)) == ["x" * 2000]


def test_a_problem_is_logged_when_it_begins_and_when_it_is_over(problems: Diagnostics) -> None:
    with capture_logs() as log:
        for _ in range(3):
            problems.set("a", "one")
        problems.set("a", None)
        problems.set("a", None)
        problems.set("a", "one")

    assert [(line["log_level"], line["event"]) for line in log] == [
        ("warning", "one"),
        ("info", "problem is over"),
        ("warning", "one"),
    ]


def test_each_text_of_a_problem_is_logged_once(problems: Diagnostics) -> None:
    with capture_logs() as log:
        for text in ("refused", "timeout", "refused", "timeout"):
            problems.set("a", text)

    assert [line["event"] for line in log] == ["refused", "timeout"]


def test_a_text_that_changes_all_the_time_does_not_fill_the_log(problems: Diagnostics) -> None:
    with capture_logs() as log:
        for number in range(1000):
            problems.set("a", f"text {number}")

    assert len(log) < 20


def test_the_text_is_bounded(problems: Diagnostics) -> None:
    for number in range(1000):
        problems.set(str(number), "x" * 100)

    assert len(problems.text) <= 2000
