"""Instants in Go's spelling."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evcc_simulator.clock import NEVER, moment, rfc3339, shifted


@pytest.mark.parametrize(
    "text", ["2026-11-26T06:30:00Z", "2026-11-26T07:30:00+01:00", "2026-11-25T15:29:33.913043Z", NEVER]
)
def test_writes_what_it_reads(text: str) -> None:
    assert rfc3339(moment(text)) == text


def test_cuts_the_zeros_of_a_fraction() -> None:
    assert rfc3339(moment("2026-11-26T06:30:00.500000Z")) == "2026-11-26T06:30:00.5Z"


@pytest.mark.parametrize("text", ["2026-11-26", "2026-11-26T06:30:00", "tomorrow", "", "20261126T063000Z"])
def test_takes_nothing_else(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever words
        moment(text)


@given(st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_any_instant_comes_back(instant: datetime) -> None:
    assert moment(rfc3339(instant)) == instant


def test_moves_every_instant_but_the_zero_time() -> None:
    value = {"at": ["2026-11-26T06:30:00Z", NEVER], "words": "2026-11 was", "number": 3, "none": None}
    moved = shifted(value, timedelta(days=1))
    assert moved == value | {"at": ["2026-11-27T06:30:00Z", NEVER]}
