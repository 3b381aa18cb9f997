import json
import re
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Refused
from bridge.settable import table
from bridge.settable.read import range_of, read_choice, read_duration, read_number
from bridge.settable.setting import Choice, Duration, Number
from bridge.state.state import State
from tests.settable.house import today

ANY = Number("W")
EVCC_TAKES = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("80", "80"),
        ("80.0", "80"),
        ("80.", "80"),
        ("080", "80"),
        ("80 %", "80"),
        ("80%", "80"),
        ("+5", "5"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0", "0"),
        ("1e1", "10"),
        ("1E+2", "100"),
        ("40.00000000000000003", "40"),
        ("40.00000000000000000000000000000003", "40"),
        ("39.99999999999999", "40"),
        ("48.99", "49"),
        ("100.01", "100"),
        ("-0.001", "0"),
        ("40.00000000000000003 %", "40"),
    ],
)
def test_percent_is_read_generously(text: str, path: str) -> None:
    value = read_number(table.PERCENT, text, State())
    assert value.fields == {"value": path}
    assert value.shown == int(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("101", "takes 0 to 100, got 101"),
        ("-1", "takes 0 to 100, got -1"),
        ("80.5", "takes whole numbers, got 80.5"),
        ("1e3", "takes 0 to 100, got 1e3"),
        ("0x10", "takes a number in %, got 0x10"),
        ("1_000", "takes a number in %, got 1_000"),
        ("80,5", "takes a number with a decimal point, not a comma, got 80,5"),
        ("1.000,5", "takes a number with a decimal point, not a comma, got 1.000,5"),
        ("٨٠", "takes a number in %, got ٨٠"),
        ("８０", "takes a number in %, got ８０"),
        ("²", "takes a number in %, got ²"),
        ("NaN", "takes a number in %, got NaN"),
        ("inf", "takes a number in %, got inf"),
        ("-Infinity", "takes a number in %, got -Infinity"),
        ("80 W", "takes a number in %, got 80 W"),
        ("80 80", "takes a number in %, got 80 80"),
        ("--5", "takes a number in %, got --5"),
        ("5\n6", "takes a number in %, got 5\\n6"),
        ("1e9999", "takes a number in %, got 1e9999"),
        ("9" * 5000, f"takes 0 to 100, got {'9' * 60}…"),
        ("48.888888888888886", "takes whole numbers, got 48.888888888888886"),
        ("48.989", "takes whole numbers, got 48.989"),
        ("100.02", "takes whole numbers, got 100.02"),
        ("", "takes a number in %, got "),
    ],
)
def test_what_is_no_percentage_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        read_number(table.PERCENT, text, State())
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("text", "path"),
    [("-150.5", "-150.5"), (".5", "0.5"), ("1e3 w", "1000"), ("-2.50 W", "-2.5"), ("0.30000000000000004", None)],
)
def test_a_fraction_keeps_its_digits(text: str, path: str | None) -> None:
    assert read_number(ANY, text, State()).fields == {"value": path or text}


def test_a_number_that_nobody_means_is_refused() -> None:
    for text in ("1e300", "1e-300", "9" * 26, "9" * 19, "-" + "9" * 25, "1e18"):
        with pytest.raises(Refused, match="takes a shorter number"):
            read_number(ANY, text, State())


def test_a_unit_may_be_the_houses_own() -> None:
    assert read_number(table.COST, "0.25 chf/kwh", today(currency="CHF")).fields == {"value": "0.25"}


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_any_number_as_json_writes_it_arrives_or_is_refused(number: float) -> None:
    try:
        value = read_number(ANY, json.dumps(number), State())
    except Refused:
        assert abs(number) < 1e-5
        return
    assert abs(value.shown - number) <= (1e-9 if abs(number) < 1e-4 else 0)
    assert EVCC_TAKES.fullmatch(value.fields["value"])
    assert float(value.fields["value"]) == value.shown


@given(st.text(max_size=12))
def test_any_text_is_a_number_for_evcc_or_refused(text: str) -> None:
    try:
        value = read_number(ANY, text, State())
    except Refused:
        return
    assert EVCC_TAKES.fullmatch(value.fields["value"])


@given(st.integers(-(10**26), 10**26))
def test_any_whole_number_can_be_shown_in_an_answer_or_is_refused(number: int) -> None:
    try:
        value = read_number(ANY, str(number), State())
    except Refused:
        assert abs(number) >= 10**18
        return
    assert json.loads(orjson.dumps(value.shown)) == number


@given(st.integers(-10_000, 10_000))
def test_the_range_is_kept(number: int) -> None:
    if 0 <= number <= 100:
        assert read_number(table.PERCENT, str(number), State()).shown == number
    else:
        with pytest.raises(Refused):
            read_number(table.PERCENT, str(number), State())


@pytest.mark.parametrize(
    ("text", "path"),
    [("41.00000000000000000000000000000003", "41"), ("6.5000000000000000000000000001", "6.5"), ("0." + "3" * 40, None)],
)
def test_noise_beyond_the_ninth_decimal_of_a_long_number_is_cut(text: str, path: str | None) -> None:
    assert read_number(ANY, text, State()).fields == {"value": path or "0.333333333"}


@pytest.mark.parametrize("text", ["0", "1", "3", "3.0", "3.0000000001"])
def test_a_choice_takes_its_numbers(text: str) -> None:
    assert read_choice(Choice((0, 1, 3)), text).fields == {"value": text[0]}


@pytest.mark.parametrize("text", ["2", "-1", "1.5"])
def test_a_choice_takes_no_other_number(text: str) -> None:
    with pytest.raises(Refused, match=f"takes 0, 1 or 3, got {text}"):
        read_choice(Choice((0, 1, 3)), text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90.0", 90),
        ("90 s", 90),
        ("90s", 90),
        ("1m30s", 90),
        ("1m 30s", 90),
        ("1M30S", 90),
        ("2h", 7200),
        ("1h0m5s", 3605),
        ("0", 0),
        ("0s", 0),
        ("90.00000000000001", 90),
    ],
)
def test_durations_are_read_as_numbers_and_as_clocks(text: str, seconds: int) -> None:
    assert read_duration(Duration(), text).fields == {"value": str(seconds)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("90.5", "takes whole seconds, got 90.5"),
        ("-1", "takes 0 to 31536000, got -1"),
        ("1e12", "takes 0 to 31536000, got 1e12"),
        ("99999999h", "takes 0 to 31536000, got 99999999h"),
        ("30s1m", "takes seconds, or a time like 1m30s, got 30s1m"),
        ("1 minute", "takes seconds, or a time like 1m30s, got 1 minute"),
        ("PT90S", "takes seconds, or a time like 1m30s, got PT90S"),
        ("1m٣0s", "takes seconds, or a time like 1m30s, got 1m٣0s"),
    ],
)
def test_other_durations_are_refused(text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        read_duration(Duration(), text)
    assert str(refused.value) == reason


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_clock_duration_is_its_seconds(hours: int, minutes: int, seconds: int) -> None:
    expected = hours * 3600 + minutes * 60 + seconds
    assert read_duration(Duration(), f"{hours}h{minutes}m{seconds}s").shown == expected


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (table.PERCENT, "0 to 100"),
        (table.ENERGY, "0 or more"),
        (Number(high=0.5), "0.5 or less"),
        (table.WATTS, "any number"),
    ],
)
def test_ranges_in_words(kind: Number, words: str) -> None:
    assert range_of(kind) == words


@pytest.mark.parametrize(
    "text",
    [
        "1h" + " " * 60_000 + "x",
        " " * 60_000 + "x",
        "1" * 60_000 + "x",
        "1." * 30_000,
        "1," * 30_000,
        "." * 60_000,
        "1e" * 30_000,
    ],
)
def test_a_long_text_is_read_in_time_that_grows_with_its_length(text: str) -> None:
    began = time.perf_counter()
    for kind in (table.PERCENT, table.WATTS):
        with pytest.raises(Refused):
            read_number(kind, text, State())
    with pytest.raises(Refused):
        read_duration(Duration(), text)
    assert time.perf_counter() - began < 0.5
