"""The planner, on tariffs that can be checked by hand and on any."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evcc_simulator.plans import Strategy, plan
from evcc_simulator.tariffs import Rate

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _tariff(*prices: float) -> list[Rate]:
    return [Rate(NOW + number * HOUR, NOW + (number + 1) * HOUR, price) for number, price in enumerate(prices)]


def _hours(slots: list[Rate]) -> list[tuple[float, float]]:
    return [((slot.start - NOW) / HOUR, (slot.end - NOW) / HOUR) for slot in slots]


def test_takes_the_cheapest_slots_and_of_equals_the_latest() -> None:
    found = plan(_tariff(3, 1, 2, 2, 3), 2 * HOUR, NOW + 5 * HOUR, NOW, Strategy())
    assert _hours(found) == [(1, 2), (3, 4)]


def test_shortens_the_last_slot_it_takes() -> None:
    found = plan(_tariff(3, 1, 2, 3), 1.5 * HOUR, NOW + 4 * HOUR, NOW, Strategy())
    assert _hours(found) == [(1, 2), (2, 2.5)]


def test_starts_as_late_as_possible_where_the_shortened_slot_is_the_first() -> None:
    found = plan(_tariff(3, 2, 1, 3), 1.5 * HOUR, NOW + 4 * HOUR, NOW, Strategy())
    assert _hours(found) == [(1.5, 2), (2, 3)]


def test_charges_in_one_piece_where_that_is_cheapest() -> None:
    found = plan(_tariff(1, 3, 2, 2, 1), 2 * HOUR, NOW + 5 * HOUR, NOW, Strategy(continuous=True))
    assert _hours(found) == [(3, 4), (4, 5)]


def test_keeps_some_for_the_end() -> None:
    found = plan(_tariff(1, 1, 5, 9), 2 * HOUR, NOW + 4 * HOUR, NOW, Strategy(precondition=0.5 * HOUR))
    assert _hours(found) == [(0.5, 1), (1, 2), (3.5, 4)]


def test_all_of_it_right_before_the_end() -> None:
    found = plan(_tariff(1, 1, 5, 9), HOUR, NOW + 4 * HOUR, NOW, Strategy(precondition=2 * HOUR))
    assert _hours(found) == [(3, 4)]


def test_begins_at_once_when_time_is_short() -> None:
    assert _hours(plan(_tariff(1, 1), 3 * HOUR, NOW + 2 * HOUR, NOW, Strategy())) == [(0, 3)]


def test_nothing_to_do() -> None:
    assert plan(_tariff(1), timedelta(0), NOW + HOUR, NOW, Strategy()) == []


@given(
    prices=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    need=st.integers(1, 30 * 60),
    continuous=st.booleans(),
    late=st.integers(0, 120),
)
def test_charges_exactly_as_long_as_needed_in_order_and_before_the_end(
    prices: list[int], need: int, continuous: bool, late: int
) -> None:
    target = NOW + len(prices) * HOUR
    duration = timedelta(minutes=min(need, 60 * len(prices)))
    found = plan(_tariff(*prices), duration, target, NOW, Strategy(continuous, timedelta(minutes=late)))
    assert sum((slot.duration for slot in found), timedelta(0)) == duration
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert found[0].start >= NOW
    assert found[-1].end <= target
