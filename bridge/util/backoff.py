"""Growing pauses between attempts, with jitter so that many clients do not come back at the same instant."""

import random

_JITTER = 0.2


class Backoff:
    """Seconds before the next attempt: `first`, then half as long again each time up to `longest`; each ±20 %."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self, longest: float | None = None) -> float:
        """The seconds to wait now; `longest` replaces the usual limit this time."""
        seconds = min(self._next, longest or self._longest)
        self._next = min(self._next * 1.5, longest or self._longest)
        return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Start again with the shortest pause."""
        self._next = self._first
