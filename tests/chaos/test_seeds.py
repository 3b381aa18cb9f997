"""Ten fixed seeds, a few seconds each: every variant of bridge and evcc, and a taste of the faults."""

from pathlib import Path

import pytest

from tests.chaos.run import chaos

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_SECONDS = 4.0


@pytest.mark.parametrize("seed", range(1, 11))
async def test_promises_are_kept_among_faults(tmp_path: Path, seed: int) -> None:
    report = await chaos(tmp_path, seed, _SECONDS, print, long=0)
    assert not report.broken, report.broken[0]
    assert report.bursts >= 1
    assert report.faults.total() >= report.bursts
