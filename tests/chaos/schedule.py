"""Which faults happen when: decided by the seed alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.faults import Fault, weight

_MOST_AT_ONCE = 4
_SHORT, _LONG = (0.1, 2.0), (2.0, 12.0)


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault in its burst: seconds from the burst's begin, and how long it lasts."""

    fault: Fault
    begin: float
    seconds: float
    seed: int

    def __str__(self) -> str:
        return f"{self.fault.name} after {self.begin:.1f} s for {self.seconds:.1f} s"


Burst = tuple[Planned, ...]


def bursts(seed: int, kinds: Sequence[Fault], *, long: float) -> Iterator[Burst]:
    """Burst after burst, without end; `long` is the share of bursts that take up to a quarter of a minute."""
    random = Random(f"schedule {seed}")
    while True:
        least, most = _LONG if random.random() < long else _SHORT
        yield tuple(
            Planned(fault, random.uniform(0, least), random.uniform(least, most), random.getrandbits(32))
            for fault in _some(random, list(kinds))
        )


def _some(random: Random, kinds: list[Fault]) -> Iterator[Fault]:
    """A few faults, each in another place."""
    for _ in range(random.choices(range(1, _MOST_AT_ONCE + 1), (4, 3, 2, 1))[0]):
        [fault] = random.choices(kinds, [weight(kind, kinds) for kind in kinds])
        yield fault
        kinds = [kind for kind in kinds if kind.place != fault.place]
        if not kinds:
            return
