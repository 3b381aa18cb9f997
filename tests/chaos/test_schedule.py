from itertools import islice

import pytest

from evcc_simulator.faults import FAULTS
from evcc_simulator.push import PushFault
from tests.chaos.faults import faults, weights
from tests.chaos.schedule import bursts
from tests.chaos.world import Variant


def test_a_seed_gives_the_same_bursts_again() -> None:
    kinds = faults(tls=True, push=True)
    first, again = (list(islice(bursts(7, kinds, long=0.3), 50)) for _ in range(2))
    assert first == again
    assert first != list(islice(bursts(8, kinds, long=0.3), 50))


@pytest.mark.parametrize("tls", [True, False])
def test_every_fault_comes_and_none_meets_another_in_its_place(*, tls: bool) -> None:
    kinds = faults(tls=tls, push=True)
    seen = set()
    for burst in islice(bursts(1, kinds, long=0.3), 2000):
        places = [planned.fault.place for planned in burst]
        assert len(places) == len(set(places))
        seen |= {planned.fault.name for planned in burst}
    assert seen == {fault.name for fault in kinds}


def test_every_mode_of_the_simulator_is_there() -> None:
    names = {fault.name for fault in faults(tls=False, push=True)}
    assert {f"evcc answers: {name}" for name in FAULTS} | {f"push {fault.value}" for fault in PushFault} <= names


def test_sixteen_seeds_have_every_variant() -> None:
    assert len({Variant.of(seed) for seed in range(16)}) == 16


def _alone(seed: int, *, tls: bool, long: float, count: int) -> list[str]:
    """The first lone faults of a seed."""
    found = (burst for burst in bursts(seed, faults(tls=tls, push=True), long=long) if burst[0].alone)
    return [planned.fault.name for [planned] in islice(found, count)]


def test_every_fault_that_takes_somebody_away_comes_alone_too() -> None:
    named = {fault.name for fault in faults(tls=True, push=True) if fault.offline}
    assert set(_alone(1, tls=True, long=0.25, count=len(named))) == named


def test_a_seed_begins_with_a_lone_fault_and_another_than_the_next_seed() -> None:
    assert all(next(bursts(seed, faults(tls=False, push=True), long=0))[0].alone for seed in range(20))
    assert {_alone(seed, tls=False, long=0, count=1)[0] for seed in range(7)} == {
        "bridge killed",
        "bridge restarted",
        "bridge stopped at its start",
        "evcc killed",
        "link to broker refused",
        "link to broker mute",
        "link to evcc refused",
    }


def test_evccs_process_is_hit_as_often_as_a_place_of_its_own() -> None:
    kinds = faults(tls=True, push=True)
    shares = dict(zip((kind.name for kind in kinds), weights(kinds), strict=True))
    process = sum(shares[name] for name in ("evcc killed", "evcc frozen", "evcc restarts"))
    assert process == pytest.approx(sum(share for name, share in shares.items() if name.startswith("link to evcc")))
