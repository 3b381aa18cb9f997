"""Ten fixed seeds, three bursts each: many variants of bridge and evcc, and nearly every kind of fault."""

import math
from pathlib import Path

import pytest

from tests.chaos.faults import DISK
from tests.chaos.run import chaos
from tests.chaos.seeds import BURSTS, SEEDS, coverage, every_quick_one, kinds, lone
from tests.chaos.world import Variant

_FEWEST_KINDS = 49  # of 56: a seed has room for two of the 26 that hit evcc, besides the lone one


def test_the_seeds_have_nearly_every_kind_of_fault() -> None:
    words = coverage(SEEDS)
    print(words)  # noqa: T201 - shown by `pytest -rP`, and when it fails
    assert len(kinds(SEEDS)) >= _FEWEST_KINDS, f"{words}; python -m tests.chaos.seeds finds better ones"
    assert lone(SEEDS) == every_quick_one(), words


def test_the_seeds_have_every_option_of_the_variants() -> None:
    variants = [Variant.of(seed) for seed in SEEDS]
    assert len(set(variants)) == len(variants)
    for options in ("era", "version", "push", "tls"):
        assert len({getattr(variant, options) for variant in variants}) == 2


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_promises_are_kept_among_faults(tmp_path: Path, seed: int) -> None:
    report = await chaos(tmp_path, seed, math.inf, print, long=0, most=BURSTS)
    print(report)  # noqa: T201 - as above
    assert not report.broken, report.broken[0]
    assert report.bursts == BURSTS
    assert kinds([seed]) - set(report.faults) <= {DISK.name}  # not every machine can fill one
    assert sum(map(len, report.offline.values())) > 0
    assert report.judged["values"] > 0
