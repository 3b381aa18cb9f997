import pytest
from structlog.testing import capture_logs

from bridge.util.diagnostics import Diagnostics


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def problems(told: list[str]) -> Diagnostics:
    return Diagnostics(told.append)


def test_the_text_is_that_of_all_current_problems_the_oldest_first(problems: Diagnostics, told: list[str]) -> None:
    problems("a", "one")
    problems("b", "two")
    problems("a", "other")
    problems("b", None)
    problems("a", None)

    assert told == ["one", "one; two", "other; two", "other", ""]
    assert problems.text == ""


def test_nothing_is_told_when_nothing_changes(problems: Diagnostics, told: list[str]) -> None:
    problems("a", None)
    problems("a", "one")
    problems("a", "one")

    assert told == ["one"]


def test_a_problem_is_logged_when_it_begins_and_when_it_is_over(problems: Diagnostics) -> None:
    with capture_logs() as log:
        for _ in range(3):
            problems("a", "one")
        problems("a", None)
        problems("a", None)
        problems("a", "one")

    assert [(line["log_level"], line["event"]) for line in log] == [
        ("warning", "one"),
        ("info", "problem is over"),
        ("warning", "one"),
    ]


def test_another_text_of_a_problem_is_worth_a_line_but_not_each_time(problems: Diagnostics) -> None:
    with capture_logs() as log:
        for text in ("refused", "timeout", "refused", "timeout"):
            problems("a", text)

    assert [line["event"] for line in log] == ["refused", "timeout"]


def test_a_text_that_changes_all_the_time_does_not_fill_the_log(problems: Diagnostics) -> None:
    with capture_logs() as log:
        for number in range(1000):
            problems("a", f"text {number}")

    assert len(log) < 20


def test_the_text_is_bounded(problems: Diagnostics, told: list[str]) -> None:
    for number in range(1000):
        problems(str(number), "x" * 100)

    assert len(problems.text) <= 2000
