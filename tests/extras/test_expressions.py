from typing import Any

import jq
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.extras.expressions import combined, guarded, results
from bridge.state.known import words
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


SECRET = "S3CR3T"
CONFIGURED = {
    "siteTitle": "Haus",
    "mqtt": {"password": SECRET, "broker": f"tcp://me:{SECRET}@host:1883", "topic": "evcc"},
    "influx": {"apiToken": [SECRET], "urls": [{"url": f"http://{SECRET}@host/"}, f"http://a:1{SECRET}/x@y@host"]},
    "eebus": {"config": {"Certificate": {"private": SECRET}}},
    "vehicles": {"private": {"soc": 50, "token": SECRET}, "secret": SECRET, "van": {"vehicles": {"token": [SECRET]}}},
    "loadpoints": [{"mode": "pv", "clientSECRET": SECRET}],
    f"ws://me:{SECRET}@host": 1,
    "page": "http://host:8080/@me",
}


def asked(expression: str) -> list[Any]:
    """All results of an expression over a state with secrets, or why it has none."""
    try:
        found: list[Any] = jq.compile(guarded(expression)).input_value(CONFIGURED).all()
    except ValueError as error:
        return [str(error)]
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (".mqtt.password", None),
        (".mqtt", {"broker": "tcp://***@host:1883", "topic": "evcc"}),
        ('.["influx"].apiToken', None),
        (".influx", {"urls": [{"url": "http://***@host/"}, "http://***@host"]}),
        (".vehicles", {"private": {"soc": 50}, "van": {"vehicles": {}}}),
        (".loadpoints", [{"mode": "pv"}]),
        (".page", "http://host:8080/@me"),
        ('.["ws://***@host"]', 1),
        (".result.eebus", {"config": {}}),
        ("def c(f): f; c(.siteTitle)", "Haus"),
        (". as $all | $all.siteTitle # that is all", "Haus"),
    ],
)
def test_an_expression_sees_all_but_secrets(expression: str, expected: Any) -> None:
    assert asked(expression) == [expected]


@pytest.mark.parametrize(
    "expression",
    [
        "tostring",
        "[..]",
        ".mqtt | to_entries",
        "[paths(scalars) as $p | getpath($p)]",
        "[input]",
        "[limit(3; repeat(input))]",
        "$__prog_args",
        ".), (.",
        "1) | (., $p, $k",
        ", .",
        "| .",
        "as $x | $x",
        "// .",
        "? // .",
        ".) as $x | ($x",
        "c([]), c([0]), c(.)",
        "def c($p): .; c([])",
        "error",
        "error(tojson)",
        "try error(.) catch .",
        "label $out | ., break $out",
        "reduce . as $x (0; $x)",
        '[splits("x")]',
        "ascii, @json, @text, @html",
        "del(.mqtt) | .",
        "# nothing\n.",
        "# nothing \\\n.",
    ],
)
def test_no_expression_gets_at_a_secret(expression: str) -> None:
    assert SECRET not in str(asked(expression))
    assert SECRET not in str(asked(f"[({expression}\n) | tostring]"))
    assert SECRET not in str(asked(combined({"a": expression, "b": "tostring"})))


# without `def`: a function that calls itself would have no end
WORDS = sorted(
    words("""
        . | , ( ) [ ] { } // ? as $x $p $k c c(.) c([]) reduce try catch label break if then else end input tojson
        tostring .mqtt .password .. = |= + - 1
    """)
)


@given(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join))
def test_no_row_of_words_gets_at_a_secret(expression: str) -> None:
    assert SECRET not in str(asked(expression))


@pytest.mark.parametrize("answer", [None, [], "x", {}])
def test_an_answer_without_values_has_none(answer: Any) -> None:
    assert results({"a": "."}, answer).values == {"a": None}
