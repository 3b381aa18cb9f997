import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.extras.rates import Rate, bounds, current, listed, next_change, rates

HOUR = 3600.0
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


def moment(hours: float) -> str:
    return datetime.fromtimestamp(NOON + hours * HOUR, UTC).isoformat().replace("+00:00", "Z")


def slot(start: float, end: float | None, value: Any, key: str = "value") -> dict[str, Any]:
    return {"start": moment(start)} | ({} if end is None else {"end": moment(end)}) | {key: value}


@pytest.mark.parametrize(
    "items",
    [
        [slot(0, 1, 0.3, "price"), slot(1, 2, 0.2, "price")],
        [slot(0, 1, 0.3), slot(1, 2, 0.2)],
        [[NOON, NOON + HOUR, 0.3], [NOON + HOUR, NOON + 2 * HOUR, 0.2]],
        [slot(1, 2, 0.2), slot(0, 1, 0.3)],
        [slot(0, None, 0.3), slot(1, 2, 0.2)],
        [slot(0, 1, 0.3), None, "rate", {"value": 3}, [1], slot(1, 2, 0.2), {"start": "soon", "value": 1}],
        [slot(0, 1, 0.3) | {"end": "0001-01-01T00:00:00Z"}, slot(1, 2, 0.2)],
    ],
    ids=["price", "value", "lists", "unsorted", "no end", "rubbish between", "zero time as end"],
)
def test_rates_of_every_form_are_the_same(items: list[Any]) -> None:
    assert rates(items) == [Rate(NOON, NOON + HOUR, 0.3), Rate(NOON + HOUR, NOON + 2 * HOUR, 0.2)]


@pytest.mark.parametrize("items", [None, {}, "rates", 5, [], [None]])
def test_what_is_no_list_has_no_rates(items: Any) -> None:
    assert rates(items) == []


@pytest.mark.parametrize(("answer", "expected"), [({"rates": [1]}, [1]), ([1], [1]), ({"rates": None}, []), (None, [])])
def test_the_list_is_found_wrapped_and_bare(answer: Any, expected: list[Any]) -> None:
    assert listed(answer) == expected


def test_fractions_zones_and_points_of_a_forecast_are_read() -> None:
    assert rates([{"start": "2026-11-25T13:00:00.123456789+01:00", "end": moment(1), "value": 1}])[0].start == (
        pytest.approx(NOON + 0.123456)
    )
    assert rates([{"ts": moment(0), "val": 5}, {"ts": moment(1), "val": 6}]) == [
        Rate(NOON, NOON + HOUR, 5),
        Rate(NOON + HOUR, math.inf, 6),
    ]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(-0.1, None), (0, -0.05), (0.99, -0.05), (1, None), (1.5, None), (2, 0), (3, None), (4, 0.1), (99, 0.1)],
)
def test_now_is_the_slot_that_covers_the_moment(hours: float, expected: float | None) -> None:
    known = rates([slot(0, 1, -0.05), slot(2, 3, 0), slot(3, 4, None), slot(4, None, 0.1)])
    assert current(known, NOON + hours * HOUR) == expected


def test_a_tariff_all_past_has_no_now_and_still_bounds() -> None:
    known = rates([slot(-3, -2, 0.4), slot(-2, -1, -0.1), slot(-1, 0, None)])
    assert current(known, NOON) is None
    assert bounds(known) == (-0.1, 0.4)
    assert next_change(known, NOON) == math.inf


def test_bounds_of_nothing_are_unknown() -> None:
    assert bounds([]) == (None, None)
    assert bounds(rates([slot(0, 1, None)])) == (None, None)


slots = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 9), st.none() | st.floats(-1, 1)), min_size=1, max_size=12
)


@given(slots, st.floats(-5, 70))
def test_now_changes_at_no_other_moment_than_the_next_change(
    items: list[tuple[int, int, float | None]], at: float
) -> None:
    known = rates([[start, start + length, value] for start, length, value in items if value is not None])
    change = next_change(known, at)
    assert change > at
    between = (at + min(change, at + 100)) / 2
    assert current(known, between) == current(known, at)


@given(slots)
def test_objects_and_lists_say_the_same(items: list[tuple[int, int, float | None]]) -> None:
    objects = [slot(start, start + length, value) for start, length, value in items]
    lists = [[NOON + start * HOUR, NOON + (start + length) * HOUR, value] for start, length, value in items]
    assert rates(objects) == rates(lists)
