"""The few seeds that run among the ordinary tests, chosen so that together they have as many kinds of faults as can be.

`python -m tests.chaos.seeds` chooses them anew: that is due when kinds of faults come or go, or the schedule changes.
"""

from collections.abc import Iterable
from itertools import islice

from tests.chaos.faults import faults
from tests.chaos.schedule import Burst, bursts
from tests.chaos.world import Variant

SEEDS = (285, 2742, 5461, 6420, 6571, 8327, 8666, 15676, 20098, 44446)
BURSTS = 3
"""Of each seed: one lone fault, which `status` must tell of, and two with several."""
_CANDIDATES = 100_000
_SECONDS = 2.0  # that the bursts of a seed may last, the first one aside


def schedule(seed: int) -> list[Burst]:
    """The bursts of a seed that is one of few."""
    return list(islice(bursts(seed, faults(tls=Variant.of(seed).tls), long=0), BURSTS))


def kinds(seeds: Iterable[int]) -> set[str]:
    """All kinds of faults that come with these seeds."""
    return {planned.fault.name for seed in seeds for burst in schedule(seed) for planned in burst}


def every_kind() -> set[str]:
    """All that there are."""
    return {fault.name for fault in faults(tls=True)}


def _seconds(seed: int) -> float:
    return sum(max(planned.begin + planned.seconds for planned in burst) for burst in schedule(seed)[1:])


def _choose() -> list[int]:
    """Greedily: the seed that adds most, each in a variant that is not there yet."""
    left = {seed: kinds([seed]) for seed in range(1, _CANDIDATES) if _seconds(seed) <= _SECONDS}
    chosen: list[int] = []
    seen: set[str] = set()
    while len(chosen) < len(SEEDS):
        variants = {Variant.of(seed) for seed in chosen}
        best = max(left, key=lambda seed: (Variant.of(seed) not in variants, len(left[seed] - seen)))
        chosen.append(best)
        seen |= left[best]
    return sorted(chosen)


def main() -> None:
    """Print the best seeds, and what they leave out."""
    chosen = _choose()
    missing = sorted(every_kind() - kinds(chosen))
    print(f"{chosen}: {len(kinds(chosen))} of {len(every_kind())} kinds, without {missing}")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
