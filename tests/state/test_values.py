import math
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.state.flatten import payload
from bridge.state.values import is_number, is_series, text, unix_seconds
from tests.state.documents import NUMBERS, VALUES


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("pv", b"pv"),
        ("Grüner Honda", "Grüner Honda".encode()),
        (" 80 ", b" 80 "),
        (True, b"true"),
        (False, b"false"),
        (None, b""),
        ("", b""),
    ],
)
def test_words(value: Any, expected: bytes) -> None:
    assert payload(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, b"0"),
        (-1, b"-1"),
        (2**53 + 1, b"9007199254740993"),
        (2**64 - 1, b"18446744073709551615"),
        (-(2**63), b"-9223372036854775808"),
        (80.0, b"80"),
        (100.0, b"100"),
        (0.0, b"0"),
        (-0.0, b"0"),
        (-0.0004, b"0"),
        (0.1, b"0.1"),
        (3.125, b"3.125"),
        (53.54838709677419, b"53.548"),
        (-1234.5, b"-1234.5"),
        (0.9996, b"1"),
        (1e-9, b"0"),
        (1e21, b"1000000000000000000000"),
        (-1e22, b"-10000000000000000000000"),
        (9007199254740992.0, b"9007199254740992"),
        (math.nan, b""),
        (math.inf, b""),
        (-math.inf, b""),
    ],
)
def test_numbers(value: float, expected: bytes) -> None:
    assert payload(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-25T12:00:00Z", b"1795608000"),
        ("2026-11-25T13:00:00+01:00", b"1795608000"),
        ("2026-11-25T01:30:00.999999999-10:30", b"1795608000"),
        ("1970-01-01T00:00:00Z", b"0"),
        ("1969-12-31T23:59:59.5Z", b"-1"),
        ("9999-12-31T23:59:59-14:00", b"253402351199"),
        ("0001-01-01T00:00:00Z", b""),
        ("0001-01-01T00:53:28+00:53", b""),
        ("0000-12-31T23:58:45-00:01", b""),
        ("0000-01-01T00:00:00+14:00", b""),
        ("0001-12-31T00:00:00.1Z", b""),
    ],
)
def test_times(value: str, expected: bytes) -> None:
    assert payload(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-25T12:00:00",
        "2026-11-25 12:00:00Z",
        "2026-11-25T12:00:00Z ",
        "2026-11-25T12:00:00Z\n",
        "on 2026-11-25T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-13-45T99:99:99Z",
        "2026-11-25T12:00:60Z",
        "2026-11-25T12:00:00+99:00",
        "2026-11-25T12:00:00.Z",
        "2026-11-25T12:00Z",
        "２０２６-11-25T12:00:00Z",
        "2026-11-25",
        "12:00:00",
        f"2026-11-25T12:00:00.{'0' * 100_000}Z",
    ],
)
def test_what_only_looks_like_a_time_stays_text(value: str) -> None:
    assert payload(value) == value.encode()


@pytest.mark.parametrize("value", ["zoe", "", "2026-11-25", "T" * 20, f"2026-11-25T12:00:00.{'0' * 100_000}Z"])
def test_unix_seconds_takes_times_only(value: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        unix_seconds(value)


@given(
    st.datetimes(datetime(2, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001  the zone is the next line
    st.integers(-14 * 60, 14 * 60),
    st.one_of(st.none(), st.integers(0, 999_999_999)),
)
def test_times_come_back(naive: datetime, minutes: int, nanoseconds: int | None) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    sign, fraction = "-" if minutes < 0 else "+", "" if nanoseconds is None else f".{nanoseconds:09d}"
    written = (
        f"{naive:%Y}".zfill(4)
        + f"{naive:-%m-%dT%H:%M:%S}{fraction}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    )

    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(payload(written))) == moment


@given(NUMBERS)
def test_numbers_have_no_exponent_no_minus_zero_and_at_most_three_decimals(value: float) -> None:
    written = payload(value).decode()

    assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d{0,2}[1-9])?", written)
    assert written != "-0"
    assert abs(Decimal(written) - Decimal(value)) <= Decimal("0.0005")


@given(st.integers())
def test_whole_numbers_are_exact(value: int) -> None:
    assert payload(value) == str(value).encode()


@given(st.floats(allow_nan=False, allow_infinity=False).filter(float.is_integer))
def test_whole_floats_are_exact(value: float) -> None:
    assert payload(value) == str(int(value)).encode()


@given(VALUES)
def test_any_value_has_a_payload(value: Any) -> None:
    assert isinstance(payload(value), bytes)


@given(st.text())
def test_any_text_has_a_payload_that_is_utf_8(value: str) -> None:
    payload(value).decode()


@pytest.mark.parametrize(
    "value",
    [
        [{"start": "2026-11-25T12:00:00Z", "end": "2026-11-25T13:00:00Z", "value": 0.25}],
        [{"start": 1, "end": 2}, {"start": 2, "end": 3, "price": 1}],
        [{"ts": 1, "val": 2}],
        [[1795608000, 0.25]],
        [[1, 2, 3], [4, 5]],
    ],
)
def test_series(value: Any) -> None:
    assert is_series(value)
    assert orjson.loads(text(value)) == value
    assert b" " not in text(value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        None,
        "start",
        {"start": 1, "end": 2},
        [{"start": 1}],
        [{"start": 1, "val": 2}],
        [{"start": 1, "end": 2}, {"start": 1}],
        [[1]],
        [[1, 2, 3, 4]],
        [["1", "2"]],
        [[True, False]],
        [[1, None]],
        [1, 2],
        ["ab", "cd"],
        [[1, 2], 3],
    ],
)
def test_no_series(value: Any) -> None:
    assert not is_series(value)


@pytest.mark.parametrize(("value", "expected"), [(1, True), (1.5, True), (True, False), ("1", False), (None, False)])
def test_is_number(value: Any, *, expected: bool) -> None:
    assert is_number(value) is expected
