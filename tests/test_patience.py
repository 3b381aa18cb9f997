"""How long tests wait, by the load of the machine when they start."""

import os

import pytest

from tests import patience


@pytest.mark.parametrize(
    ("load", "processors", "factor"), [(0.1, 2, 1), (2, 2, 1), (17, 2, 8.5), (17, 8, 2.125), (3, None, 3)]
)
def test_the_busier_the_machine_the_longer(
    monkeypatch: pytest.MonkeyPatch, load: float, processors: int | None, factor: float
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0, 0))
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert patience.busyness() == factor
    assert patience.limit(2) == 8 * factor


def test_a_test_waits_a_minute_at_least_and_may_wait_several_times(pytestconfig: pytest.Config) -> None:
    assert patience.PATIENCE >= 60
    assert float(os.environ["PYTEST_TIMEOUT"]) >= 5 * patience.PATIENCE
    assert not pytestconfig.getini("timeout"), "it would be a second setting"
