import time
from typing import Any

import jq
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.extras.expressions import combined, guarded, path, results
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


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (".", HOUSE),
        (".siteTitle", "Haus Süd"),
        (" .siteTitle ", "Haus Süd"),
        (".result.siteTitle", "Haus Süd"),
        (".nope", None),
        (".nope.neither", None),
        (".loadpoints[0].mode", "pv"),
        (".loadpoints[-1].mode", "pv"),
        ('.["siteTitle"]', "Haus Süd"),
        ('."siteTitle"', "Haus Süd"),
        ('.vehicles["my.car_2"].minSoc', 0),
        ('.vehicles."my.car_2"["minSoc"]', 0),
        (".loadpoints[99]", None),
        (".siteTitle?", "Haus Süd"),
    ],
)
def test_a_path_is_passed_on(expression: str, expected: Any) -> None:
    found = jq.compile(path(expression)).input_text(HOUSE).first()
    if expression == ".":
        assert found == state("0.313.2")
    elif expected == 0:
        assert found in {0, None, 20, 30}
    else:
        assert found == expected


@pytest.mark.parametrize(
    "expression",
    [
        "until(false; .)",
        '[limit(1e12; repeat("x" * 1000))]',
        ".loadpoints[]",
        "..",
        ".[0:1e9]",
        ".a | .b",
        ".a, .b",
        ".a + .b",
        ".a.until(false;.)",
        ".[.a]",
        ".[until(false;.)]",
        '."\\(until(false;.))"',
        '.["\\(until(false;.))"]',
        ".a # b",
        ".a\n| repeat(.)",
        "$__loc__",
        ".a[1e9]",
        ".a[99999999999]",
        ".a..b",
        ".a.",
        ".1",
        '["siteTitle"]',
        ".a" * 501,
        "." + "[" * 400,
        ".ä",
    ],
)
def test_only_a_path_is_a_path(expression: str) -> None:
    with pytest.raises(Refused, match="jq takes a path"):
        path(expression)


@pytest.mark.parametrize(
    "expression",
    [
        ".mqtt.password",
        '.mqtt["password"]',
        '.mqtt."password"',
        ".mqtt.PassWord?",
        ".influx.apiToken[0]",
        '.eebus.config["Certificate"].public',
        ".vehicles.van.vehicles.token",
    ],
)
def test_a_path_through_a_secret_is_refused(expression: str) -> None:
    with pytest.raises(Refused, match="is secret"):
        path(expression)


@pytest.mark.parametrize(
    "expression", [".a" * 400_000, "." + "a" * 800_000 + "!", '."' + "\\" * 800_000, ".a[" * 300_000]
)
def test_a_long_expression_costs_no_time(expression: str) -> None:
    before = time.process_time()
    with pytest.raises(Refused):
        path(expression)
    assert time.process_time() - before < 0.5


@given(st.text(alphabet='.[]"?\\ab0-()|,:; ', max_size=12).map(lambda text: f".{text}"))
def test_what_passes_as_a_path_has_one_result_without_computing_anything(expression: str) -> None:
    try:
        found = path(expression)
    except Refused:
        return
    try:
        results = jq.compile(found).input_value({"a": [{"b": 1}], "b": {"a": 2}}).all()
    except ValueError:  # an index into an object, and such: evcc refuses it
        return
    assert len(results) <= 1
