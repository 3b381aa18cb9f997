import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.util.backoff import Backoff


def test_pauses_grow_by_half_to_the_longest_and_begin_again() -> None:
    backoff = Backoff(1.0, 4.0)
    for expected in (1.0, 1.5, 2.25, 3.375, 4.0, 4.0):
        assert backoff.next() == pytest.approx(expected, rel=0.2)
    backoff.reset()
    assert backoff.next() == pytest.approx(1.0, rel=0.2)


def test_another_limit_for_once() -> None:
    backoff = Backoff(1.0, 4.0)
    for _ in range(20):
        backoff.next(100.0)
    assert backoff.next(100.0) == pytest.approx(100.0, rel=0.2)
    assert backoff.next() <= 4.0 * 1.2


def test_pauses_are_spread() -> None:
    assert len({Backoff(1.0, 4.0).next() for _ in range(20)}) > 10


@given(st.lists(st.one_of(st.none(), st.floats(0.1, 1000)), max_size=30))
def test_no_pause_is_longer_than_allowed_or_shorter_than_the_first(limits: list[float | None]) -> None:
    backoff = Backoff(0.1, 30.0)
    for limit in limits:
        assert 0.1 * 0.79 <= backoff.next(limit) <= (limit or 30.0) * 1.21
