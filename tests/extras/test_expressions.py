from typing import Any

import jq
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.extras.expressions import combined, results
from tests.extras.recorded import state

HOUSE = orjson.dumps(state("0.313.2")).decode()


def answer(expressions: dict[str, str], document: str = HOUSE) -> Any:
    return jq.compile(combined(expressions)).input_text(document).first()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (".siteTitle", "Haus Süd"),
        (".result.siteTitle", "Haus Süd"),
        (".nope", None),
        ("empty", None),
        ("[.loadpoints[].title] | length", 3),
        (".homePower # as the meter says", 1000),
        (". as $all | $all.interval", 4),
        ("def twice: . * 2; .interval | twice", 8),
        (".a, .b | select(false)", None),
        ("{a: 1, b: {c: [1, 2]}}", {"a": 1, "b": {"c": [1, 2]}}),
        ('"a" + "b"', "ab"),
    ],
)
def test_an_expression_gives_the_same_as_alone(expression: str, expected: Any) -> None:
    if expression == ".homePower # as the meter says":
        expected = state("0.313.2")["homePower"]
    asked = {"other": ".version", "this": expression, "last": "1"}
    found = results(asked, answer(asked))
    assert found.errors == {}
    assert found.values == {"other": "0.313.2", "this": expected, "last": 1}


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (".siteTitle | tonumber", "number"),
        (".loadpoints[].title", "it gives 3 results, not one"),
        (".siteTitle.x", "index"),
        ('error("mine")', "mine"),
    ],
)
def test_one_that_fails_does_not_take_the_others_with_it(expression: str, reason: str) -> None:
    asked = {"good": ".interval", "bad": expression}
    found = results(asked, answer(asked))
    assert found.values == {"good": 4}
    assert reason in found.errors["bad"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), unique=True))
def test_any_name_finds_its_own_value(names: list[str]) -> None:
    asked = {name: str(number) for number, name in enumerate(names)}
    assert results(asked, answer(asked, "{}")).values == {name: number for number, name in enumerate(names)}


@pytest.mark.parametrize("answer", [None, [], "x", {}])
def test_an_answer_without_values_has_none(answer: Any) -> None:
    assert results({"a": "."}, answer).values == {"a": None}
