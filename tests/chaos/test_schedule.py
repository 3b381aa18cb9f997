from itertools import islice

import pytest

from bridge.demo.faults import FAULTS
from bridge.demo.push import PushFault
from tests.chaos.faults import faults
from tests.chaos.schedule import bursts
from tests.chaos.world import Variant


def test_a_seed_gives_the_same_bursts_again() -> None:
    kinds = faults(tls=True, disk=True)
    first, again = (list(islice(bursts(7, kinds, long=0.3), 50)) for _ in range(2))
    assert first == again
    assert first != list(islice(bursts(8, kinds, long=0.3), 50))


@pytest.mark.parametrize("tls", [True, False])
def test_every_fault_comes_and_none_meets_another_in_its_place(*, tls: bool) -> None:
    kinds = faults(tls=tls, disk=True)
    seen = set()
    for burst in islice(bursts(1, kinds, long=0.3), 2000):
        places = [planned.fault.place for planned in burst]
        assert len(places) == len(set(places))
        seen |= {planned.fault.name for planned in burst}
    assert seen == {fault.name for fault in kinds}


def test_every_mode_of_the_simulator_is_there() -> None:
    names = {fault.name for fault in faults(tls=False, disk=False)}
    assert {f"evcc answers: {name}" for name in FAULTS} | {f"push {fault.value}" for fault in PushFault} <= names


def test_sixteen_seeds_have_every_variant() -> None:
    assert len({Variant.of(seed) for seed in range(16)}) == 16
