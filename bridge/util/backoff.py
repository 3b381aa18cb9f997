"""Growing pauses between attempts, spread so that many clients do not come back at the same instant."""

import random


class Backoff:
    """Seconds before the next attempt: from `first`, half as long again each time, to `longest`; a fifth up or down."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self, longest: float | None = None) -> float:
        """The seconds to wait now; `longest` replaces the usual limit this time."""
        seconds = min(self._next, longest or self._longest)
        self._next = min(self._next * 1.5, longest or self._longest)
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Begin again: the last attempt held."""
        self._next = self._first
