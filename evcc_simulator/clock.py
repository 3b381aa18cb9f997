"""The house's own clock: real time, or faster, or moved on by hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Clock:
    """Seconds since 1970 as the simulated house sees them.

    `start` is what it shows at first; `speed` is how many of its seconds pass in one real second,
    0 for a clock that only `advance` moves.
    """

    start: float = field(default_factory=time.time)
    speed: float = 1.0
    tick: Callable[[], float] = time.monotonic
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.tick()

    def now(self) -> float:
        return self.start + (self.tick() - self._began) * self.speed

    def advance(self, seconds: float) -> None:
        self.start += seconds
