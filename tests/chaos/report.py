"""What a run did and saw, and how much of it was judged."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Report:
    """What a run did and saw."""

    faults: Counter[str] = field(default_factory=Counter)
    commands: int = 0
    judged: Counter[str] = field(default_factory=Counter)
    """How much of what was judged, that is: would have been found broken."""
    answers: Counter[str] = field(default_factory=Counter)
    bursts: int = 0
    offline: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By lone fault: the seconds until `status` was offline."""
    offline_among: Counter[str] = field(default_factory=Counter)
    """The same promise checked while other faults were there, or had just been."""
    online: list[float] = field(default_factory=list)
    """Seconds from the end of the faults of a burst until `status` was online."""
    equal: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    """Resident bytes in each calm."""
    broken: list[str] = field(default_factory=list)
    """What was not kept, and what led to it."""

    def __iadd__(self, other: "Report") -> Self:
        self.faults += other.faults
        self.commands += other.commands
        self.judged += other.judged
        self.answers += other.answers
        for kind, seconds in other.offline.items():
            self.offline[kind] += seconds
        self.offline_among += other.offline_among
        self.bursts += other.bursts
        self.online += other.online
        self.equal += other.equal
        self.memory += other.memory
        self.broken += other.broken
        return self

    def __str__(self) -> str:
        kinds = "".join(f"\n  {count:5} {kind}" for kind, count in sorted(self.faults.items()))
        return (
            f"{self.bursts} bursts, {self.faults.total()} faults, {self.commands} commands acknowledged, "
            f"answers: {dict(self.answers)}\n"
            f"judged: {self.judged['commands']} commands for exactly one answer, {self.judged['order']} calls "
            f"for order, {self.judged['deadline']} of them for the deadline, {self.judged['values']} values, "
            f"{self.judged['lent']} loans that evcc took, after {self.judged['returned']} of which a value came back\n"
            f"{self._offline()}\n"
            f"online after at most {max(self.online, default=0):.1f} s, equal after at most "
            f"{max(self.equal, default=0):.1f} s, memory {_megabytes(self.memory)}, faults:{kinds}"
        )

    def _offline(self) -> str:
        """The checks of `offline`, by kind."""
        alone = "".join(
            f"\n  {len(seconds):5} {kind}, at most {max(seconds):.2f} s"
            for kind, seconds in sorted(self.offline.items())
        )
        among = "".join(f"\n  {count:5} {kind}" for kind, count in sorted(self.offline_among.items()))
        return (
            f"offline checks made: {sum(map(len, self.offline.values()))} with lone faults{alone}\n"
            f"and {self.offline_among.total()} among other faults{among}"
        )


def _megabytes(values: list[int]) -> str:
    if not values:
        return "unknown"
    least, most = (f"{value / 2**20:.1f}" for value in (min(values), max(values)))
    return f"{least} to {most} MB"
