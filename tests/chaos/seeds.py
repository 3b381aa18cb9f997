"""The few seeds that run among the ordinary tests, chosen so that together they have as many kinds of faults as can be.

`python -m tests.chaos.seeds` chooses them anew: that is due when kinds of faults come or go, or the schedule changes.
"""

from collections.abc import Iterable
from itertools import islice

from tests.chaos.faults import faults
from tests.chaos.schedule import Burst, Planned, bursts, quick
from tests.chaos.world import Variant, possible

SEEDS = (63, 761, 1058, 1536, 7384, 7601, 15676, 16557, 41621, 65991)
BURSTS = 3
"""Of each seed: one lone fault, which `status` must tell of, and two with several."""
_CANDIDATES = 100_000
_SECONDS = 2.8  # that the bursts of a seed may last


def planned(seed: int) -> list[Planned]:
    """What comes with a seed that is one of few."""
    return [one for burst in _schedule(seed) for one in burst]


def kinds(seeds: Iterable[int]) -> set[str]:
    """All kinds of faults that come with these seeds."""
    return {one.fault.name for seed in seeds for one in planned(seed)}


def lone(seeds: Iterable[int]) -> set[str]:
    """Those that come alone."""
    return {one.fault.name for seed in seeds for one in planned(seed) if one.alone}


def every_kind() -> set[str]:
    """All kinds that there are."""
    return {fault.name for fault in faults(tls=True, push=True)}


def coverage(seeds: Iterable[int]) -> str:
    """How many kinds come with these seeds, and which do not."""
    seeds, there = list(seeds), every_kind()
    found = kinds(seeds)
    return f"{len(found)} of {len(there)} kinds, without {sorted(there - found)}; alone {sorted(lone(seeds))}"


def every_quick_one() -> set[str]:
    """All that come alone where no burst is long, in some variant."""
    return {kind.name for kind in quick(faults(tls=True, push=True))}


def _schedule(seed: int) -> list[Burst]:
    return list(islice(bursts(seed, possible(Variant.of(seed)), long=0), BURSTS))


def _seconds(seed: int) -> float:
    return sum(max(one.begin + one.seconds for one in burst) for burst in _schedule(seed))


def _choose() -> list[int]:
    """Greedily: the seed that adds most, each in a variant that is not there yet; what comes alone counts twice."""
    short = [seed for seed in range(1, _CANDIDATES) if _seconds(seed) <= _SECONDS]
    adds = {seed: {(one.fault.name, alone) for one in planned(seed) for alone in {False, one.alone}} for seed in short}
    chosen: list[int] = []
    seen: set[tuple[str, bool]] = set()
    while len(chosen) < len(SEEDS):
        variants = {Variant.of(seed) for seed in chosen}
        best = max(short, key=lambda seed: (Variant.of(seed) not in variants, len(adds[seed] - seen)))
        chosen.append(best)
        seen |= adds[best]
    return sorted(chosen)


def main() -> None:
    """Print the best seeds, and what they leave out."""
    chosen = _choose()
    print(f"{chosen}: {coverage(chosen)}")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
