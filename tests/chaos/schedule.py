"""Which faults happen when: decided by the seed alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from tests.chaos.faults import Fault, weights

_MOST_AT_ONCE = 4
_SHORT, _LONG = (0.1, 2.0), (2.0, 12.0)
_SETS_OF = 4  # bursts; the first of each set is a lone fault
_SOON = 3.0  # seconds in which `status` must tell of a lone fault where no burst is to be long


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault in its burst: seconds from the burst's begin, and how long it lasts.

    One that is `alone` lasts until `status` has told of it, and so much longer.
    """

    fault: Fault
    begin: float
    seconds: float
    seed: int
    alone: bool = False

    def __str__(self) -> str:
        if self.alone:
            return f"{self.fault.name} alone, until status is offline and for {self.seconds:.1f} s"
        return f"{self.fault.name} after {self.begin:.1f} s for {self.seconds:.1f} s"


Burst = tuple[Planned, ...]


def bursts(seed: int, kinds: Sequence[Fault], *, long: float) -> Iterator[Burst]:
    """Burst after burst, without end; `long` is the share of bursts that take up to a quarter of a minute.

    Some have one fault alone, which takes evcc or the bridge away: among others it can seldom be told whether
    `status` is `offline` in time. Which it is goes round from seed to seed, and within a seed.
    """
    random = Random(f"schedule {seed}")
    lone = [kind for kind in kinds if kind.alone] if long else quick(kinds)
    for number in count():
        least, most = _LONG if random.random() < long else _SHORT
        sets, place = divmod(number, _SETS_OF)
        if lone and not place:
            fault = lone[(seed + sets) % len(lone)]
            yield (Planned(fault, 0.0, random.uniform(least, most), random.getrandbits(32), alone=True),)
        else:
            yield tuple(
                Planned(fault, random.uniform(0, least), random.uniform(least, most), random.getrandbits(32))
                for fault in _some(random, list(kinds))
            )


def quick(kinds: Iterable[Fault]) -> list[Fault]:
    """Those of which `status` tells soon when they come alone."""
    return [kind for kind in kinds if kind.alone and kind.alone <= _SOON]


def _some(random: Random, kinds: list[Fault]) -> Iterator[Fault]:
    """A few faults, each in another place."""
    for _ in range(random.choices(range(1, _MOST_AT_ONCE + 1), (4, 3, 2, 1))[0]):
        [fault] = random.choices(kinds, weights(kinds))
        yield fault
        kinds = [kind for kind in kinds if kind.place != fault.place]
        if not kinds:
            return
