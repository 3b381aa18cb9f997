"""How many lines the log gets: a flood of commands must not become a flood of lines."""

_LINES = 20
_SECONDS = 10.0


class Quota:
    """At most 20 lines in 10 s; the others are counted."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._lines = 0
        self.unsaid = 0

    def allows(self, now: float) -> bool:
        """Whether a line may be written at this moment of the monotonic clock; if not, it is counted in `unsaid`."""
        if now - self._began >= _SECONDS:
            self._began, self._lines = now, 0
        self._lines += 1
        if self._lines > _LINES:
            self.unsaid += 1
        return self._lines <= _LINES

    def take_unsaid(self) -> int:
        """How many lines were not written since this was last asked."""
        unsaid, self.unsaid = self.unsaid, 0
        return unsaid
